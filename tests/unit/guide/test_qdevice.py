"""Who may give the third vote, and what is said of him; certificates and votes are tested in the lab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import corosync as configuration
from snow_ha_plugin.core import qdevice as times
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.corosync import Device
from snow_ha_plugin.errors import UnavailableError, UsageError
from snow_ha_plugin.guide import corosync, packages, qdevice
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations import stopping
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import qdevice as daemons
from snow_ha_plugin.system import snowtools
from snow_ha_plugin.system.qdevice import Host, Look
from tests.unit.conftest import NAMES, Machines

DEVICE = times.device("qnetd01", Timing(15))
WHOLE = Host(is_installed=True, is_active=True, ca="CA")


def look(server: str, **changed: object) -> Look:
    """A server as `enable` leaves it."""
    active = frozenset({"corosync", "corosync-qdevice"})
    whole = Look(server, daemons.UNITS, active, "CA", True, True, "Connected", "A,V,NMW", 3)
    return whole._replace(**changed)  # type: ignore[arg-type]


NEW = {"units": {}, "ca": "", "is_valid": False, "flags": ""}


@pytest.fixture
def looks(mocker: MockerFixture) -> dict[str, Look]:
    found = {name: look(name) for name in NAMES}
    mocker.patch.object(daemons, "look", lambda _servers, name, _host: found[name])
    return found


@pytest.fixture
def devices(mocker: MockerFixture) -> dict[str, tuple[Device | None, Device | None]]:
    """What each server's corosync.conf and running corosync have."""
    found: dict[str, tuple[Device | None, Device | None]] = dict.fromkeys(NAMES, (DEVICE, DEVICE))
    mocker.patch.object(corosync, "devices", return_value=found)
    mocker.patch.object(corosync, "check_foreign", return_value=[])
    return found


@pytest.fixture
def host(mocker: MockerFixture) -> Mapping[str, str]:
    """No host has a name that resolves; domains.conf has what a test puts into it, by name or address."""
    rows: dict[str, str] = {}
    mocker.patch.object(qdevice, "_addresses", return_value=set())
    mocker.patch.object(
        snowtools, "rows_of", lambda _path, identities: tuple(rows[each] for each in identities if each in rows)
    )
    mocker.patch.object(daemons, "look_at_host", return_value=WHOLE)
    return rows


def with_host(site: Site, name: str = "qnetd01") -> Site:
    return replace(site, qdevice=name)


def put(machines: Machines, site: Site, *devices: Device | None) -> None:
    for name, device in zip(NAMES, devices, strict=True):
        text = configuration.render(site.members, {"snow01": 1, "snow02": 2}, device)
        machines.file(name, corosync.PATH).write_text(text)


class TestDecide:
    @pytest.mark.parametrize(
        ("asked", "conf", "present", "decided"),
        [
            ("", "", None, ""),
            ("a", "b", DEVICE, "a"),
            ("", "b", DEVICE, "b"),
            ("", "", DEVICE, "qnetd01"),
            ("none", "b", DEVICE, ""),
            ("", "none", DEVICE, ""),
        ],
    )
    def test_what_is_asked_for_comes_first_and_the_file_remembers(
        self, site: Site, machines: Machines, asked: str, conf: str, present: Device | None, decided: str
    ) -> None:
        put(machines, site, None, present)
        asking = replace(site, qdevice=asked, conf=site.conf._replace(qdevice=conf))
        assert qdevice.decide(asking).qdevice == decided

    def test_a_file_by_hand_is_not_ours_to_remember(self, site: Site, machines: Machines) -> None:
        put(machines, site, DEVICE, DEVICE)
        for name in NAMES:
            path = machines.file(name, corosync.PATH)
            path.write_text(path.read_text().partition("\n")[2])
        assert qdevice.decide(site).qdevice == ""

    def test_what_is_no_name_is_refused(self, site: Site) -> None:
        with pytest.raises(UsageError):
            qdevice.decide(with_host(site, "a; reboot"))


class TestHost:
    def found(self, site: Site) -> list[tuple[Severity, str]]:
        return [(finding.severity, finding.message) for finding in qdevice.check_host(site)]

    def test_nothing_is_said_where_there_is_none(self, site: Site) -> None:
        assert qdevice.check_host(site) == []

    def test_nothing_is_wrong_with_what_enable_leaves(
        self, site: Site, looks: dict[str, Look], devices: object, host: object
    ) -> None:
        assert self.found(with_host(site)) == []

    @pytest.mark.parametrize("name", ["snow02", "snow02.example.org", "10.1.0.2", "127.0.0.1"])
    def test_a_server_cannot_decide_about_itself(self, site: Site, host: object, name: str) -> None:
        ((severity, said),) = self.found(with_host(site, name))
        assert severity == Severity.ERROR
        assert "is a server of this cluster" in said
        assert [finding.id for finding in qdevice.check_host(with_host(site, name))] == ["third-vote"]

    def test_a_domain_is_lost_with_its_server(self, site: Site, host: dict[str, str]) -> None:
        host["web01"] = "web01"
        for name in ("web01", "web01.example.org"):
            assert "is a domain of this cluster (web01" in self.found(with_host(site, name))[0][1]

    def test_three_servers_need_none(self, site: Site, host: object) -> None:
        machines = site.servers
        machines.names = (*NAMES, "snow03")
        assert "3 servers need no third vote" in self.found(with_host(site))[0][1]

    @pytest.mark.parametrize(
        ("present", "said"),
        [
            (Host(), "qnetd01 has no corosync-qnetd"),
            (WHOLE._replace(ca=""), "corosync-qnetd on qnetd01 has no certificates"),
            (WHOLE._replace(is_active=False), "corosync-qnetd does not run on qnetd01"),
        ],
    )
    @pytest.mark.parametrize("is_new", [True, False])
    def test_what_it_lacks_is_an_error_and_once_it_is_set_up_a_warning(
        self,
        site: Site,
        mocker: MockerFixture,
        looks: dict[str, Look],
        devices: dict[str, tuple[Device | None, Device | None]],
        host: object,
        present: Host,
        said: str,
        is_new: bool,
    ) -> None:
        mocker.patch.object(daemons, "look_at_host", return_value=present)
        if is_new:
            devices["snow01"] = (None, None)
        assert self.found(with_host(site)) == [(Severity.ERROR if is_new else Severity.WARNING, said)]
        assert [finding.id for finding in qdevice.check_host(with_host(site))] == ["third-vote-host"]

    def test_one_that_cannot_be_reached(
        self, site: Site, mocker: MockerFixture, looks: dict[str, Look], devices: object, host: object
    ) -> None:
        mocker.patch.object(daemons, "look_at_host", side_effect=UnavailableError("qnetd01 cannot be reached", "why"))
        assert self.found(with_host(site)) == [(Severity.WARNING, "qnetd01 cannot be reached; why")]

    def test_a_port_that_a_firewall_closes(
        self, site: Site, looks: dict[str, Look], devices: object, host: object
    ) -> None:
        looks["snow02"] = look("snow02", reaches=False, **NEW)
        assert self.found(with_host(site)) == [(Severity.ERROR, "snow02 does not reach port 5403 of qnetd01")]

    def test_another_cluster_of_the_same_name(
        self,
        site: Site,
        mocker: MockerFixture,
        looks: dict[str, Look],
        devices: dict[str, tuple[Device | None, Device | None]],
        host: object,
    ) -> None:
        mocker.patch.object(daemons, "look_at_host", return_value=WHOLE._replace(clients=True))
        assert self.found(with_host(site)) == []
        devices.update(dict.fromkeys(NAMES, (None, None)))
        assert "serves another cluster" in self.found(with_host(site))[0][1]


class TestSetUp:
    def said(self, site: Site) -> str:
        return "\n".join(finding.message for finding in qdevice.check_set_up(site))

    def test_nothing_is_missing_of_what_enable_leaves(
        self, site: Site, looks: dict[str, Look], devices: object, host: object
    ) -> None:
        assert self.said(with_host(site)) == ""

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"is_valid": False}, "snow02 has no certificate of qnetd01"),
            ({"ca": "another"}, "snow02 has no certificate of qnetd01"),
            ({"units": {}}, "corosync on snow02 does not start corosync-qdevice"),
            ({"active": frozenset({"corosync"})}, "corosync-qdevice does not run on snow02"),
        ],
    )
    def test_what_is_missing_is_named(
        self,
        site: Site,
        looks: dict[str, Look],
        devices: object,
        host: object,
        changed: dict[str, object],
        said: str,
    ) -> None:
        looks["snow02"] = look("snow02", **changed)
        assert self.said(with_host(site)) == said

    def test_certificates_hold_while_the_host_is_away(
        self, site: Site, mocker: MockerFixture, looks: dict[str, Look], devices: object
    ) -> None:
        mocker.patch.object(daemons, "look_at_host", side_effect=UnavailableError("away"))
        assert self.said(with_host(site)) == ""

    def test_what_is_left_of_one_goes(self, site: Site, looks: dict[str, Look]) -> None:
        looks["snow02"] = look("snow02", **NEW)
        assert self.said(site) == "snow01 still has what a third vote takes"
        assert [finding.id for finding in qdevice.check_set_up(site)] == ["third-vote-not-set-up"]

    def test_its_programs_are_asked_for_where_it_is_wanted(
        self, site: Site, machines: Machines, mocker: MockerFixture
    ) -> None:
        mocker.patch.object(packages, "PROGRAMS", {})
        mocker.patch.object(packages, "QDEVICE", {"no-such-program": "corosync-qdevice"})
        machines.stand_in("python3", f"echo snow-ha {packages.__version__}")
        assert packages.check(site) == []
        assert [finding.remedy for finding in packages.check(with_host(site))] == ["apt install corosync-qdevice"] * 2


class TestVote:
    def test_who_is_without_it_is_warned_of(self, site: Site, looks: dict[str, Look], devices: object) -> None:
        assert qdevice.check_vote(with_host(site)) == []
        looks["snow02"] = look("snow02", flags="A,NV,NMW", state="Connect failed")
        (finding,) = qdevice.check_vote(with_host(site))
        assert finding.severity == Severity.WARNING
        assert "snow02 has no third vote (qnetd01: connect failed)" in finding.message

    def test_a_cluster_that_is_stopped_has_no_votes(
        self, site: Site, looks: dict[str, Look], devices: dict[str, tuple[Device | None, Device | None]]
    ) -> None:
        devices.update(dict.fromkeys(NAMES, (DEVICE, None)))
        looks.update({name: look(name, flags="") for name in NAMES})
        assert qdevice.check_vote(with_host(site)) == []

    def test_times_that_do_not_go_with_the_watchdog(
        self, site: Site, looks: dict[str, Look], devices: dict[str, tuple[Device | None, Device | None]]
    ) -> None:
        devices["snow01"] = (DEVICE, Device("qnetd01", 10000, 30000))
        found = qdevice.check_vote(with_host(site))
        assert {(finding.severity, finding.id) for finding in found} == {(Severity.ERROR, "third-vote-times")}


@pytest.mark.parametrize(("before", "after"), [(None, "qnetd01"), (DEVICE, ""), (DEVICE, "qnetd02")])
def test_another_device_takes_a_restart_in_which_pacemaker_lets_go(
    site: Site, machines: Machines, mocker: MockerFixture, before: Device | None, after: str
) -> None:
    put(machines, site, before, before)
    nodes = configuration.members(machines.file("snow01", corosync.PATH).read_text())
    lines = [f"nodelist.node.{n}.{k} (str) = {v}" for n, node in enumerate(nodes) for k, v in node.items()]
    if before:
        lines += [
            f"quorum.device.net.host (str) = {before.host}",
            f"quorum.device.timeout (u32) = {before.timeout_ms}",
            f"quorum.device.sync_timeout (u32) = {before.sync_timeout_ms}",
        ]
    machines.stand_in("systemctl", "exit 0")
    machines.stand_in("corosync", "")
    machines.stand_in("corosync-cfgtool", "")
    machines.stand_in("corosync-cmapctl", "cat <<'EOF'\n" + "\n".join(lines) + "\nEOF")
    let_go = mocker.patch.object(stopping, "let_go")
    wanted = with_host(site, after)
    assert [finding.id for finding in corosync.check(wanted)] == ["corosync-conf"] * 2
    corosync.apply(wanted)
    assert let_go.called
    stops = [line for line in machines.log() if "systemctl stop" in line]
    assert stops == [f"{name} systemctl stop pacemaker corosync" for name in ("snow02", "snow01")]
    assert not any("cfgtool" in line for line in machines.log())
    device = configuration.device(machines.file("snow02", corosync.PATH).read_text())
    assert (device.host if device else "") == after
    corosync.forget_device(wanted)
    assert configuration.device(machines.file("snow02", corosync.PATH).read_text()) is None
