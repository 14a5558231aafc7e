"""sbd on the servers: what is done to whom, in which order, and what is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.guide import fencing as protection
from snow_ha_plugin.model import ClusterState, NodeState, Severity
from snow_ha_plugin.operations import stopping
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import bmc, pacemaker, sbd
from snow_ha_plugin.system.sbd import Look, Watchdog
from tests.unit.conftest import NAMES, Machines
from tests.unit.guide.test_fencing import FILE, OTHER_TIMES, look

NO_CLUSTER = {"active": frozenset[str]()}
# A server on which nothing of sbd was ever set up.
BARE = {**NO_CLUSTER, "enabled": False, "texts": (), "file": "", "loop": "", "header": "", "slots": ()}
XEN = Watchdog("watchdog0", "xen_wdt", True, 15)


@pytest.fixture
def looks(mocker: MockerFixture) -> dict[str, Look]:
    found = {name: look(name) for name in NAMES}
    mocker.patch.object(sbd, "look", lambda _servers, name, _file: found[name])
    return found


@pytest.fixture
def done(mocker: MockerFixture) -> list[tuple[object, ...]]:
    """What is done, in its order: the name of it, and what it is given behind the servers."""
    done: list[tuple[object, ...]] = []
    for place, names in (
        (sbd, ("load_watchdog", "create_disk", "set_up", "allocate", "take_out", "remove_disk")),
        (stopping, ("let_go", "stop")),
    ):
        for name in names:
            mocker.patch.object(place, name, side_effect=lambda _all, *words, n=name: done.append((n, *words)))
    mocker.patch.object(stopping, "running", return_value=["snow01", "snow02"])
    mocker.patch.object(stopping, "in_order", lambda _site, names: [[name] for name in reversed(names)])
    return done


def by_sbd(site: Site) -> Site:
    return replace(site, fencing=fencing.SBD)


STOPS = [("let_go",), ("stop", ["snow02"]), ("stop", ["snow01"])]


def files(watchdog: str = "watchdog0") -> dict[str, tuple[str, str]]:
    return sbd.files(watchdog, Timing(15), FILE, FILE.parents[1])


def test_a_cluster_is_stopped_before_its_disk_is_made_and_sbd_set_up(
    site: Site, looks: dict[str, Look], done: list[tuple[object, ...]]
) -> None:
    looks.update({name: look(name, header=OTHER_TIMES) for name in NAMES})
    protection.set_up(by_sbd(site))
    assert sorted(done[:2]) == [("load_watchdog", "snow01"), ("load_watchdog", "snow02")]
    assert done[2:] == [
        *STOPS,
        ("create_disk", FILE, Timing(15)),
        ("set_up", "snow01", FILE, files()),
        ("set_up", "snow02", FILE, files()),
        ("allocate",),
    ]  # fmt: skip


def test_without_a_cluster_nothing_is_stopped_and_the_disk_is_made_once(
    site: Site, looks: dict[str, Look], done: list[tuple[object, ...]]
) -> None:
    looks.update({name: look(name, **BARE) for name in NAMES})
    protection.set_up(by_sbd(site))
    assert [each[0] for each in done[2:]] == ["create_disk", "set_up", "set_up", "allocate"]


def test_a_server_that_comes_gets_what_it_lacks_and_the_others_keep_their_disk(
    site: Site, looks: dict[str, Look], done: list[tuple[object, ...]]
) -> None:
    looks["snow02"] = look("snow02", **BARE, watchdogs=(XEN._replace(name="watchdog1"),))
    protection.set_up(by_sbd(site))
    assert done[2:] == [("set_up", "snow02", FILE, files("watchdog1")), ("allocate",)]


def test_a_restart_alone_makes_no_new_disk(site: Site, looks: dict[str, Look], done: list[tuple[object, ...]]) -> None:
    looks["snow02"] = look("snow02", active=frozenset({"corosync", "pacemaker"}))
    protection.set_up(by_sbd(site))
    assert done[2:] == [*STOPS, ("set_up", "snow02", FILE, files()), ("allocate",)]


def test_a_cluster_that_stops_meanwhile_has_nothing_to_let_go_of(
    site: Site, looks: dict[str, Look], done: list[tuple[object, ...]], mocker: MockerFixture
) -> None:
    mocker.patch.object(stopping, "running", return_value=[])
    looks["snow02"] = look("snow02", active=frozenset({"corosync"}))
    protection.set_up(by_sbd(site))
    assert [each[0] for each in done[2:]] == ["set_up", "allocate"]


def test_without_fencing_sbd_starts_on_no_server(
    site: Site, machines: Machines, done: list[tuple[object, ...]]
) -> None:
    machines.stand_in("systemctl", "")
    protection.set_up(replace(site, fencing=fencing.NONE))
    assert sorted(machines.log()) == [f"{name} systemctl disable sbd" for name in NAMES]
    assert {words[:2] for _, words in machines.calls} == {("sh", "-c")}
    assert done == []


def test_sbd_goes_from_each_server_before_the_disk_that_they_share(site: Site, done: list[tuple[object, ...]]) -> None:
    protection.take_out(site)
    assert sorted(done[:2]) == [("take_out", "snow01"), ("take_out", "snow02")]
    assert done[2:] == [("remove_disk", FILE)]


@pytest.mark.parametrize(
    ("changed", "is_there"),
    [({}, True), ({"file": ""}, True), ({"texts": ()}, True), (BARE, False),
     ({**BARE, "texts": (("conf", "SBD_DEVICE=/dev/sdx\n"),)}, False)],
    ids=["whole", "settings", "file", "nothing", "by-hand"],
)  # fmt: skip
def test_what_is_left_on_one_server_is_there(
    site: Site, looks: dict[str, Look], changed: dict[str, object], is_there: bool
) -> None:
    looks.update({"snow01": look("snow01", **BARE), "snow02": look("snow02", **changed)})
    assert protection.is_set_up(site) == is_there


class TestFindings:
    def test_an_sbd_by_hand_without_a_device_keeps_fencing_from_being_set_up(
        self, site: Site, looks: dict[str, Look]
    ) -> None:
        looks["snow02"] = look("snow02", texts=(("conf", "SBD_DEVICE=/dev/sdx\n"),))
        (found,) = protection.check(by_sbd(site))
        assert found.severity == Severity.ERROR
        assert "/etc/default/sbd on snow02" in found.message
        assert protection.check(replace(site, fencing=fencing.NONE)) == []

    @pytest.mark.parametrize(
        ("active", "sbd_runs", "taken"), [(True, False, True), (True, True, False), (False, False, False)]
    )
    def test_a_watchdog_is_taken_where_it_is_open_and_sbd_does_not_run(
        self, site: Site, looks: dict[str, Look], active: bool, sbd_runs: bool, taken: bool
    ) -> None:
        runs = frozenset({"sbd"}) if sbd_runs else frozenset[str]()
        looks["snow02"] = look("snow02", active=runs, watchdogs=(XEN._replace(name="watchdog1", active=active),))
        found = protection.check(by_sbd(site))
        assert [each.id for each in found] == ["watchdog-taken"] * taken
        assert all("snow02 has /dev/watchdog1 open" in each.message for each in found)

    @pytest.mark.parametrize("file", ["13 4194304 600", ""])
    def test_a_file_that_is_another_on_one_server_is_an_error_and_none_is_no_other(
        self, site: Site, looks: dict[str, Look], file: str
    ) -> None:
        looks["snow02"] = look("snow02", file=file)
        found = protection.check_set_up(by_sbd(site))
        assert [(each.severity, each.id) for each in found] == [(Severity.ERROR, "pill-file")] * bool(file)
        assert all("/sNow/snow-ha/sbd.img" in each.message and "/sNow " in each.remedy for each in found)

    def test_an_sbd_that_nobody_needs_is_to_be_disabled(self, site: Site, looks: dict[str, Look]) -> None:
        looks["snow02"] = look("snow02", texts=())
        (found,) = protection.check_set_up(replace(site, fencing=fencing.NONE))
        assert (found.severity, found.remedy) == (Severity.ERROR, "systemctl disable sbd")
        assert "snow02" in found.message

    def test_each_server_that_lacks_a_slot_is_named(self, site: Site, looks: dict[str, Look]) -> None:
        looks["snow01"] = look("snow01", slots=(("snow03", "clear"),))
        (found,) = protection.check_set_up(by_sbd(site))
        assert found.message == "snow01: sbd's disk has no slot for snow01, snow02"
        assert found.remedy == "snow ha enable"

    def test_a_stopped_cluster_needs_no_sbd_that_runs(self, site: Site, looks: dict[str, Look]) -> None:
        looks.update({name: look(name, **NO_CLUSTER, watchdogs=(XEN._replace(active=False),)) for name in NAMES})
        assert protection.check_set_up(by_sbd(site)) == []

    def test_only_an_own_msgwait_that_fits_the_watchdogs_is_in_order(self, site: Site, looks: dict[str, Look]) -> None:
        header = "UUID : x\nTimeout (watchdog) : 15\nTimeout (msgwait)  : {}\n"
        for msgwait, is_fine in ((38, True), (37, False), (39, False)):
            looks["snow02"] = look("snow02", header=header.format(msgwait))
            assert (protection.check_set_up(by_sbd(site)) == []) == is_fine

    def test_times_that_contradict_each_other_are_an_error(self, site: Site, looks: dict[str, Look]) -> None:
        looks["snow02"] = look("snow02", header=OTHER_TIMES)
        (found,) = protection.check_times(site, looks)
        assert (found.severity, found.remedy) == (Severity.ERROR, "snow ha fencing set-up")
        assert "snow02" in found.message


class TestProof:
    @pytest.fixture(autouse=True)
    def online(self, mocker: MockerFixture) -> None:
        nodes = tuple(NodeState(name, True, False, False, False) for name in NAMES)
        mocker.patch.object(pacemaker, "state", return_value=ClusterState(True, False, nodes, ()))

    def test_of_what_is_not_ours_nothing_is_tried(self, site: Site, mocker: MockerFixture) -> None:
        send = mocker.patch.object(sbd, "test_slots")
        for way in (fencing.NONE, fencing.BY_HAND):
            protection.refuse_unproved(replace(site, fencing=way))
        assert not send.called

    def test_each_server_is_sent_a_test_message(self, site: Site, looks: object, mocker: MockerFixture) -> None:
        send = mocker.patch.object(sbd, "test_slots", return_value=[])
        protection.refuse_unproved(by_sbd(site))
        assert [call.args for call in send.call_args_list] == [(NAMES,)]

    def test_all_that_speaks_against_it_is_told_at_once(
        self, site: Site, looks: dict[str, Look], mocker: MockerFixture
    ) -> None:
        looks["snow02"] = look("snow02", loop="", header="UUID : y\nTimeout (watchdog) : 15\nTimeout (msgwait)  : 38\n")
        mocker.patch.object(bmc, "failure", return_value="no route")
        with pytest.raises(UnsafeError) as caught:
            protection.refuse_unproved(replace(site, fencing=fencing.IPMI, bmcs={"snow02": "snow02-mgmt"}))
        assert caught.value.details.split("; ") == [
            "/sNow/snow-ha/sbd.img is not the same file on all servers",
            "snow02 reads sbd's disk through a cache",
            "snow02-mgmt: no route",
        ]
