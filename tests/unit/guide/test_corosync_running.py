"""A configuration of ours beside a corosync that runs: what takes a restart, and who may come, move and leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import corosync as configuration
from snow_ha_plugin.core import qdevice as times
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.corosync import MARK
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.guide import corosync
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations import stopping
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.command import Result
from tests.unit.conftest import NAMES, Machines
from tests.unit.guide import test_corosync
from tests.unit.guide.test_corosync import BY_HAND, DEBIAN, STRANGER, ids, present, put, render, running

programs = test_corosync.programs


class TestDevices:
    """The quorum device of a third vote, which another one takes the place of only in a restart."""

    @pytest.fixture
    def stops(self, mocker: MockerFixture) -> list[object]:
        stops: list[object] = []
        mocker.patch.object(stopping, "running", return_value=["snow01"])
        mocker.patch.object(stopping, "in_order", lambda _site, names: [[name] for name in reversed(names)])
        mocker.patch.object(stopping, "let_go", side_effect=lambda _site: stops.append("let go"))
        mocker.patch.object(stopping, "stop", side_effect=lambda _site, group: stops.append(group))
        return stops

    def with_vote(self, site: Site) -> Site:
        return replace(site, qdevice="qnetd01")

    def test_pacemaker_lets_go_before_corosync_stops_for_another_one(
        self, site: Site, machines: Machines, stops: list[object]
    ) -> None:
        put(machines, *[render(site.members)] * 2)
        running(machines, site.members, NAMES)
        corosync.apply(self.with_vote(site))
        assert stops == ["let go", ["snow02"], ["snow01"]]
        assert not any("cfgtool" in line for line in machines.log())

    def test_without_pacemaker_there_is_nobody_to_let_go(
        self, site: Site, machines: Machines, stops: list[object], mocker: MockerFixture
    ) -> None:
        mocker.patch.object(stopping, "running", return_value=[])
        put(machines, *[render(site.members)] * 2)
        running(machines, site.members, NAMES)
        corosync.apply(self.with_vote(site))
        assert stops == [["snow02"], ["snow01"]]

    @pytest.mark.parametrize("text", [DEBIAN, BY_HAND])
    def test_a_cluster_that_is_not_ours_is_not_stopped_for_one(
        self, site: Site, machines: Machines, stops: list[object], text: str
    ) -> None:
        put(machines, text, text)
        running(machines, site.members, NAMES)
        corosync.apply(self.with_vote(site))
        assert stops == []
        assert {name: asked for name, (_, asked) in corosync.devices(site).items()} == dict.fromkeys(NAMES)

    def test_it_is_that_of_our_configuration_and_that_of_the_corosync_that_runs(
        self, site: Site, machines: Machines
    ) -> None:
        device = corosync.wanted_device(self.with_vote(site))
        assert device == times.device("qnetd01", Timing(15, 2, third_vote=True))
        text = configuration.render(site.members, {"snow01": 1, "snow02": 2}, device)
        put(machines, text, text.partition("\n")[2])
        assert corosync.devices(site) == {"snow01": (device, None), "snow02": (None, None)}
        machines.look_anew()
        running(machines, site.members, NAMES)
        machines.stand_in(
            "corosync-cmapctl",
            f"""cat <<'EOF'
nodelist.node.0.name (str) = snow01
quorum.device.net.host (str) = qnetd01
quorum.device.timeout (u32) = {device.timeout_ms}
quorum.device.sync_timeout (u32) = {device.sync_timeout_ms}
EOF""",
        )
        assert corosync.devices(site)["snow01"] == (device, device)

    def test_it_is_forgotten_only_where_it_is(self, site: Site, machines: Machines) -> None:
        device = times.device("qnetd01", Timing(15))
        with_it = configuration.render(site.members, {"snow01": 2, "snow02": 1}, device)
        put(machines, with_it, render(site.members))
        corosync.forget_device(site)
        assert configuration.device(present(machines)[0]) is None
        assert [node["nodeid"] for node in configuration.members(present(machines)[0])] == ["2", "1"]
        assert not machines.file("snow02", corosync.PATH + ".before-snow-ha").exists()


def test_debians_cluster_of_one_has_two_minutes_to_stop(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    put(machines, DEBIAN, DEBIAN)
    within: dict[str, float] = {}
    real = machines._reach

    def reach(server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        within[argv[2]] = timeout_s
        return real(server, argv, stdin, timeout_s)

    mocker.patch.object(machines, "_reach", reach)
    corosync.apply(site)
    assert within[corosync._PUT_DEFAULT_AWAY] == 120


def test_what_is_wrong_is_told_of_its_server_and_mended_by_enable(site: Site, machines: Machines) -> None:
    put(machines, f"{MARK}\ntotem {{\n}}\n", None)
    found = corosync.check(site)
    assert [each.message for each in found] == [
        "/etc/corosync/corosync.conf on snow01 is not that of snow01, snow02",
        "snow02 has no cluster configuration of its own",
    ]
    assert {(each.severity, each.remedy) for each in found} == {(Severity.ERROR, "snow ha enable")}


def test_a_server_that_is_left_out_while_it_runs_ends_enable_as_what_is_unsafe(site: Site, machines: Machines) -> None:
    ring = [*site.members, STRANGER]
    put(machines, *[render(ring)] * 2)
    running(machines, ring, (*NAMES, "snow03"))
    (found,) = corosync.check_members(site)
    assert (found.severity, found.exit_code) == (Severity.ERROR, UnsafeError.exit_code)
    assert found.message.startswith("snow03 is in the cluster")
    assert "snow ha drain snow03, then on snow03" in found.remedy


@pytest.mark.parametrize("text", [DEBIAN, BY_HAND])
def test_members_of_a_cluster_that_is_not_ours_are_not_judged(site: Site, machines: Machines, text: str) -> None:
    put(machines, text, text)
    running(machines, [*site.members, STRANGER], (*NAMES, "snow03"))
    assert corosync.check_members(site) == []


def test_who_runs_alone_without_quorum_is_named(site: Site, machines: Machines) -> None:
    put(machines, *[render(site.members[:1])] * 2)
    running(machines, site.members[:1], NAMES[:1])
    (found,) = corosync.check_members(site)
    assert found.message.startswith("only snow01 of the new SNOW_NODES runs now")
    assert found.remedy == "start the others, or add servers one by one"


def test_an_address_that_two_members_have_swapped_is_another_one(site: Site, machines: Machines) -> None:
    first, second = site.members
    put(machines, *[render(site.members)] * 2)
    swapped = [first._replace(addresses=second.addresses), second._replace(addresses=first.addresses)]
    running(machines, swapped, NAMES)
    (found,) = corosync.check_members(site)
    assert found.message.startswith("snow01, snow02 has another address")


@pytest.mark.parametrize(
    ("node", "fits"),
    [("name: snow02\nring0_addr: 192.0.2.7", True), ("ring0_addr: 10.1.0.2", True), ("nodeid: 2", False)],
    ids=["by-name", "by-address", "by-neither"],
)
def test_who_a_node_by_hand_is_its_name_tells_or_else_its_address(
    site: Site, machines: Machines, node: str, fits: bool
) -> None:
    put(machines, *[BY_HAND.replace("ring0_addr: snow02", node)] * 2)
    assert ("corosync-by-hand" in ids(site)) == fits
