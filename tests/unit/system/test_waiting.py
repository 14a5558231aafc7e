"""Waits: what is true at once is not waited for, and past the deadline one looks once more."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.system import waiting


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture(autouse=True)
def clock(mocker: MockerFixture) -> Clock:
    clock = Clock()
    mocker.patch.object(waiting, "time", clock)
    return clock


def test_what_is_true_at_once_takes_no_time(clock: Clock) -> None:
    assert waiting.until(lambda: "there", 10) == "there"
    assert clock.now_s == 100


def test_what_becomes_true_is_given_as_soon_as_it_is(clock: Clock) -> None:
    assert waiting.until(lambda: clock.now_s >= 102, 10)
    assert clock.now_s == 102


def test_past_the_deadline_one_looks_once_more_and_no_more(clock: Clock) -> None:
    asked: list[float] = []
    assert waiting.until(lambda: asked.append(clock.now_s), 1) is None
    assert asked == [100, 100.5, 101]


def test_without_time_one_looks_once(clock: Clock) -> None:
    assert list(waiting.turns(0)) == list(waiting.turns(-5)) == [False]
    assert list(waiting.turns(1)) == [True, True, False]


def test_a_pause_of_ones_own_is_kept(clock: Clock) -> None:
    asked = [clock.now_s for _ in waiting.turns(10, 4)]
    assert asked == [100, 104, 108, 112]
