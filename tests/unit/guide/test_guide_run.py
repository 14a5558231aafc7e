"""The guide forwards and backwards: in which order, what a dry run leaves alone, and what stops it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, fencing
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import AFTERWARDS, CONFIGURATION_STEPS, SERVER_STEPS, disable, enable, events, hook
from snow_ha_plugin.guide.run import Blocked
from snow_ha_plugin.guide.section import ConfigurationStep, Step
from snow_ha_plugin.model import Change, Finding, Guest, Hypervisor, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import command, lock, xen
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.command import Result
from tests.captures import capture, domain, guide_cluster
from tests.unit.conftest import Machines
from tests.unit.operations.test_transaction import Memory


@pytest.mark.parametrize("section", [*SERVER_STEPS, *CONFIGURATION_STEPS, *AFTERWARDS], ids=lambda each: each.name)
def test_a_section_has_a_name_for_programs_and_a_title_for_readers(section: Step | ConfigurationStep) -> None:
    assert re.fullmatch("[a-z][a-z-]*", section.name)
    assert section.title != section.name
    assert section.title[0].isupper() or section.title.startswith("corosync")


@dataclass
class Screen:
    told: list[str] = field(default_factory=list)

    @contextmanager
    def progress(self, title: str, takes: str = "") -> Iterator[None]:
        yield

    def changes(self, done: Iterable[Change]) -> None:
        self.told += [change.message for change in done]

    def info(self, text: str) -> None:
        self.told.append(text)

    def warning(self, text: str) -> None: ...


def error(name: str, exit_code: int = 78) -> Finding:
    return Finding(Severity.ERROR, name, f"{name} is wrong", "mend it", exit_code)


class Guide:
    """Sections that write down what is done; `broken` are those that find something, `stubborn` stay so."""

    def __init__(self, site: Site, mocker: MockerFixture) -> None:
        self.log: list[str] = []
        self.broken = {"first", "second", "hook"}
        self.stubborn: set[str] = set()
        self.cluster = Memory(guide_cluster())
        self.site = replace(site, cluster=cast(LiveCluster, self.cluster), fencing=fencing.NONE)
        self.screen = Screen()
        steps = (self.step("look", False), self.step("first"), self.step("look too", False), self.step("second"))
        mocker.patch.object(enable, "SERVER_STEPS", steps)
        mocker.patch.object(enable, "CONFIGURATION_STEPS", (ConfigurationStep("option", "Option", self.edit),))
        mocker.patch.object(enable, "AFTERWARDS", (self.step("hook"),))
        mocker.patch.object(xen, "look", return_value=Hypervisor(15360, 4, migrates_pv=True))
        mocker.patch.object(xen, "guests", return_value=())
        mocker.patch.object(lock, "held", side_effect=lambda *words: nullcontext(self.log.append("lock")))
        self.real = command.run
        mocker.patch.object(command, "run", side_effect=self.run)

    def step(self, name: str, mends: bool = True) -> Step:
        def apply(site: Site) -> None:
            self.log.append(f"mend {name}")
            self.broken -= {name} - self.stubborn

        return Step(
            name, name.title(), lambda site: [error(name)] if name in self.broken else [], apply if mends else None
        )

    def edit(self, site: Site, tree: cib.Tree) -> list[Change]:
        is_new = cib.put_option(tree, "ours", "cluster-delay", "61s")
        return [Change("option", "cluster-delay", "put cluster-delay")] if is_new else []

    def run(self, argv: Sequence[str], **options: Any) -> Result:
        if argv[0] == "crm_resource":
            self.log.append("wait" if "--wait" in argv else " ".join(argv))
            return Result((), 0, b"", b"")
        if argv[0] == "crm_mon" and "CIB_file" not in (options.get("env") or {}):
            return Result((), 0, capture("crm_mon-2.1.5-all-running.xml"), b"")
        return self.real(argv, **options)

    def enable(self, *, dry_run: bool = False) -> list[str]:
        self.log.clear()
        _, changes = enable.enable(self.site, self.screen, replace_agents=False, dry_run=dry_run)
        return [change.target for change in changes]

    @property
    def is_configured(self) -> bool:
        return cib.options(self.cluster.tree).get("cluster-delay") == "61s"


@pytest.fixture
def guide(site: Site, mocker: MockerFixture) -> Guide:
    return Guide(site, mocker)


def test_servers_first_then_the_cib_and_the_hook_last(guide: Guide) -> None:
    assert guide.enable()[0] == "cluster-delay"
    assert guide.log == ["lock", "mend first", "mend second", "wait", "mend hook"]
    assert guide.is_configured
    assert "put cluster-delay" in guide.screen.told


def test_who_is_taken_over_and_who_is_started_is_told_first(guide: Guide, mocker: MockerFixture) -> None:
    guide.site = replace(guide.site, domains=(domain("web01"), domain("web02")))
    running = Hypervisor(15360, 4, migrates_pv=True, guests=(Guest("web01", 3, 512, 1, "-b----"),))
    mocker.patch.object(xen, "look", return_value=running)
    guide.enable(dry_run=True)
    assert guide.screen.told[:2] == ["taken over as they run: web01", "to be started: web02"]


def test_a_second_run_changes_nothing_and_waits_for_nothing(guide: Guide) -> None:
    guide.enable()
    commits = guide.cluster.commits
    assert guide.enable() == []
    assert (guide.log, guide.cluster.commits) == (["lock"], commits)


def test_a_run_that_was_killed_before_the_hook_waits_for_pacemaker(guide: Guide) -> None:
    guide.enable()
    guide.broken = {"hook"}
    guide.enable()
    assert guide.log == ["lock", "wait", "mend hook"]


def test_a_dry_run_tells_what_would_change_and_changes_nothing(guide: Guide) -> None:
    before = cib.serialize(guide.cluster.tree)
    assert guide.enable(dry_run=True)[0] == "cluster-delay"
    assert guide.log == []
    assert guide.broken == {"first", "second", "hook"}
    assert cib.serialize(guide.cluster.tree) == before


def test_all_that_only_an_administrator_can_mend_is_told_before_anything_is_changed(guide: Guide) -> None:
    guide.broken |= {"look", "look too"}
    with pytest.raises(Blocked) as caught:
        guide.enable()
    assert [each.message for each in (*caught.value.others, caught.value)] == ["look is wrong", "look too is wrong"]
    assert [each.remedy for each in (*caught.value.others, caught.value)] == ["mend it"] * 2
    assert caught.value.exit_code == 78
    assert guide.log == ["lock"]
    assert not guide.is_configured


def test_the_first_finding_gives_the_exit_status() -> None:
    assert Blocked([error("twice", 107), error("other", 78)]).exit_code == 107


def test_a_section_that_stays_wrong_stops_the_run(guide: Guide) -> None:
    guide.stubborn = {"first"}
    with pytest.raises(Blocked, match="first is wrong"):
        guide.enable()
    assert guide.log == ["lock", "mend first"]
    assert not guide.is_configured


def test_what_the_cib_of_a_running_cluster_would_refuse_is_refused_before_anything_is_changed(
    guide: Guide, mocker: MockerFixture
) -> None:
    mocker.patch.object(enable, "edit", side_effect=UnavailableError("refused"))
    with pytest.raises(UnavailableError, match="refused"):
        guide.enable()
    assert guide.log == ["lock"]


# --- backwards


@pytest.fixture
def enabled(site: Site, machines: Machines, mocker: MockerFixture) -> Site:
    """A site with a cluster that runs on both servers, and the hook."""
    machines.stand_in("systemctl", '[ "$2" != is-active ] || [ "$3" = pacemaker ]')
    for server in site.servers.names:
        machines.file(server, str(site.layout.hooks_dir / hook.NAME)).write_text("ours")
    real = command.run

    def run(argv: Sequence[str], **options: Any) -> Result:
        if argv[0] == "crm_resource":
            return Result((), 0, b"", b"")
        return real(argv, **options)

    mocker.patch.object(command, "run", side_effect=run)
    return replace(site, cluster=cast(LiveCluster, Memory(guide_cluster())))


def test_pacemaker_lets_go_first_and_this_server_is_stopped_last(enabled: Site) -> None:
    parts = disable.plan(enabled)
    assert [(part.change.action, part.change.target) for part in parts if part.change.action != "fencing"] == [
        ("let-go", "domains"), ("unregister", "domains"), ("stop", "snow02"), ("stop", "snow01"),
        ("events", events.UNIT), ("shutdown", "order"), ("hook", hook.NAME),
    ]  # fmt: skip


def carried_out(site: Site, *actions: str) -> Memory:
    for part in disable.plan(site):
        if part.change.action in actions:
            part.carry_out()
    return cast(Memory, site.cluster)


def test_nothing_is_taken_out_of_a_cluster_that_has_not_let_go(enabled: Site) -> None:
    seen: list[tuple[int, str | None]] = []
    cluster = cast(Memory, enabled.cluster)
    real: Callable[[cib.Tree, cib.Tree], None] = cluster.commit

    def commit(old: cib.Tree, new: cib.Tree) -> None:
        seen.append((len(cib.domains(new)), cib.options(new).get("maintenance-mode")))
        real(old, new)

    cluster.commit = commit  # type: ignore[method-assign]
    carried_out(enabled, "let-go", "unregister")
    assert seen == [(8, "true"), (0, "true")]
    assert cib.options(cluster.tree)["stop-orphan-resources"] == "false"
    assert cluster.tree.find(f"configuration//*[@id='{cluster_options.FLOATING_IP_ID}']") is None


def test_the_others_are_stopped_before_this_server(enabled: Site, machines: Machines) -> None:
    carried_out(enabled, "stop")
    stopped = [line for line in machines.log() if "systemctl stop" in line]
    assert stopped == [f"{name} systemctl stop pacemaker corosync" for name in ("snow02", "snow01")]


def test_the_hook_goes(enabled: Site, machines: Machines) -> None:
    carried_out(enabled, "hook")
    assert not machines.file("snow01", str(enabled.layout.hooks_dir / hook.NAME)).exists()
    assert "hook" not in [part.change.action for part in disable.plan(enabled)]


def test_where_only_another_server_is_in_the_cluster_it_is_done_there(enabled: Site, machines: Machines) -> None:
    machines.stand_in("systemctl", '[ "$2" != is-active ] || [ $SERVER = snow02 ]')
    with pytest.raises(UnavailableError, match="Pacemaker runs on snow02, and not on this server"):
        disable.plan(enabled)


def test_a_dry_run_carries_nothing_out(enabled: Site, machines: Machines, mocker: MockerFixture) -> None:
    mocker.patch.object(lock, "held", side_effect=AssertionError)
    assert disable.disable(enabled, Screen(), dry_run=True)
    assert cast(Memory, enabled.cluster).commits == 0
    assert not [line for line in machines.log() if "stop" in line.split()]


def test_all_of_it_is_carried_out_under_the_lock(enabled: Site, mocker: MockerFixture) -> None:
    done: list[str] = []
    parts = [disable.Part(Change("x", "y", "z"), lambda: done.append("part"))]
    mocker.patch.object(disable, "plan", return_value=parts)
    mocker.patch.object(lock, "held", side_effect=lambda *words: nullcontext(done.append("lock")))
    disable.disable(enabled, Screen(), dry_run=False)
    assert done == ["lock", "part"]


def test_the_order_and_the_names_by_which_scripts_know_sections_stay() -> None:
    """--json has them."""
    assert [section.name for section in SERVER_STEPS] == [
        "settings", "packages", "shared", "pairs", "images", "bridges", "floating-ip", "xen", "corosync-by-hand",
        "corosync-members", "qdevice-host", "fencing", "autostart", "xendomains", "authkey", "qdevice", "corosync",
        "permissions", "shutdown", "events", "fencing-set-up", "start", "left", "qdevice-vote",
    ]  # fmt: skip
    assert [each.name for each in CONFIGURATION_STEPS] == ["fencing", "defaults", "floating-ip", "domains", "events"]
    assert [section.name for section in AFTERWARDS] == ["metrics", "hook"]
