"""The command line, and what many rounds add up to."""

from __future__ import annotations

import shlex

import pytest

from tests.chaos.campaign import Plan, command_line, totals
from tests.chaos.command import plan_of
from tests.chaos.faults import Fault
from tests.chaos.rounds import Report
from tests.chaos.verdict import Reset
from tests.chaos.ways import WAYS

CUT = Fault("cut", at_s=1.5, seconds=9, server="snow01", what="both")
REPLAYED = ((CUT,), (Fault("guest", what="crash", domain="nis01"), CUT))


def report(number: int, recovery_s: float, doubles: int, **more: object) -> Report:
    given = {
        "faults": (CUT,), "seconds": 30.0, "attempts": 1, "resets": (Reset("snow01", "watchdog"),), "lost": 0,
        "wrong_resets": 0, "fresh": 4, "failures": (), "notes": (), "usable": True, **more,
    }  # fmt: skip
    return Report(number=number, recovery_s=recovery_s, doubles=doubles, double_s=doubles * 0.5, **given)  # type: ignore[arg-type]


def test_the_printed_command_line_plays_the_same_rounds() -> None:
    plan = Plan(WAYS["ipmi"], servers=3, debian="trixie")
    program, *argv = shlex.split(command_line(plan, REPLAYED))
    again, _ = plan_of(argv)
    assert program == "tests/lab/chaos"
    assert (again.way, again.servers, again.debian, again.replay) == (plan.way, 3, "trixie", REPLAYED)


@pytest.mark.parametrize(
    "argv",
    [
        ["--faults", "no-such-fault"], ["--replay", "[[]"], ["--replay", '[{"kind":"no-such-fault"}]'],
        ["--fencing", "prayer"], ["--servers", "6"],
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        plan_of(argv)
    assert refused.value.code == 2


def test_rounds_of_replay_come_in_their_order() -> None:
    plan = Plan(WAYS["sbd"], replay=REPLAYED)
    assert tuple(plan.chosen(None)) == REPLAYED


def test_totals_add_up() -> None:
    lines = totals([report(1, 20.0, 2), report(2, 0.1, 0), report(3, 30.0, 0, usable=False, failures=("x",))])
    assert "rounds: 3, in 90 s" in lines
    assert "double runs: 2, 1.000 s" in lines
    assert "resets: 3, wrong ones: 0" in lines
    assert "rounds that failed: 1, after which the lab was broken: 1" in lines
    # Of the rounds that ended well, and had something to recover.
    assert "median recovery: 20.0 s" in lines


def test_a_round_is_one_line() -> None:
    assert str(report(7, 20.0, 2)) == (
        "round   7   30.0 s  cut both snow01 9 s after 1.5 s; reset: snow01 (watchdog); 2 ran twice for 1.000 s;"
        " 4 booted; all run after 20.0 s, enable x1"
    )
