"""The shortest list of faults that still fails: delta debugging (Zeller and Hildebrandt, 2002) over what was played.

Pure but for the question itself, which takes a lab and minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from tests.chaos.faults import Fault, Round

# A fault, and the number of the round it belongs to.
Placed = tuple[int, Fault]
Fails = Callable[[list[Round]], bool]
HasTime = Callable[[], bool]


def shrink(rounds: Sequence[Round], fails: Fails, has_time: HasTime) -> list[Round]:
    """The shortest list found while there is time. `rounds` failed in the last of them, which is tried first alone."""
    last = [rounds[-1]]
    if len(rounds) > 1 and has_time() and fails(last):
        rounds = last
    return _rounds(_minimise(_place(rounds), lambda placed: fails(_rounds(placed)), has_time))


def _place(rounds: Iterable[Round]) -> list[Placed]:
    return [(number, fault) for number, faults in enumerate(rounds) for fault in faults]


def _rounds(placed: Iterable[Placed]) -> list[Round]:
    return [tuple(fault for _, fault in group) for _, group in groupby(placed, key=lambda each: each[0])]


def _minimise(placed: list[Placed], fails: Callable[[list[Placed]], bool], has_time: HasTime) -> list[Placed]:
    """Take chunks away, ever smaller ones, as long as it fails without them."""
    chunk = len(placed) // 2
    while chunk and has_time():
        shorter = _without_chunks(placed, chunk, fails, has_time)
        chunk = chunk // 2 if shorter == placed else min(chunk, len(shorter) // 2)
        placed = shorter
    return placed


def _without_chunks(
    placed: list[Placed], chunk: int, fails: Callable[[list[Placed]], bool], has_time: HasTime
) -> list[Placed]:
    start = 0
    while start < len(placed) and has_time():
        without = placed[:start] + placed[start + chunk :]
        if without and fails(without):
            placed = without
        else:
            start += chunk
    return placed
