"""The third vote on the servers: what is done to whom, what is waited for, and what a name of its host resolves to."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import qdevice as times
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.corosync import Device
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import corosync, qdevice
from snow_ha_plugin.model import Finding, Server, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import qdevice as daemons
from snow_ha_plugin.system import snowtools, waiting
from snow_ha_plugin.system.qdevice import Host, Look
from tests.unit.conftest import NAMES, Machines
from tests.unit.guide.test_qdevice import DEVICE, NEW, WHOLE, look, put, with_host

Devices = dict[str, tuple[Device | None, Device | None]]


@pytest.fixture
def looks(mocker: MockerFixture) -> dict[str, Look]:
    """A server reaches the host only where it is asked about that one."""
    found = {name: look(name) for name in NAMES}
    mocker.patch.object(daemons, "look", lambda _all, name, host: found[name]._replace(reaches=host == "qnetd01"))
    return found


@pytest.fixture
def devices(mocker: MockerFixture) -> Devices:
    found: Devices = dict.fromkeys(NAMES, (DEVICE, DEVICE))
    mocker.patch.object(corosync, "devices", return_value=found)
    return found


@pytest.fixture
def done(mocker: MockerFixture) -> list[tuple[object, ...]]:
    done: list[tuple[object, ...]] = []

    def start(_all: object, name: str, *, anew: bool = False) -> None:
        done.append(("start", name, anew))

    for name in ("certify", "set_up", "take_out"):
        mocker.patch.object(daemons, name, side_effect=lambda _all, *words, n=name: done.append((n, *words)))
    mocker.patch.object(daemons, "start", start)
    mocker.patch.object(corosync, "forget_device", side_effect=lambda _site: done.append(("forget",)))
    return done


@pytest.fixture
def host(mocker: MockerFixture) -> dict[str, Host]:
    """By name: a host that is not here is away."""
    there = {"qnetd01": WHOLE}

    def look_at_host(_servers: object, name: str) -> Host:
        if name not in there:
            raise UnavailableError(f"{name} cannot be reached")
        return there[name]

    mocker.patch.object(daemons, "look_at_host", look_at_host)
    mocker.patch.object(qdevice, "_addresses", return_value=set())
    return there


class TestApply:
    def test_who_has_no_certificate_gets_one_and_starts_anew(
        self, site: Site, looks: dict[str, Look], devices: Devices, done: list[tuple[object, ...]], host: object
    ) -> None:
        looks["snow02"] = look("snow02", **NEW)
        qdevice.apply(with_host(site))
        assert done[0] == ("certify", "qnetd01", "CA", ["snow02"])
        assert sorted(done[1:3]) == [("set_up", "snow01"), ("set_up", "snow02")]
        assert sorted(done[3:]) == [("start", "snow01", False), ("start", "snow02", True)]

    def test_a_certificate_of_another_authority_is_none(
        self, site: Site, looks: dict[str, Look], devices: Devices, done: list[tuple[object, ...]], host: object
    ) -> None:
        looks["snow01"] = look("snow01", ca="another")
        qdevice.apply(with_host(site))
        assert done[0] == ("certify", "qnetd01", "CA", ["snow01"])

    def test_nothing_starts_where_corosync_does_not_run_or_goes_by_no_device_yet(
        self, site: Site, looks: object, devices: Devices, done: list[tuple[object, ...]], host: object
    ) -> None:
        devices["snow02"] = (DEVICE, None)
        qdevice.apply(with_host(site))
        assert [each for each in done if each[0] == "start"] == [("start", "snow01", False)]
        assert "certify" not in [each[0] for each in done]

    def test_certificates_hold_while_the_host_is_away(
        self, site: Site, looks: object, devices: Devices, done: list[tuple[object, ...]], host: dict[str, Host]
    ) -> None:
        host.clear()
        qdevice.apply(with_host(site))
        assert sorted(done) == [
            ("set_up", "snow01"), ("set_up", "snow02"), ("start", "snow01", False), ("start", "snow02", False),
        ]  # fmt: skip

    def test_a_host_that_is_away_gives_no_certificate_and_nothing_is_changed(
        self, site: Site, looks: dict[str, Look], devices: object, done: list[tuple[object, ...]], host: dict[str, Host]
    ) -> None:
        host.clear()
        looks["snow02"] = look("snow02", **NEW)
        with pytest.raises(UnavailableError, match="qnetd01 cannot be asked for certificates"):
            qdevice.apply(with_host(site))
        assert done == []

    def test_where_none_is_wanted_what_is_left_goes_from_each_server(
        self, site: Site, done: list[tuple[object, ...]]
    ) -> None:
        qdevice.apply(site)
        assert sorted(done) == [("take_out", "snow01"), ("take_out", "snow02")]

    def test_disable_takes_it_out_of_the_configurations_first(self, site: Site, done: list[tuple[object, ...]]) -> None:
        qdevice.disable(site)
        assert done[0] == ("forget",)
        assert sorted(done[1:]) == [("take_out", "snow01"), ("take_out", "snow02")]


@pytest.mark.parametrize(
    ("left", "configured", "is_there"), [({}, None, True), (NEW, DEVICE, True), (NEW, None, False)]
)
def test_what_one_server_or_one_configuration_has_is_there(
    site: Site, looks: dict[str, Look], devices: Devices, left: dict[str, object], configured: Device | None,
    is_there: bool,
) -> None:  # fmt: skip
    looks.update({"snow01": look("snow01", **NEW), "snow02": look("snow02", **left)})
    devices.update({"snow01": (None, None), "snow02": (configured, None)})
    assert qdevice.is_set_up(site) is is_there


class TestVotes:
    @pytest.fixture
    def waited(self, mocker: MockerFixture) -> list[float]:
        """Each look that `waiting.until` takes, until the third one, as the seconds that it would go on for."""
        waited: list[float] = []

        def until(is_so: object, within_s: float) -> bool:
            assert callable(is_so)
            while len(waited) < 3:
                waited.append(within_s)
                if is_so():
                    return True
            return False

        mocker.patch.object(waiting, "until", until)
        return waited

    def test_are_waited_for_longer_than_qdevice_takes_to_connect(
        self, site: Site, looks: dict[str, Look], devices: object, waited: list[float]
    ) -> None:
        looks["snow02"] = look("snow02", flags="A,NV,NMW")
        qdevice.wait_for_votes(with_host(site))
        assert waited == [20, 20, 20]

    def test_that_are_there_are_waited_for_no_longer(
        self, site: Site, looks: object, devices: object, waited: list[float]
    ) -> None:
        qdevice.wait_for_votes(with_host(site))
        assert len(waited) == 1

    def test_are_looked_at_anew_each_time(
        self, site: Site, looks: object, devices: object, waited: list[float], mocker: MockerFixture
    ) -> None:
        anew = mocker.patch.object(Machines, "look_anew")
        mocker.patch.object(qdevice, "check_vote", side_effect=[[1], []])
        qdevice.wait_for_votes(with_host(site))
        assert anew.call_count == len(waited) == 2

    def test_without_a_third_vote_nobody_asks(self, site: Site) -> None:
        assert qdevice.check_vote(site) == []

    def test_who_does_not_run_it_is_told_so(self, site: Site, looks: dict[str, Look], devices: Devices) -> None:
        looks["snow02"] = look("snow02", state="", flags="")
        (found,) = qdevice.check_vote(with_host(site))
        assert "qnetd01: corosync-qdevice does not run" in found.message

    def test_times_that_do_not_go_with_the_watchdog_are_of_the_server_that_has_them(
        self, site: Site, looks: object, devices: Devices
    ) -> None:
        devices["snow01"] = (DEVICE, Device("qnetd01", DEVICE.timeout_ms, 30000))
        found = qdevice.check_vote(with_host(site))
        assert found
        assert {each.message.partition(":")[0] for each in found} == {"snow01"}
        assert {each.remedy for each in found} == {"snow ha enable"}


class TestHostIsRefused:
    def test_where_a_configuration_by_hand_has_no_place_for_it(
        self, site: Site, host: object, machines: Machines, mocker: MockerFixture
    ) -> None:
        by_hand = Finding(Severity.INFO, "corosync-by-hand", "by hand")
        mocker.patch.object(corosync, "check_foreign", return_value=[by_hand])
        mocker.patch.object(snowtools, "rows_of", return_value=())
        (found,) = qdevice.check_host(with_host(site))
        assert (found.severity, found.id) == (Severity.ERROR, "third-vote")
        assert found.message == "/etc/corosync/corosync.conf was written by hand"
        assert found.remedy

    @pytest.mark.parametrize("address", ["10.1.0.2", "127.0.1.1", "::1"])
    def test_where_its_name_leads_to_a_server(
        self, site: Site, host: object, mocker: MockerFixture, address: str
    ) -> None:
        mocker.patch.object(qdevice, "_addresses", return_value={address})
        (found,) = qdevice.check_host(with_host(site))
        assert "is a server of this cluster" in found.message

    def test_but_not_for_being_elsewhere(
        self, site: Site, host: object, looks: object, devices: object, mocker: MockerFixture
    ) -> None:
        mocker.patch.object(corosync, "check_foreign", return_value=[])
        mocker.patch.object(snowtools, "rows_of", return_value=())
        mocker.patch.object(qdevice, "_addresses", return_value={"10.1.0.9"})
        assert qdevice.check_host(with_host(site)) == []


def test_a_name_resolves_to_each_of_its_addresses_in_their_shortest_form(mocker: MockerFixture) -> None:
    def resolve(name: str, port: object) -> list[tuple[object, ...]]:
        assert (name, port) == ("qnetd01", None)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.0.9", 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8:0::9", 0, 0, 0)),
        ]

    mocker.patch.object(socket, "getaddrinfo", resolve)
    assert qdevice._addresses("qnetd01") == {"10.1.0.9", "2001:db8::9"}


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_has_no_address(mocker: MockerFixture, error: Exception) -> None:
    mocker.patch.object(socket, "getaddrinfo", side_effect=error)
    assert qdevice._addresses("qnetd01") == set()


def test_a_server_that_comes_and_makes_their_number_odd_ends_the_third_vote(site: Site, machines: Machines) -> None:
    put(machines, site, DEVICE, DEVICE)
    machines.names = (*NAMES, "snow03")
    assert qdevice.decide(site).qdevice == ""


def test_the_third_vote_is_remembered_by_whoever_answers(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    put(machines, site, DEVICE, DEVICE)
    path = machines.file("snow02", corosync.PATH)
    path.write_bytes(path.read_bytes() + b"# by M\xfcller\n")
    real = machines.read

    def read(server: str, name: str) -> bytes | None:
        if server == "snow01":
            raise UnavailableError("snow01 cannot be reached")
        return real(server, name)

    mocker.patch.object(machines, "read", read)
    assert qdevice.decide(site).qdevice == "qnetd01"


def test_the_times_of_its_device_are_those_of_a_cluster_with_a_third_vote(site: Site) -> None:
    assert corosync.wanted_device(with_host(site)) == times.device("qnetd01", Timing(15, 2, third_vote=True))
    assert corosync.wanted_device(replace(site, members=(Server("snow01", ("10.1.0.1",)),))) is None
