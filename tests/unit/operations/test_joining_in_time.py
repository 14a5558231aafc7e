"""How long servers that come are waited for, by whose view of the cluster, and what is run on them meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoQuorumError,
    SnowHaError,
    TimedOutError,
    UnavailableError,
    UnsafeError,
)
from snow_ha_plugin.model import Guest
from snow_ha_plugin.operations import joining
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import bmc, crm_mon, fencer, waiting, xen
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import Servers, T, attempt
from tests.unit.system.test_waiting import Clock

BOTH = ("snow01", "snow02")
LOOK = " ".join(crm_mon.STATE)
START = "systemctl start corosync pacemaker"
RESTART = "systemctl restart corosync pacemaker"
CONF = "/etc/corosync/corosync.conf"
MEMBERS = "".join(f"nodelist {{ \n node {{ \n name: {name} \n }} \n }}\n" for name in BOTH).encode()

View = Callable[[float], bytes | None]


def view(*online: str, quorum: bool = True, unclean: Sequence[str] = ()) -> bytes:
    nodes = "".join(
        f'<node name="{name}" online="{str(name in online).lower()}" unclean="{str(name in unclean).lower()}"/>'
        for name in BOTH
    )
    dc = f'<current_dc with_quorum="{str(quorum).lower()}"/>'
    return f"<pacemaker-result><summary>{dc}</summary><nodes>{nodes}</nodes><resources/></pacemaker-result>".encode()


class Two(Servers):
    """Two servers that answer at once. `views`: what crm_mon says on each after so many seconds, None where it fails;
    `ran`: what may change something, and how long it may take."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(BOTH)
        self.here = "snow01"
        self.clock = clock
        self.views: dict[str, View] = {name: lambda _: view(*BOTH) for name in BOTH}
        self.active = set(BOTH)
        self.dead: set[str] = set()
        self.files = dict.fromkeys(BOTH, MEMBERS)
        self.ran: list[tuple[str, str, float]] = []
        self.looks: list[tuple[str, str, float]] = []
        self.looks_at: list[float] = []

    def outcomes(self, work: Callable[[str], T], names: Sequence[str] | None = None) -> Mapping[str, T | SnowHaError]:
        return {name: attempt(work, name) for name in (self.names if names is None else names)}

    def _reach(self, server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        line = " ".join(argv)
        is_change = argv[0] == "systemctl" and "is-active" not in argv
        (self.ran if is_change else self.looks).append((server, line, timeout_s))
        if server in self.dead:
            raise UnavailableError(f"{server} cannot be reached")
        if line == LOOK:
            self.looks_at.append(self.clock.now_s - 100)
            said = self.views[server](self.clock.now_s - 100)
            return Result((), 1 if said is None else 0, said or b"not even XML", b"")
        if line == "systemctl --quiet is-active pacemaker":
            return Result((), 0 if server in self.active else 3, b"", b"")
        if argv[0] == "sh" and argv[-1] == CONF:
            return Result((), 0, self.files[server], b"")
        assert is_change or line == "true", line
        return Result((), 0, b"", b"")


@pytest.fixture
def clock(mocker: MockerFixture) -> Clock:
    """Time passes by waiting alone."""
    clock = Clock()
    mocker.patch.object(waiting, "time", clock)
    mocker.patch.object(joining, "time", clock)
    mocker.patch.object(waiting, "POLL_S", 5)
    return clock


@pytest.fixture
def two(clock: Clock) -> Two:
    return Two(clock)


@pytest.fixture
def here(site: Site, two: Two, mocker: MockerFixture) -> Site:
    mocker.patch.object(xen, "guests", return_value=(Guest("Domain-0", 0, 512, 1, "r-----"),))
    return replace(site, servers=two)


def always(said: bytes | None) -> View:
    return lambda _: said


def from_(begin_s: float, then: bytes, before: bytes | None = None) -> View:
    return lambda now_s: then if now_s >= begin_s else before


# --- what a server sees


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        (view("snow01", unclean=["snow02"]), {"snow02"}),
        (view(*BOTH), set()),
        # It cannot fence.
        (view("snow01", quorum=False, unclean=["snow02"]), set()),
        # Pacemaker does not run there, or does not know yet.
        (None, set()),
        (b"<pacemaker-result/>", set()),
    ],
)
def test_only_who_has_quorum_has_servers_that_wait_to_be_fenced(two: Two, said: bytes | None, waits: set[str]) -> None:
    two.views["snow01"] = always(said)
    assert joining.unclean(two, "snow01") == waits


def test_servers_are_looked_at_without_much_patience(here: Site, two: Two) -> None:
    """One that hangs shall not keep those who wait at a terminal."""
    two.active.discard("snow02")
    assert joining.to_start(here, None) == (["snow02"], [])
    asked = {(server, within_s) for server, line, within_s in two.looks if "is-active" in line}
    assert asked == {("snow01", joining.REACHED_WITHIN_S), ("snow02", joining.REACHED_WITHIN_S)}


def test_one_server_is_asked_alone(here: Site, two: Two) -> None:
    two.dead.add("snow01")
    two.active.clear()
    assert joining.to_start(here, "snow02") == (["snow02"], [])
    assert {server for server, *_ in two.looks} == {"snow02"}


def test_whose_pacemaker_runs_need_not_be_a_member_by_its_file(here: Site, two: Two) -> None:
    two.files = {"snow01": b"", "snow02": b"# \xe9crit \xe0 la main\n" + MEMBERS}
    two.active.discard("snow02")
    assert joining.to_start(here, None) == (["snow02"], [])
    two.active.clear()
    with pytest.raises(ConfigurationError, match="snow01 was never in the cluster"):
        joining.to_start(here, None)


# --- waiting until they are in


def test_a_server_is_started_once_and_waited_for_until_it_is_online(here: Site, two: Two, clock: Clock) -> None:
    two.views = dict.fromkeys(BOTH, from_(20, view(*BOTH), view("snow01")))
    joining.start(here, ["snow02"], [])
    assert clock.now_s == 120
    assert two.ran == []
    two.active.discard("snow02")
    joining.start(here, ["snow02"], [])
    assert two.ran == [("snow02", START, joining.ONLINE_WITHIN_S)]


def test_it_is_given_two_minutes(here: Site, two: Two, clock: Clock, mocker: MockerFixture) -> None:
    mocker.patch.object(waiting, "POLL_S", 60)
    two.views = dict.fromkeys(BOTH, always(view("snow01")))
    with pytest.raises(TimedOutError, match="snow02 did not come within 120 s"):
        joining.start(here, ["snow02"], ["snow03"])
    assert clock.now_s == 220


def test_an_online_server_without_quorum_has_not_come(here: Site, two: Two) -> None:
    two.views = dict.fromkeys(BOTH, from_(40, view(*BOTH), view(*BOTH, quorum=False)))
    joining.start(here, BOTH, [])
    assert max(two.looks_at) == 40


def test_who_has_quorum_is_believed_and_else_the_first_that_sees_anything(here: Site, two: Two) -> None:
    two.views = {"snow01": always(view(*BOTH)), "snow02": always(view("snow02", quorum=False))}
    joining.start(here, ["snow02"], [])
    assert set(two.looks_at) == {0}
    two.views["snow01"] = always(None)
    assert joining._seen(here, BOTH) == joining.seen_by(two, "snow02")
    two.views["snow01"] = always(view("snow01", quorum=False))
    assert joining._seen(here, ["snow02"]) == joining.seen_by(two, "snow02")
    two.views = dict.fromkeys(BOTH, always(None))
    assert joining._seen(here, BOTH) is None


@pytest.mark.parametrize(("look_every_s", "after_s"), [(30, 60), (30.5, 30.5)])
def test_the_votes_of_silent_servers_are_missed_after_half_a_minute(
    here: Site, two: Two, clock: Clock, mocker: MockerFixture, look_every_s: float, after_s: float
) -> None:
    mocker.patch.object(waiting, "POLL_S", look_every_s)
    two.views = dict.fromkeys(BOTH, always(view("snow01", quorum=False)))
    with pytest.raises(NoQuorumError, match="snow02 may run them; power on snow02"):
        joining.start(here, ["snow01"], ["snow02"])
    assert clock.now_s == 100 + after_s


@pytest.mark.parametrize("said", [view("snow01"), None], ids=["quorum", "nothing seen"])
def test_silent_servers_are_no_reason_where_it_is_not_quorum_that_is_missed(
    here: Site, two: Two, said: bytes | None
) -> None:
    two.views = dict.fromkeys(BOTH, always(said))
    with pytest.raises(TimedOutError):
        joining.start(here, ["snow02"], ["snow01"])


@pytest.mark.parametrize(("look_every_s", "comes_at_s", "times"), [(60, 120, 0), (60.5, 121, 1), (20, 120, 1)])
def test_who_stays_outside_is_started_anew_once_and_after_a_minute(
    here: Site, two: Two, mocker: MockerFixture, look_every_s: float, comes_at_s: float, times: int
) -> None:
    mocker.patch.object(waiting, "POLL_S", look_every_s)
    comes = from_(comes_at_s, view(*BOTH), view("snow01"))
    two.views = {"snow01": comes, "snow02": always(view("snow02", quorum=False))}
    joining.start(here, BOTH, [])
    assert two.ran == [("snow02", RESTART, joining.ONLINE_WITHIN_S)] * times


# --- before that: who is about to be fenced


def test_a_fencing_is_waited_for_longer_than_any_takes(
    here: Site, two: Two, clock: Clock, mocker: MockerFixture
) -> None:
    mocker.patch.object(waiting, "POLL_S", 60)
    two.views = dict.fromkeys(BOTH, always(view("snow01", unclean=["snow02"])))
    with pytest.raises(TimedOutError, match=r"snow02 waits to be fenced; for more than 240 s; .*confirm-off snow02"):
        joining.wait_until_fenced(here, ["snow02"])
    assert clock.now_s == 340
    assert Timing(60).stonith_s < 240
    # Others may wait as long as they like.
    joining.wait_until_fenced(here, ["snow01"])
    two.views = dict.fromkeys(BOTH, always(view(unclean=BOTH)))
    with pytest.raises(TimedOutError, match=r"waits to be fenced.*confirm-off snow01"):
        joining.wait_until_fenced(here, ["snow02"])


def test_a_fencing_that_ends_is_not_waited_for_any_longer(here: Site, two: Two, clock: Clock) -> None:
    two.views["snow01"] = from_(30, view("snow01"), view("snow01", unclean=["snow02"]))
    joining.wait_until_fenced(here, ["snow02"])
    assert clock.now_s == 130


def test_a_server_that_was_left_out_of_all_looks_keeps_nobody_waiting(here: Site, two: Two) -> None:
    two.silent = {"snow02": UnavailableError("")}
    joining.wait_until_fenced(here, BOTH)


# --- one alone


def test_one_alone_takes_each_of_the_dead_for_off_once_it_has_quorum(
    here: Site, two: Two, clock: Clock, mocker: MockerFixture
) -> None:
    two.active.clear()
    ended = mocker.patch.object(fencer, "end_waiting_for_all")
    confirmed = mocker.patch.object(fencer, "confirm_off")

    def sees(now_s: float) -> bytes | None:
        if now_s < 20:
            return view("snow01", quorum=False) if now_s >= 10 else None
        return view("snow01") if confirmed.called else view("snow01", unclean=["snow02"])

    two.views["snow01"] = sees
    joining.start_alone(here, ["snow02"])
    assert two.ran == [("snow01", START, joining.ONLINE_WITHIN_S)]
    # Not before Pacemaker answers, from 10 s on.
    assert ended.call_count == 2
    confirmed.assert_called_once_with("snow02")
    assert clock.now_s == 120


def test_one_alone_is_given_as_long_and_told_how_many_there_are(
    here: Site, two: Two, clock: Clock, mocker: MockerFixture
) -> None:
    mocker.patch.object(waiting, "POLL_S", 60)
    mocker.patch.object(fencer, "end_waiting_for_all")
    two.views["snow01"] = always(view("snow01", quorum=False))
    with pytest.raises(NoQuorumError, match="no quorum by itself; of 2 servers more are needed"):
        joining.start_alone(here, [])
    assert clock.now_s == 220


def test_one_alone_must_have_been_in_the_cluster(here: Site, two: Two) -> None:
    two.files["snow01"] = b""
    with pytest.raises(ConfigurationError):
        joining.start_alone(here, [])
    assert two.ran == []


def test_a_fencing_is_done_once_pacemaker_takes_the_server_for_off(
    here: Site, two: Two, clock: Clock, mocker: MockerFixture
) -> None:
    confirmed = mocker.patch.object(fencer, "confirm_off")
    two.views["snow01"] = from_(25, view("snow01"), view("snow01", unclean=["snow02"]))
    assert joining.confirm_off(here, "snow02") is True
    confirmed.assert_called_once_with("snow02")
    assert clock.now_s == 125
    mocker.patch.object(waiting, "POLL_S", 60)
    two.views["snow01"] = always(view("snow01", unclean=["snow02"]))
    with pytest.raises(TimedOutError, match="after 120 s"):
        joining.confirm_off(here, "snow02")
    assert clock.now_s == 245


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (None, UnavailableError, "Pacemaker does not run on this server"),
        (view("snow01", quorum=False, unclean=["snow02"]), NoQuorumError, "start --alone"),
        (view(*BOTH, unclean=["snow02"]), UnsafeError, "snow02 is in the cluster"),
    ],
)
def test_what_keeps_a_server_from_being_taken_for_off(
    here: Site, two: Two, mocker: MockerFixture, said: bytes | None, error: type[Exception], words: str
) -> None:
    confirmed = mocker.patch.object(fencer, "confirm_off")
    two.views["snow01"] = always(said)
    with pytest.raises(error, match=words):
        joining.confirm_off(here, "snow02")
    confirmed.assert_not_called()


def test_whether_a_server_is_off_is_asked_without_much_patience(here: Site, two: Two, mocker: MockerFixture) -> None:
    asked = mocker.patch.object(bmc, "power")
    two.dead.add("snow02")
    assert joining.is_off(here, "snow02") is False
    assert two.looks == [("snow02", "true", joining.REACHED_WITHIN_S)]
    asked.assert_not_called()
