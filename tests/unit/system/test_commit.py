"""Committing to a cluster, by the real cibadmin, crm_diff and crm_verify on a CIB in a file (CIB_file)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoQuorumError,
    SnowHaError,
    TimedOutError,
    TryAgainError,
    UnavailableError,
)  # fmt: skip
from snow_ha_plugin.system import command, fencer, pacemaker
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.pacemaker import LiveCib
from tests.captures import domain, guide_cluster


class Cluster:
    """`history` is where configurations of before are kept."""

    def __init__(self, path: Path, history: Path) -> None:
        self.path, self.history = path, history
        self.put(guide_cluster())

    def put(self, tree: cib.Tree) -> None:
        self.path.write_bytes(cib.serialize(tree))

    @property
    def tree(self) -> cib.Tree:
        return cib.parse(self.path.read_bytes())


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_record: Path) -> Cluster:
    monkeypatch.setenv("CIB_file", str(tmp_path / "cib.xml"))
    return Cluster(tmp_path / "cib.xml", shared_record)


def with_web01(tree: cib.Tree) -> cib.Tree:
    new = cib.clone(tree)
    primitive.register(new, domain("web01"), 80)
    return new


def test_what_is_committed_is_there_and_what_was_there_is_kept(cluster: Cluster) -> None:
    old = LiveCib().read()
    LiveCib().commit(old, with_web01(old))
    assert "web01" in cib.domains(cluster.tree)
    assert cib.epoch(cluster.tree) != cib.epoch(old)
    (kept,) = cluster.history.iterdir()
    assert "web01" not in cib.domains(cib.parse(kept.read_bytes()))
    assert (kept.stat().st_mode & 0o777, cluster.history.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_somebody_else_has_changed_meanwhile_stays(cluster: Cluster) -> None:
    old = LiveCib().read()
    theirs = cib.clone(old)
    cib.put_option(theirs, "theirs", "cluster-delay", "61s")
    LiveCib().commit(old, theirs)
    with pytest.raises(TryAgainError):
        LiveCib().commit(old, with_web01(old))
    assert cib.options(cluster.tree)["cluster-delay"] == "61s"
    assert "web01" not in cib.domains(cluster.tree)


def test_states_that_change_meanwhile_are_no_reason_to_decide_anew(cluster: Cluster) -> None:
    old = LiveCib().read()
    meanwhile = cib.clone(old)
    meanwhile.set("num_updates", str(int(meanwhile.get("num_updates")) + 5))
    meanwhile.find("status/node_state").set("crm-debug-origin", "somebody")
    cluster.put(meanwhile)
    LiveCib().commit(old, with_web01(old))
    assert "web01" in cib.domains(cluster.tree)
    assert cluster.tree.find("status/node_state").get("crm-debug-origin") == "somebody"


def no_quorum(tree: cib.Tree) -> cib.Tree:
    tree.set("have-quorum", "0")
    return tree


def against_the_schema(tree: cib.Tree) -> cib.Tree:
    cib.add(cib.section(tree, "resources"), "primitive", id="x", **{"class": "nonsense"})
    return tree


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        (no_quorum, with_web01, NoQuorumError),
        (cib.clone, against_the_schema, ConfigurationError),
    ],
)
def test_what_must_not_be_committed_changes_nothing(
    cluster: Cluster,
    before: Callable[[cib.Tree], cib.Tree],
    after: Callable[[cib.Tree], cib.Tree],
    error: type[SnowHaError],
) -> None:
    cluster.put(before(guide_cluster()))
    data = cluster.path.read_bytes()
    old = LiveCib().read()
    with pytest.raises(error):
        LiveCib().commit(old, after(cib.clone(old)))
    assert cluster.path.read_bytes() == data
    assert not cluster.history.exists()


def test_what_pacemaker_refuses_is_told(cluster: Cluster, mocker: MockerFixture) -> None:
    real = command.run

    def run(argv: list[str], **options: object) -> Result:
        if argv[:2] == ["cibadmin", "--patch"]:
            return Result((), 1, b"", b"Call failed: no such luck")
        return real(argv, **options)  # type: ignore[arg-type]

    mocker.patch.object(command, "run", side_effect=run)
    old = LiveCib().read()
    with pytest.raises(ConfigurationError, match="no such luck"):
        LiveCib().commit(old, with_web01(old))


@pytest.mark.parametrize(
    ("status", "why"),
    [(pacemaker.NOT_CONNECTED, "Pacemaker does not run on this server; start it"), (1, "cannot be read; no reply")],
)
def test_a_cib_that_cannot_be_read_is_told(mocker: MockerFixture, status: int, why: str) -> None:
    mocker.patch.object(command, "run", return_value=Result((), status, b"", b"no reply"))
    with pytest.raises(UnavailableError, match=why):
        LiveCib().read()


# --- what is asked of a running cluster


@pytest.mark.parametrize(
    ("ask", "argv", "given_s"),
    [
        (lambda: pacemaker.wait_idle(300), "crm_resource --wait --timeout=300s", 310),
        (lambda: pacemaker.forget("nis01", "snow02"), "crm_resource --refresh --resource nis01 --node snow02", 90),
        (lambda: pacemaker.forget("nis01"), "crm_resource --refresh --resource nis01 --force", 90),
        (lambda: fencer.fence("snow02", 90), "stonith_admin --reboot snow02 --timeout=90", 100),
        (
            lambda: pacemaker.end_standby_until_reboot("snow02"),
            "crm_attribute --node snow02 --name standby --lifetime reboot --delete",
            None,
        ),
    ],
)
def test_each_question_is_put_once_and_a_failure_is_told(
    mocker: MockerFixture, ask: Callable[[], None], argv: str, given_s: int | None
) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, b"", b""))
    ask()
    (call,) = run.call_args_list
    assert " ".join(call.args[0]) == argv
    assert call.kwargs.get("timeout_s") == given_s
    run.return_value = Result((), 1, b"", b"no such luck")
    with pytest.raises(UnavailableError, match="no such luck"):
        ask()


def test_what_pacemaker_remembers_nothing_of_is_forgotten_on_all_nodes_and_not_on_one(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result((), pacemaker.NO_SUCH_OBJECT, b"", b"no such resource"))
    pacemaker.forget("nis01")
    with pytest.raises(UnavailableError, match="still remembers nis01; no such resource"):
        pacemaker.forget("nis01", "snow02")


def test_a_cluster_that_stays_busy_is_a_time_out(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result((), pacemaker.TIMED_OUT, b"", b""))
    with pytest.raises(TimedOutError, match="still busy after 300 s"):
        pacemaker.wait_idle(300)
