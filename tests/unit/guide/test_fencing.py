"""How a site is to be fenced, and what `enable` says before it does anything; the doing is tested in the lab."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import ConfigurationError, UnavailableError, UnsafeError
from snow_ha_plugin.guide import fencing as protection
from snow_ha_plugin.model import ClusterState, NodeState
from snow_ha_plugin.operations import stopping
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import bmc, pacemaker, sbd
from snow_ha_plugin.system.sbd import Look, Watchdog
from tests.captures import unconfigured_cluster

NAMES = ("snow01", "snow02")


def look(server: str, **changed: Any) -> Look:
    """A server as `enable` leaves it, its cluster running."""
    times = Timing(15)
    wanted = sbd.files("watchdog0", times, FILE, FILE.parents[1])
    whole = Look(
        server=server,
        watchdogs=(Watchdog("watchdog0", "xen_wdt", True, 15),),
        active=frozenset({"sbd", "corosync", "pacemaker"}),
        enabled=True,
        texts=tuple((name, text) for name, (_, text) in wanted.items()),
        file="12 4194304 600",
        loop=f"1 {FILE}",
        header="UUID : x\nTimeout (watchdog) : 15\nTimeout (msgwait)  : 38\n",
        slots=(("snow01", "clear"), ("snow02", "clear")),
    )
    return whole._replace(**changed)


FILE = protection.Path("/sNow/snow-ha/sbd.img")


@pytest.fixture
def looks(mocker: MockerFixture) -> dict[str, Look]:
    """What the servers' looks are; a test changes what it is about."""
    found = {name: look(name) for name in NAMES}
    mocker.patch.object(sbd, "look", lambda _servers, name, _file: found[name])
    return found


def configured(site: Site, mocker: MockerFixture, tree: cib.Tree | None, **conf: Any) -> Site:
    mocker.patch.object(protection, "configuration", return_value=tree)
    return replace(site, conf=site.conf._replace(**conf))


def test_without_anything_said_it_is_sbd(site: Site, mocker: MockerFixture) -> None:
    decided = protection.decide(configured(site, mocker, None))
    assert decided.fencing == fencing.SBD
    assert "watchdog" in decided.why


@pytest.mark.parametrize(
    ("asked", "reason", "way"),
    [("", "", fencing.IPMI), ("", "no route", fencing.SBD), ("sbd", "", fencing.SBD), ("none", "", fencing.NONE)],
)
def test_bmcs_come_first_where_all_answer(site: Site, mocker: MockerFixture, asked: str, reason: str, way: str) -> None:
    mocker.patch.object(bmc, "failure", lambda name: reason if name == "snow02-mgmt" else "")
    decided = protection.decide(replace(configured(site, mocker, None, bmc_suffix="-mgmt"), fencing=asked))
    assert decided.fencing == way
    assert dict(decided.bmcs) == ({"snow01": "snow01-mgmt", "snow02": "snow02-mgmt"} if way == fencing.IPMI else {})
    assert ("snow02-mgmt does not answer" in decided.why) == bool(reason)


def test_a_bmc_that_died_since_stays_the_first_level(site: Site, mocker: MockerFixture) -> None:
    tree = unconfigured_cluster()
    fencing.put(tree, NAMES, Timing(15), {name: f"{name}-mgmt" for name in NAMES})
    asked = mocker.patch.object(bmc, "failure", return_value="dead")
    assert protection.decide(configured(site, mocker, tree, bmc_suffix="-mgmt")).fencing == fencing.IPMI
    assert not asked.called


@pytest.mark.parametrize(("suffix", "error"), [("-mgmt", UnavailableError), ("", ConfigurationError)])
def test_bmcs_that_were_asked_for_and_do_not_answer_are_an_error(
    site: Site, mocker: MockerFixture, suffix: str, error: type[Exception]
) -> None:
    mocker.patch.object(bmc, "failure", return_value="no route")
    with pytest.raises(error):
        protection.decide(replace(configured(site, mocker, None, bmc_suffix=suffix), fencing="ipmi"))


def test_what_somebody_has_configured_stays(site: Site, mocker: MockerFixture) -> None:
    tree = unconfigured_cluster()
    cib.add(cib.section(tree, "resources"), "primitive", id="pdu", **{"class": "stonith"}, type="fence_apc")
    decided = protection.decide(replace(configured(site, mocker, tree), fencing="sbd"))
    assert decided.fencing == fencing.BY_HAND
    assert protection.edit(decided, cib.clone(tree)) == []


def test_fencing_that_is_on_is_not_switched_off_by_going_without(site: Site, mocker: MockerFixture) -> None:
    tree = unconfigured_cluster()
    fencing.put(tree, NAMES, Timing(15), {})
    assert protection.decide(replace(configured(site, mocker, tree), fencing="none")).fencing == fencing.SBD


def test_debians_cluster_of_one_is_not_looked_at(site: Site) -> None:
    default = "nodelist {\n node {\n ring0_addr: 127.0.0.1\n }\n}\n"
    site.servers.file("snow01", "/etc/corosync/corosync.conf").write_text(default)  # type: ignore[attr-defined]
    assert protection.configuration(site) is None


class TestCheck:
    def decided(self, site: Site, way: str = fencing.SBD) -> Site:
        return replace(site, fencing=way)

    def test_nothing_is_wrong_with_what_enable_leaves(self, site: Site, looks: dict[str, Look]) -> None:
        assert protection.check(self.decided(site)) == []
        assert protection.check_set_up(self.decided(site)) == []

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"watchdogs": ()}, "not loaded"),
            ({"watchdogs": (Watchdog("watchdog0", "Software Watchdog", True, 15),)}, "not loaded"),
            ({"texts": ()}, "/etc/default/sbd is not ours"),
            ({"enabled": False}, "does not start with corosync"),
            ({"loop": f"0 {FILE}"}, "no loop device with direct I/O"),
            ({"loop": ""}, "no loop device with direct I/O"),
            ({"header": "Timeout (watchdog) : 5\nTimeout (msgwait)  : 10\n"}, "times in sbd's disk"),
            ({"slots": (("snow01", "clear"),)}, "no slot for snow02"),
            ({"active": frozenset({"corosync"})}, "corosync runs without sbd"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_whatever_is_missing_is_named(
        self, site: Site, looks: dict[str, Look], changed: dict[str, object], said: str
    ) -> None:
        looks["snow02"] = look("snow02", **changed)
        found = protection.check_set_up(self.decided(site))
        assert said in found[0].message
        assert {finding.id for finding in found} == {"fencing-not-set-up"}
        assert {finding.message.partition(":")[0] for finding in found} == {"snow02"}
        assert len(found) == (4 if changed == {"texts": ()} else 1)

    def test_a_disk_that_only_one_server_sees_is_no_disk(self, site: Site, looks: dict[str, Look]) -> None:
        looks["snow02"] = look("snow02", header=look("snow02").header.replace("UUID : x", "UUID : y"))
        assert [finding.id for finding in protection.check_set_up(self.decided(site))] == ["pill-file"]

    def test_times_in_force_that_prove_nothing(self, site: Site, looks: dict[str, Look]) -> None:
        assert protection.check_times(site, looks) == []
        looks["snow02"] = look("snow02", header="Timeout (watchdog) : 30\nTimeout (msgwait)  : 31\n")
        assert {finding.id for finding in protection.check_times(site, looks)} == {"fencing-times"}

    def test_a_watchdog_that_another_program_holds(self, site: Site, looks: dict[str, Look]) -> None:
        looks["snow02"] = look("snow02", active=frozenset())
        assert [finding.id for finding in protection.check(self.decided(site))] == ["watchdog-taken"]

    def test_an_sbd_that_somebody_has_configured(self, site: Site, looks: dict[str, Look]) -> None:
        looks["snow01"] = look("snow01", texts=(("conf", "SBD_DEVICE=/dev/sdx\n"),))
        assert [finding.id for finding in protection.check(self.decided(site))] == ["sbd-by-hand"]

    def test_an_idle_sbd_is_in_the_way_where_there_is_no_fencing(self, site: Site, looks: dict[str, Look]) -> None:
        looks["snow01"] = look("snow01", texts=(("conf", "SBD_PACEMAKER=yes\n"),))
        assert [f.id for f in protection.check_set_up(self.decided(site, fencing.NONE))] == ["sbd-idle"]
        assert protection.check_set_up(self.decided(site, fencing.BY_HAND)) == []


OTHER_TIMES = "UUID : x\nTimeout (watchdog) : 5\nTimeout (msgwait)  : 18\n"


class TestSetUp:
    @pytest.mark.parametrize(
        ("changed", "stops", "makes"),
        [
            ({}, False, False),
            ({"loop": "1 /old/sbd.img"}, True, False),
            ({"loop": f"0 {FILE}"}, True, False),
            ({"loop": "", "active": frozenset()}, False, False),
            ({"enabled": False}, False, False),
            ({"texts": ()}, True, False),
            ({"active": frozenset({"corosync", "pacemaker"})}, True, False),
            ({"header": OTHER_TIMES}, True, True),
            ({"active": frozenset(), "texts": ()}, False, False),
        ],
        ids=["nothing", "loop", "cached loop", "idle loop", "unit", "settings", "without sbd", "times", "not running"],
    )
    def test_the_cluster_stops_only_where_sbd_must_start_anew(
        self, site: Site, looks: dict[str, Look], mocker: MockerFixture, changed: dict[str, object], stops: bool,
        makes: bool,
    ) -> None:  # fmt: skip
        looks["snow02"] = look("snow02", **changed)
        does = {name: mocker.patch.object(sbd, name) for name in ("load_watchdog", "create_disk", "set_up", "allocate")}
        stopped = mocker.patch.object(stopping, "running", return_value=[])
        protection.set_up(replace(site, fencing=fencing.SBD))
        assert (stopped.called, does["create_disk"].called) == (stops, makes)
        assert [call.args[1] for call in does["set_up"].call_args_list] == (["snow02"] if changed else [])


class TestProof:
    @pytest.fixture
    def unread(self, mocker: MockerFixture) -> list[str]:
        found: list[str] = []
        nodes = tuple(NodeState(name, True, False, False, False) for name in NAMES)
        mocker.patch.object(pacemaker, "state", return_value=ClusterState(True, False, nodes, ()))
        mocker.patch.object(sbd, "test_slots", return_value=found)
        return found

    def test_holds_for_what_enable_leaves(self, site: Site, looks: dict[str, Look], unread: list[str]) -> None:
        protection.refuse_unproved(replace(site, fencing=fencing.SBD))

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"watchdogs": (Watchdog("watchdog0", "xen_wdt", False, 15),)}, "is not armed"),
            ({"watchdogs": (Watchdog("watchdog0", "xen_wdt", True, 60),)}, "armed with 60 s"),
            ({"header": "Timeout (watchdog) : 15\nTimeout (msgwait)  : 16\n"}, "may live for 22 s"),
            ({"loop": f"0 {FILE}"}, "through a cache"),
        ],
    )
    def test_fails_where_a_server_could_outlive_its_poison(
        self, site: Site, looks: dict[str, Look], unread: list[str], changed: dict[str, object], said: str
    ) -> None:
        looks["snow01"] = look("snow01", **changed)
        with pytest.raises(UnsafeError, match=said):
            protection.refuse_unproved(replace(site, fencing=fencing.SBD))

    def test_fails_where_a_test_message_stays_unread(
        self, site: Site, looks: dict[str, Look], unread: list[str]
    ) -> None:
        unread.append("snow02")
        with pytest.raises(UnsafeError, match="snow02 did not read"):
            protection.refuse_unproved(replace(site, fencing=fencing.SBD))

    def test_no_test_message_is_sent_while_a_server_may_be_poisoned(
        self, site: Site, looks: dict[str, Look], unread: list[str], mocker: MockerFixture
    ) -> None:
        nodes = tuple(NodeState(name, name == "snow01", False, False, False) for name in NAMES)
        mocker.patch.object(pacemaker, "state", return_value=ClusterState(True, False, nodes, ()))
        send = mocker.patch.object(sbd, "test_slots")
        with pytest.raises(UnsafeError, match="snow02 is not in the cluster"):
            protection.refuse_unproved(replace(site, fencing=fencing.SBD))
        assert not send.called

    def test_fails_where_a_bmc_does_not_answer(
        self, site: Site, looks: dict[str, Look], unread: list[str], mocker: MockerFixture
    ) -> None:
        mocker.patch.object(bmc, "failure", return_value="wrong password")
        with pytest.raises(UnsafeError, match="snow01-mgmt: wrong password"):
            protection.refuse_unproved(replace(site, fencing=fencing.IPMI, bmcs={"snow01": "snow01-mgmt"}))
