"""The figures: the model's, the product's, and those that docs/guarantees.md prints are the same."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from snow_ha_plugin.core.configure import fencing
from tests.model.rules import PILL, PILL_WITH_QDEVICE
from tests.model.timing import (
    CLOCK_SKEW,
    DETECTION_S,
    READ_GOOD_S,
    Timing,
    pill,
    pill_with_killed_controller,
    pill_with_quorum_device,
    priority_fencing_delay_s,
)

GUARANTEES = (Path(__file__).parents[2] / "docs" / "guarantees.md").read_text()
WATCHDOGS = range(fencing.LEAST_WATCHDOG_S, fencing.MOST_WATCHDOG_S + 1)
PRINTED = (5, 10, 15, 30)


@pytest.mark.parametrize("timing", [PILL, PILL_WITH_QDEVICE])
def test_the_model_has_a_margin_of_its_own(timing: Timing) -> None:
    assert 0 < timing.margin_s < 2 * timing.watchdog_s


def test_the_wait_is_long_enough_for_every_watchdog_that_is_offered() -> None:
    assert (WATCHDOGS[0], WATCHDOGS[-1]) == (5, 120)
    for watchdog_s in WATCHDOGS:
        timing = pill(watchdog_s)
        assert timing.dead_s < timing.dead_after_a_stall_s < timing.wait_s


def test_the_product_takes_the_models_figures() -> None:
    for watchdog_s in WATCHDOGS:
        ours = fencing.Timing(watchdog_s)
        assert ours.msgwait_s == pill(watchdog_s).wait_s
        assert ours.priority_delay_s == priority_fencing_delay_s(watchdog_s)
        assert ours.loss_s == pytest.approx(DETECTION_S)
        # The agent has time for a target that is still a member as it begins.
        assert ours.loss_s + ours.msgwait_s < ours.reboot_s < ours.stonith_s
    assert (fencing.DISK_S, fencing.DRIFT) == (READ_GOOD_S, 1 + CLOCK_SKEW)


def test_the_product_refuses_exactly_the_waits_that_are_too_short() -> None:
    for watchdog_s in WATCHDOGS:
        too_short_s = math.floor(pill(watchdog_s).dead_s)
        assert fencing.contradictions([fencing.Found("snow01", watchdog_s, watchdog_s, too_short_s)])
        assert not fencing.contradictions([fencing.Found("snow01", watchdog_s, watchdog_s, too_short_s + 1)])


@pytest.mark.parametrize(("more_s", "is_safe"), [(0, True), (3, True), (4, False)])
def test_pills_with_a_quorum_device_bound_its_sync_timeout(more_s: int, is_safe: bool) -> None:
    """The whole range of W: with S <= W + 3 the loser is dead in time."""
    margins = [pill_with_quorum_device(watchdog_s, watchdog_s + more_s).margin_s for watchdog_s in WATCHDOGS]
    assert (min(margins) > 0) == is_safe


@pytest.mark.parametrize(("sync_timeout_s", "is_safe"), [(3, True), (4, False)])
def test_a_stalled_sbd_bounds_it_further(sync_timeout_s: int, is_safe: bool) -> None:
    timings = [pill_with_quorum_device(watchdog_s, sync_timeout_s) for watchdog_s in WATCHDOGS]
    assert all(timing.dead_after_a_stall_s < timing.wait_s for timing in timings) == is_safe


def test_a_cut_that_moves_to_the_winner_bounds_it_too() -> None:
    """S < W / 2: the winner has noticed its own loss before the wait for a loser that is back is over."""
    for watchdog_s in WATCHDOGS:
        for sync_timeout_s in range(math.ceil(watchdog_s / 2)):
            timing = pill_with_quorum_device(watchdog_s, sync_timeout_s)
            assert timing.dead_s + timing.notice_s * (1 + CLOCK_SKEW) < timing.wait_s


def test_a_controller_that_is_killed_in_a_cut_is_covered_from_19_seconds_on() -> None:
    covered = [watchdog_s for watchdog_s in WATCHDOGS if pill_with_killed_controller(watchdog_s).margin_s > 0]
    assert covered == list(range(19, 121))
    assert round(pill_with_killed_controller(25).margin_s, 1) == 6.5


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under this heading of the guarantees, without its first two lines."""
    section = GUARANTEES.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_guarantees_print_these_figures() -> None:
    printed = {row[0]: [float(cell) for cell in row[2:]] for row in rows("The timing argument")}
    timings = [pill(watchdog_s) for watchdog_s in PRINTED]
    assert printed["pill written"] == [DETECTION_S] * 4
    assert printed["last tickle of the loser"] == [DETECTION_S + timing.last_tickle_s for timing in timings]
    assert printed["loser dead, and writes no more, at the latest"] == [
        round(DETECTION_S + timing.dead_s, 1) for timing in timings
    ]
    assert printed["the same after a stall of its sbd"] == [
        round(DETECTION_S + timing.dead_after_a_stall_s, 1) for timing in timings
    ]
    assert printed["msgwait"] == [timing.wait_s for timing in timings]
    assert printed["winner starts, at the earliest: failover"] == [
        round(DETECTION_S + timing.wait_s, 1) for timing in timings
    ]
    assert printed["margin"] == [round(timing.margin_s, 1) for timing in timings]
    assert printed["margin after a stall"] == [
        round(timing.wait_s - timing.dead_after_a_stall_s, 1) for timing in timings
    ]
    assert printed["priority delay"] == [priority_fencing_delay_s(watchdog_s) for watchdog_s in PRINTED]
