from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snow_ha_plugin.core import qdevice
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.corosync import Device
from tests.model.timing import pill_with_quorum_device

watchdogs = st.integers(fencing.LEAST_WATCHDOG_S, fencing.MOST_WATCHDOG_S)


@given(watchdogs)
def test_from_any_watchdog_follow_times_that_go_together(watchdog_s: int) -> None:
    times = Timing(watchdog_s, third_vote=True)
    device = qdevice.device("qnetd01", times)
    assert qdevice.contradictions(device, times) == []
    assert 1.2 * device.timeout_ms < device.sync_timeout_ms <= 1000 * watchdog_s
    assert 0.8 * device.timeout_ms >= 1000
    # As the model has it: a lost server is dead in time, and has noticed that it is lost.
    modelled = pill_with_quorum_device(watchdog_s, device.sync_timeout_ms // 1000)
    assert modelled.dead_s + 1.01 * modelled.notice_s < times.msgwait_s
    assert modelled.dead_after_a_stall_s < times.msgwait_s
    # qnetd knows of a lost server before corosync's membership has changed.
    assert 1.2 * device.timeout_ms / 1000 < times.loss_s


def test_the_times_as_documented() -> None:
    found = {w: qdevice.device("h", Timing(w)).sync_timeout_ms for w in (5, 8, 10, 15, 120)}
    assert found == {5: 2000, 8: 3000, 10: 3000, 15: 3000, 120: 3000}
    assert [qdevice.device("h", Timing(w)).timeout_ms for w in (5, 15)] == [1250, 1500]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"sync_timeout_ms": 30000}, "sbd distrusts"),
        ({"timeout_ms": 2500}, "would stop its domains"),
        ({"sync_timeout_ms": 8000}, "less than 7.5 s are safe"),
        ({"timeout_ms": 1200}, "no heartbeat every 960 ms"),
    ],
)
def test_times_that_do_not_go_together_are_named(changed: dict[str, int], said: str) -> None:
    complaints = qdevice.contradictions(Device("h", 1500, 3000)._replace(**changed), Timing(15))  # type: ignore[arg-type]
    assert bool(complaints) == bool(said)
    assert said in "".join(complaints)


@pytest.mark.parametrize("text", ["qnetd01", "qnetd01.example.org", "10.0.0.1", "fd00::1", "none"])
def test_names_of_hosts(text: str) -> None:
    assert qdevice.HOST.fullmatch(text)


@pytest.mark.parametrize("text", ["", "-x", "a b", "a;b", "a}", "a\nb", "$(x)"])
def test_what_is_no_name_of_a_host(text: str) -> None:
    assert not qdevice.HOST.fullmatch(text)


def test_only_an_even_number_of_servers_has_use_for_it() -> None:
    assert [servers for servers in range(2, 7) if qdevice.is_for(servers)] == [2, 4, 6]


def test_the_word_that_gives_it_up_is_a_host_s_name_too() -> None:
    """As documented for `enable --qdevice`; nobody's host is called so."""
    assert qdevice.NONE == "none"
    assert qdevice.HOST.fullmatch(qdevice.NONE)


@pytest.mark.parametrize(
    ("sync_ms", "timeout_ms", "watchdog_s", "said"),
    [
        # at the watchdog, and a moment more
        (15000, 1500, 15, ["a third vote may take 15 s"]),
        (15001, 1500, 15, ["sbd distrusts a third vote that may take 15.001 s, its watchdog has 15 s"]),
        # at half of it, and a moment less
        (7500, 1500, 15, ["a third vote may take 7.5 s"]),
        (7499, 1500, 15, []),
        # a heartbeat each second is the most that qnetd takes
        (3000, 1250, 15, []),
        (3000, 1249, 15, ["qnetd takes no heartbeat every 999.2 ms"]),
        # a server is lost after 1.2 of its timeouts, which must be less than it may take
        (3000, 2500, 15, ["qnetd knows of a lost server after 3 s, its vote is waited for 3 s"]),
        (3000, 2499, 15, []),
    ],
)
def test_times_go_together_up_to_their_limits(sync_ms: int, timeout_ms: int, watchdog_s: int, said: list[str]) -> None:
    complaints = qdevice.contradictions(Device("h", timeout_ms, sync_ms), Timing(watchdog_s))
    assert len(complaints) == len(said)
    assert all(complaint.startswith(each) for complaint, each in zip(complaints, said, strict=True))


def test_the_vote_of_a_device_is_waited_for_less_than_half_of_a_short_watchdog() -> None:
    assert [qdevice.device("h", Timing(w)).sync_timeout_ms for w in (6, 7)] == [2000, 3000]
    assert qdevice.device("h", Timing(15)).host == "h"
