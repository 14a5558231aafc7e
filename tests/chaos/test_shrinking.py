"""Shrinking: the shortest list of faults that still fails, in as few labs as that takes, and never too late."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.faults import Fault, Round
from tests.chaos.shrinking import shrink

A, B, C, D, E, F = (Fault(kind) for kind in "abcdef")
PLAYED: list[Round] = [(A,), (B, C), (D,), (E, F)]


def asking(*needed: Fault) -> tuple[Callable[[list[Round]], bool], list[list[Round]]]:
    """A lab that fails where all of these faults are played; and what it was asked."""
    asked: list[list[Round]] = []

    def fails(rounds: list[Round]) -> bool:
        asked.append(rounds)
        return set(needed) <= {fault for faults in rounds for fault in faults}

    return fails, asked


def test_what_the_last_round_shows_alone_needs_no_other() -> None:
    fails, asked = asking(E, F)
    assert shrink(PLAYED, fails, lambda: True) == [(E, F)]
    assert asked[0] == [(E, F)]


def test_one_of_two_faults_at_once_is_enough() -> None:
    fails, _ = asking(F)
    assert shrink(PLAYED, fails, lambda: True) == [(F,)]


def test_faults_of_several_rounds_stay_in_their_rounds() -> None:
    fails, _ = asking(A, C, F)
    assert shrink(PLAYED, fails, lambda: True) == [(A,), (C,), (F,)]


def test_all_of_them_may_be_needed() -> None:
    fails, _ = asking(A, B, C, D, E, F)
    assert shrink(PLAYED, fails, lambda: True) == PLAYED


def test_what_does_not_fail_again_stays_as_it_was() -> None:
    assert shrink(PLAYED, lambda rounds: False, lambda: True) == PLAYED


def test_it_ends_when_time_is_up() -> None:
    fails, asked = asking(F)
    left = iter([True, True, False])
    assert shrink(PLAYED, fails, lambda: next(left, False)) == [(E, F)]
    assert len(asked) <= 2
