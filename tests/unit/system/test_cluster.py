"""A commit to a running cluster, with Pacemaker's own cibadmin on a file in the place of the cluster's CIB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.errors import ConfigurationError, NoQuorumError, TryAgainError, UnavailableError
from snow_ha_plugin.system import cluster, command, configurations, record, waiting
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.command import Result
from tests.captures import capture, domain


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that holds the CIB of the `cluster`, as version 0.1.0 has written it."""
    path = tmp_path / "cib.xml"
    path.write_bytes(capture("cibadmin-2.1.5-guide-domains.xml"))
    monkeypatch.setenv("CIB_file", str(path))
    return path


def history() -> list[Path]:
    return sorted(record.shared().glob("*"))


def fill_history() -> list[Path]:
    """As many configurations as there may be, all of long ago."""
    record.made(record.shared())
    for number in range(configurations.LENGTH):
        (record.shared() / f"20200101-0000{number:02}-0.{number}.xml").write_bytes(cib.serialize(cib.empty()))
    return history()


def adding(name: str) -> tuple[cib.Tree, cib.Tree]:
    old = LiveCluster().read()
    new = cib.clone(old)
    primitive.register(new, domain(name), 80)
    return old, new


def test_a_commit_is_one_change_of_the_configuration(live: Path) -> None:
    old, new = adding("web01")
    LiveCluster().commit(old, new)
    now = LiveCluster().read()
    assert "web01" in cib.domains(now)
    assert cib.epoch(now) == f"{old.get('admin_epoch')}.{int(old.get('epoch')) + 1}"


def outdated(live: Path) -> list[str]:
    tree = cib.parse(live.read_bytes()).find("configuration")
    return list(
        tree.xpath(".//@id[starts-with(., 'snow-ha-') and not(starts-with(., 'snow-ha--')) and not(../@class)]")
    )


def test_while_a_server_may_have_a_former_version_a_commit_writes_as_that_one_does(live: Path) -> None:
    before = outdated(live)
    assert "snow-ha-nis01-params" in before
    LiveCluster().commit(*adding("web01"))
    assert set(before) < set(outdated(live))
    assert "snow-ha-web01-params-xmfile" in outdated(live)
    # No former version has options of an operation.
    today = "//@id[starts-with(., 'snow-ha--') and not(ancestor::meta_attributes[parent::op])]"
    assert cib.parse(live.read_bytes()).xpath(today) == []


def test_former_ids_are_renewed_when_it_is_asked_for_and_from_then_on_written_so(live: Path) -> None:
    cluster = LiveCluster()
    cluster.read()
    assert cluster.had_former_ids and cluster.renew_ids(dry_run=True)
    assert outdated(live)
    assert cluster.renew_ids()
    assert outdated(live) == []
    cluster.read()
    assert not cluster.had_former_ids and not cluster.renew_ids()
    assert len(history()) == 1
    LiveCluster().commit(*adding("web01"))
    assert outdated(live) == []
    assert b'"snow-ha--params--web01"' in live.read_bytes()


def test_a_configuration_that_somebody_else_has_changed_is_decided_anew(live: Path) -> None:
    mine, theirs = adding("web01"), adding("web02")
    LiveCluster().commit(*theirs)
    with pytest.raises(TryAgainError):
        LiveCluster().commit(*mine)
    assert "web01" not in cib.domains(LiveCluster().read())


def test_states_that_have_changed_meanwhile_do_not_matter(live: Path) -> None:
    old, new = adding("web01")
    meanwhile = cib.parse(live.read_bytes())
    meanwhile.set("num_updates", "77")
    meanwhile.find("status/node_state").set("crm-debug-origin", "somebody")
    live.write_bytes(cib.serialize(meanwhile))
    LiveCluster().commit(old, new)
    assert "web01" in cib.domains(LiveCluster().read())
    assert LiveCluster().read().find("status/node_state").get("crm-debug-origin") == "somebody"


def test_the_configuration_of_before_is_kept_for_root_alone(live: Path) -> None:
    before = cib.parse(live.read_bytes())
    LiveCluster().commit(*adding("web01"))
    (kept,) = history()
    assert cib.serialize(cib.parse(kept.read_bytes())) == cib.serialize(before)
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert cib.epoch(before) in kept.name


def test_the_oldest_goes(live: Path) -> None:
    before = fill_history()
    LiveCluster().commit(*adding("web01"))
    assert len(history()) == configurations.LENGTH
    assert history()[:-1] == before[1:]


@pytest.mark.parametrize(("exit_code", "why"), [(cluster.OLD, "somebody else has changed"), (1, "no such luck")])
def test_a_commit_that_is_refused_is_told_and_costs_no_history(
    live: Path, mocker: MockerFixture, exit_code: int, why: str
) -> None:
    before = fill_history()
    real = command.run

    def refusing(argv: Sequence[str], **options: object) -> Result:
        if "--patch" in argv:
            return Result(tuple(argv), exit_code, b"", b"no such luck")
        return real(argv, **options)  # type: ignore[arg-type]

    change = adding("web01")
    mocker.patch.object(command, "run", side_effect=refusing)
    mocker.patch.object(cluster, "PATCH_TRIES", 3)
    with pytest.raises((TryAgainError, ConfigurationError), match=why):
        LiveCluster().commit(*change)
    assert history() == before


def test_nothing_is_changed_without_quorum(live: Path) -> None:
    old, new = adding("web01")
    old.set("have-quorum", "0")
    before = live.read_bytes()
    with pytest.raises(NoQuorumError):
        LiveCluster().commit(old, new)
    assert live.read_bytes() == before


def test_a_server_that_the_others_have_not_taken_in_yet_changes_nothing(live: Path, mocker: MockerFixture) -> None:
    """Its CIB would be the newest of all, and knows nothing of what runs on the others."""
    joined = live.read_bytes()
    started = joined.replace(b' dc-uuid="1"', b"")
    live.write_bytes(started)
    mocker.patch.object(cluster, "JOINED_WITHIN_S", 0)
    for change in (lambda: LiveCluster().commit(*adding("web01")), LiveCluster().renew_ids):
        with pytest.raises(TryAgainError, match="not in the cluster yet"):
            change()
    assert (live.read_bytes(), history()) == (started, [])
    mocker.patch.object(cluster, "JOINED_WITHIN_S", 60)
    mocker.patch.object(waiting.time, "sleep", side_effect=lambda _: live.write_bytes(joined))
    with pytest.raises(TryAgainError):
        LiveCluster().commit(*adding("web01"))
    LiveCluster().commit(*adding("web01"))
    assert "web01" in cib.domains(LiveCluster().read())


def test_what_crm_verify_refuses_is_not_committed(live: Path) -> None:
    old, new = adding("web01")
    cib.add(cib.section(new, "constraints"), "rsc_location", id="x", rsc="nobody", node="snow01", score="much")
    before = live.read_bytes()
    with pytest.raises(ConfigurationError):
        LiveCluster().commit(old, new)
    assert live.read_bytes() == before
    assert history() == []


@pytest.mark.parametrize(
    ("status", "why"),
    [(cluster.NOT_CONNECTED, "Pacemaker does not run on this server; start it"), (1, "cannot be read; no reply")],
)
def test_a_cib_that_cannot_be_read_is_told(mocker: MockerFixture, status: int, why: str) -> None:
    mocker.patch.object(command, "run", return_value=Result((), status, b"", b"no reply"))
    with pytest.raises(UnavailableError, match=why):
        LiveCluster().read()
