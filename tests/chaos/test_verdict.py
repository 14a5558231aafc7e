"""What counts as wrong after a round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.faults import Fault, Setting
from tests.chaos.observation import Configuration, Standing
from tests.chaos.verdict import Evidence, Reset, double_seconds, failures, wrong_resets
from tests.lab.ledger import Double, Interval

PAIR = Setting(("snow01", "snow02"), ("proxy01",), 5.0, frozenset())
GOOD = Evidence(
    doubles=(), standing=Standing((), ()), configuration=Configuration((), "", ()), resets=(), fenced=frozenset(),
    lost=(), complaints=(),
)  # fmt: skip
FROZEN = (Fault("freeze", seconds=9, server="snow01"),)
REBOOTED = (Fault("reboot", server="snow01"),)


def interval(server: str, start: float, end: float | None) -> Interval:
    return Interval("proxy01", server, "uuid", 1, start, end, "create", None if end is None else "destroy")


DOUBLE = Double(interval("snow01", 1, 3), interval("snow02", 2, None), 2.0, 2.001)


def test_nothing_is_wrong_where_all_is_well() -> None:
    assert failures(FROZEN, PAIR, GOOD) == []


@pytest.mark.parametrize(
    ("seen", "sort"),
    [
        (replace(GOOD, doubles=(DOUBLE,)), "double"),
        (replace(GOOD, lost=("proxy01",)), "lost"),
        (replace(GOOD, standing=Standing(("snow02 has no cluster",), ())), "not-well"),
        (replace(GOOD, resets=(Reset("snow02", "watchdog"),)), "fenced"),
        (replace(GOOD, fenced=frozenset({"snow02"})), "fenced"),
        (replace(GOOD, complaints=("snow01 does not shut down within 150 s",)), "stuck"),
        (replace(GOOD, configuration=Configuration(("cli-prefer-proxy01",), "", ())), "leftover"),
        (replace(GOOD, configuration=Configuration((), "error: no", ())), "invalid"),
        (replace(GOOD, configuration=Configuration((), "", ("snow01",))), "unprotected"),
    ],
)
def test_each_sort_of_failure_is_told(seen: Evidence, sort: str) -> None:
    assert [each.split(":")[0] for each in failures(FROZEN, PAIR, seen)] == [sort]


def test_who_stood_still_may_be_reset_in_any_way() -> None:
    resets = [Reset("snow01", how) for how in ("watchdog", "reboot", "bmc-off")]
    assert wrong_resets(FROZEN, PAIR, replace(GOOD, resets=resets, fenced=frozenset({"snow01"}))) == []


def test_a_reboot_is_no_reset_but_a_watchdog_in_the_middle_of_it_is() -> None:
    assert wrong_resets(REBOOTED, PAIR, replace(GOOD, resets=[Reset("snow01", "reboot")])) == []
    assert wrong_resets(REBOOTED, PAIR, replace(GOOD, resets=[Reset("snow01", "watchdog")])) == ["snow01 (watchdog)"]
    assert len(wrong_resets(REBOOTED, PAIR, replace(GOOD, fenced=frozenset({"snow01"})))) == 1


def test_a_double_run_that_lasts_counts_until_now() -> None:
    assert double_seconds([DOUBLE], 9.0) == pytest.approx(0.001)
    assert double_seconds([replace(DOUBLE, end=None)], 9.0) == 7.0
