from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snow_ha_plugin.core import timeouts
from snow_ha_plugin.core.timeouts import Timeouts, for_memory

MEMORY = st.integers(0, 2**31)
SPEED = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("memory_mib", "expected"),
    [
        (0, Timeouts(120, 120, 120)),
        (512, Timeouts(120, 120, 120)),
        (3000, Timeouts(120, 120, 210)),
        (4096, Timeouts(150, 150, 270)),
        (65536, Timeouts(1380, 1380, 3340)),
    ],
)
def test_a_larger_domain_gets_more_time(memory_mib: int, expected: Timeouts) -> None:
    assert for_memory(memory_mib) == expected


def test_a_faster_network_shortens_migrations_only() -> None:
    slow, fast = for_memory(65536, 80), for_memory(65536, 1000)
    assert fast.migrate_s < slow.migrate_s
    assert (fast.start_s, fast.stop_s) == (slow.start_s, slow.stop_s)


@given(MEMORY, SPEED)
def test_no_operation_has_less_than_the_guides_two_minutes(memory_mib: int, speed: int) -> None:
    times = for_memory(memory_mib, speed)
    assert min(times.start_s, times.stop_s, times.migrate_s) >= timeouts.LEAST_S == 120


@given(MEMORY, MEMORY, SPEED)
def test_more_memory_never_gets_less_time(one: int, other: int, speed: int) -> None:
    small, large = for_memory(min(one, other), speed), for_memory(max(one, other), speed)
    assert small.start_s <= large.start_s
    assert small.stop_s <= large.stop_s
    assert small.migrate_s <= large.migrate_s


@given(MEMORY, SPEED, st.integers(1, 8))
def test_a_migration_has_time_to_send_all_memory_twice_by_its_share_of_the_link(
    memory_mib: int, speed: int, at_once: int
) -> None:
    assert for_memory(memory_mib, speed, at_once).migrate_s >= 2 * memory_mib / (speed / at_once)


@pytest.mark.parametrize(
    ("times", "at_once", "within"),
    [([], 2, 0), ([10], 2, 10), ([10, 40], 2, 40), ([10, 20, 30], 1, 60), ([10, 40, 20, 30, 5], 2, 65)],
)
def test_each_wave_takes_as_long_as_its_longest(times: list[int], at_once: int, within: int) -> None:
    assert timeouts.in_waves(times, at_once) == within


@given(MEMORY, SPEED)
def test_times_are_whole_tens_of_seconds(memory_mib: int, speed: int) -> None:
    times = for_memory(memory_mib, speed)
    assert [times.start_s % 10, times.stop_s % 10, times.migrate_s % 10] == [0, 0, 0]


@pytest.mark.parametrize(
    ("memory_mib", "start_s", "migrate_s"),
    [
        # half of two minutes, and the work: at 50 MiB/s, and twice the memory over half of 80 MiB/s
        (3000, 120, 210),
        (3001, 130, 220),
        (1200, 120, 120),
        (1201, 120, 130),
    ],
)
def test_times_grow_in_steps_from_where_two_minutes_no_longer_do(memory_mib: int, start_s: int, migrate_s: int) -> None:
    assert for_memory(memory_mib) == Timeouts(start_s, start_s, migrate_s)


def test_a_domain_is_looked_at_twice_a_minute_and_a_look_may_take_one() -> None:
    """As an administrator sees it in the configuration: interval=30s timeout=60s."""
    assert (timeouts.MONITOR_INTERVAL_S, timeouts.MONITOR_S) == (30, 60)
