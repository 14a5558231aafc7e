"""`check`: what it finds of the cluster and of servers, told once, and how it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import check as check_verb
from snow_ha_plugin.cli import status_view
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance, intent
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports.overview import overview
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.errors import SnowHaError, TimedOutError, UnavailableError
from snow_ha_plugin.guide import check as looking
from snow_ha_plugin.guide import corosync, settings
from snow_ha_plugin.guide.check import Checked
from snow_ha_plugin.guide.section import ConfigurationStep, Step
from snow_ha_plugin.model import Change, ClusterState, Finding, NodeState, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.command import Result
from tests.captures import guide_cluster
from tests.unit.conftest import Machines


@pytest.fixture
def asked(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each server is asked; snow02 does not answer."""
    count: Counter[str] = Counter()
    real = machines._reach

    def reach(server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        count[server] += 1
        if server == "snow02":
            raise UnavailableError("snow02 cannot be reached", "No route to host", "make ssh work")
        return real(server, argv, stdin, timeout_s)

    monkeypatch.setattr(machines, "_reach", reach)
    return count


def test_a_dead_server_is_asked_once_and_told_once(site: Site, machines: Machines, asked: Counter[str]) -> None:
    machines.stand_in("findmnt", "exit 1")
    checked = looking.check(site)
    found = [*checked.findings, *checked.todo]
    about = [finding for finding in found if "snow02" in finding.message]
    assert [finding.id for finding in about] == ["unreachable"]
    assert "No route to host" in about[0].message
    assert asked["snow02"] == 1
    assert "/sNow is not a mount on snow01" in " ".join(finding.message for finding in found)


def test_a_dead_server_makes_nobody_blame_a_configuration_written_by_hand(
    site: Site, machines: Machines, asked: Counter[str]
) -> None:
    nodes = "".join(f"node {{\nname: {name}\n}}\n" for name in site.servers.names)
    machines.file("snow01", corosync.PATH).write_text(f"totem {{\nsecauth: on\n}}\nnodelist {{\n{nodes}}}\n")
    site.servers.leave_out_silent(1)
    assert [finding.id for finding in corosync.check_foreign(site)] == ["corosync-by-hand"]


def test_a_server_that_says_nothing_at_all_is_told_in_words(site: Site) -> None:
    silent = TimedOutError("ssh did not end within 3 s", "ssh -o BatchMode=yes -o ConnectTimeout=5 snow02 -- true")
    told = looking._unreachable("snow02", silent)
    assert told.message == "snow02 does not answer ssh, and was not looked at: nothing came within 3 s"


def test_a_name_in_snow_conf_that_nobody_reads_is_a_warning(site: Site) -> None:
    conf = site.conf._replace(unknown=((7, "SNOW_HA_WATCHDOG", "SNOW_HA_WATCHDOG_S"), (9, "SNOW_HA_Q", "")))
    first, second = settings.check(replace(site, conf=conf))
    assert (first.id, first.severity) == ("unknown-setting", Severity.WARNING)
    assert first.message == "/sNow/snow-tools/etc/snow.conf:7: nobody reads SNOW_HA_WATCHDOG"
    assert (first.remedy, second.remedy) == ("did you mean SNOW_HA_WATCHDOG_S", "see snow-ha-settings(5)")


DISK = Finding(Severity.ERROR, "image-missing", "the image of web01 is not there", subject="web01")


def step(title: str, *found: Finding | SnowHaError, mends: bool = False) -> Step:
    def look(site: Site) -> list[Finding]:
        for each in found:
            if isinstance(each, SnowHaError):
                raise each
        return [each for each in found if isinstance(each, Finding)]

    return Step(title.lower(), title, look, (lambda site: None) if mends else None)


class Cluster:
    """What `check` finds of a site: sections, and a cluster that is enabled, if there is one."""

    def __init__(self, site: Site, mocker: MockerFixture) -> None:
        self.site, self.mocker = site, mocker
        self.tree: cib.Tree | None = guide_cluster()
        self.state = ClusterState(True, False, (), ())
        self.missing: list[Change] = []
        mocker.patch.object(site.servers, "leave_out_silent")
        mocker.patch.object(looking.xen, "looked_at", lambda site: site)
        mocker.patch.object(looking.fencing, "configuration", lambda site: self.tree)
        mocker.patch.object(looking.fencing, "as_it_is", lambda site, _tree: (site, []))
        mocker.patch.object(
            looking, "CONFIGURATION_STEPS", (ConfigurationStep("all", "All", lambda site, tree: self.missing),)
        )

    def check(self, *steps: Step) -> Checked:
        self.mocker.patch.object(looking, "SERVER_STEPS", steps)
        self.mocker.patch.object(looking, "AFTERWARDS", ())
        if self.tree is not None:
            view = overview(self.tree, self.state, None, {})
            self.mocker.patch.object(looking.sight, "outlook")
            self.mocker.patch.object(looking.sight, "look", return_value=view)
        return looking.check(self.site)


@pytest.fixture
def cluster(site: Site, mocker: MockerFixture) -> Cluster:
    return Cluster(site, mocker)


def ids(found: Iterable[Finding]) -> list[str]:
    return [finding.id for finding in found]


def server(name: str, **fields: bool) -> NodeState:
    flags: dict[str, Any] = {"online": True, "standby": False, "maintenance": False, "unclean": False}
    return NodeState(name, **(flags | fields))


def test_what_status_sees_check_shows_too(cluster: Cluster) -> None:
    cluster.state = ClusterState(True, False, (server("snow01", standby=True), server("snow02", maintenance=True)), ())
    checked = cluster.check(step("Images", DISK), step("Bridges"))
    assert {"server-standby", "server-maintenance", "no-fencing", "image-missing"} <= set(ids(checked.findings))
    assert checked.fine == ("Bridges",)
    assert checked.word == Word.BROKEN


def test_two_findings_of_one_cause_are_told_once(cluster: Cluster) -> None:
    cluster.state = ClusterState(True, False, (server("snow02", online=False),), ())
    told = Finding(Severity.ERROR, "server-offline", "snow02 is not online in the cluster", subject="snow02")
    assert ids(cluster.check(step("Start", told)).findings).count("server-offline") == 1
    cluster.site.servers.silent["snow02"] = UnavailableError("snow02 cannot be reached")
    found = ids(cluster.check(step("Start")).findings)
    assert (found.count("unreachable"), found.count("server-offline")) == (1, 0)


@pytest.mark.parametrize(
    ("state", "accepted", "found", "word"),
    [
        (ClusterState(True, False, (), ()), True, (), Word.HEALTHY),
        (ClusterState(True, False, (), ()), False, (), Word.DEGRADED),
        (ClusterState(True, False, (), ()), True, (DISK,), Word.BROKEN),
        (ClusterState(False, False, (), ()), True, (), Word.CANNOT_TELL),
    ],
)
def test_the_word_is_that_of_status(
    cluster: Cluster, state: ClusterState, accepted: bool, found: tuple[Finding, ...], word: Word
) -> None:
    cluster.state = state
    assert cluster.tree is not None
    # Their domains do not run in this state.
    intent.want(cluster.tree, cib.domains(cluster.tree), "Stopped")
    if accepted:
        acceptance.accept(cluster.tree, [Acceptance("no-fencing", "", Severity.ERROR, 0, 2**40)])
    checked = cluster.check(step("Images", *found))
    assert checked.word == word
    assert [finding.id for finding, _ in checked.accepted] == (["no-fencing"] if accepted else [])


def test_before_enable_what_it_mends_is_no_error(cluster: Cluster) -> None:
    cluster.tree = None
    cluster.missing = [Change("register", "web01", "register web01")]
    key = Finding(Severity.ERROR, "authkey-missing", "snow01 has no key")
    checked = cluster.check(step("Images", DISK), step("Key", key, mends=True))
    assert (checked.word, ids(checked.findings)) == (Word.NOT_ENABLED, ["image-missing"])
    assert ids(checked.todo) == ["authkey-missing", "not-configured"]


def test_in_a_cluster_that_is_enabled_the_same_is_one(cluster: Cluster) -> None:
    cluster.missing = [Change("register", "web01", "register web01")]
    key = Finding(Severity.ERROR, "authkey-missing", "snow01 has no key")
    checked = cluster.check(step("Key", key, mends=True))
    assert {"authkey-missing", "not-configured"} <= set(ids(checked.findings))
    assert checked.todo == ()


def test_a_section_that_cannot_be_looked_at_is_a_finding(cluster: Cluster) -> None:
    checked = cluster.check(step("Xen", UnavailableError("xl does not answer", "on snow01")), step("Bridges"))
    (told,) = [finding for finding in checked.findings if finding.id == "not-looked-at"]
    assert told.message == "Xen: xl does not answer; on snow01"
    assert checked.fine == ("Bridges",)


def test_without_pacemaker_the_servers_are_looked_at(cluster: Cluster) -> None:
    cluster.tree = guide_cluster()
    down = Finding(Severity.ERROR, "cluster-down", "Pacemaker does not run on this server")
    cluster.check(step("Start", down))
    cluster.mocker.patch.object(looking.sight, "look", side_effect=UnavailableError("Pacemaker does not run"))
    assert ids(looking.check(cluster.site).findings) == ["cluster-down"]


def test_the_screen_has_what_is_wrong_last_and_a_summary(cluster: Cluster, mocker: MockerFixture) -> None:
    cluster.tree = None
    cluster.missing = [Change("register", "web01", "register web01")]
    checked = cluster.check(step("Images", DISK), step("Bridges"), step("Packages"))
    mocker.patch.object(status_view, "columns", return_value=80)
    lines = [click.unstyle(line) for line in check_verb._lines(cluster.site, checked, verbose=False, took_s=1.5)]
    assert lines == [
        "ok    Bridges, Packages",
        "todo  1 thing that enable does; snow ha check -v lists them",
        "ERROR image-missing  the image of web01 is not there",
        "NOT ENABLED  1 error, 0 warnings; 2 servers, 0 domains, 1.5 s",
        "next: snow ha enable --dry-run shows what would be done, snow ha enable does it",
    ]
    verbose = list(check_verb._lines(cluster.site, checked, verbose=True, took_s=1.5))
    assert "      not-configured  still to do in the CIB: register web01" in [click.unstyle(line) for line in verbose]
    shown = check_verb._json(checked, [])
    assert (shown["verdict"], shown["fine"]) == ("not enabled", ["Bridges", "Packages"])


@pytest.fixture
def verb(site: Site, mocker: MockerFixture) -> MockerFixture:
    """`check` on a site where one look finds something, and the next one nothing."""
    mocker.patch.object(check_verb.options, "require_root")
    mocker.patch.object(check_verb.Site, "load", return_value=site)
    looks = [Checked(Word.BROKEN, (), (), (DISK,)), Checked(Word.HEALTHY, ("Images",), (), ())]
    mocker.patch.object(check_verb.looking, "check", side_effect=looks)
    mocker.patch.object(check_verb, "fix", return_value=[Change("fix", "web01", "put right: it was gone")])
    return mocker


@pytest.mark.parametrize(
    ("words", "first_line", "status"),
    [
        (["--fix"], "[*] put right: it was gone", 0),
        (["--fix", "--dry-run"], "[I] would put right: it was gone", 2),
        ([], "ERROR image-missing  the image of web01 is not there", 2),
    ],
)
def test_what_was_put_right_is_told_before_what_is_left(
    verb: MockerFixture, words: list[str], first_line: str, status: int
) -> None:
    ended = CliRunner().invoke(check_verb.check, words)
    assert (ended.output.splitlines()[0], ended.exit_code) == (first_line, status)


@pytest.mark.parametrize("words", [["--dry-run"], ["--fix", "--migration"]])
def test_what_goes_with_fix_and_what_does_not(verb: MockerFixture, words: list[str]) -> None:
    assert CliRunner().invoke(check_verb.check, words).exit_code == 2
    assert check_verb.fix.call_count == 0  # type: ignore[attr-defined]
