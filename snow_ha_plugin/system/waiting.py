"""Waiting for what somebody else does: looked at again and again, with a deadline. Times are seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

POLL_S = 0.5

Answer = TypeVar("Answer")


def turns(within_s: float, pause_s: float | None = None) -> Iterator[bool]:
    """The turns of a loop that waits, with a pause between two: True while there is time, and at last one False."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        yield True
        time.sleep(POLL_S if pause_s is None else pause_s)
    yield False


def until(ask: Callable[[], Answer], within_s: float) -> Answer:
    """The first answer that is true; past that time the last one, which is not."""
    return next(answer for in_time in turns(within_s) if (answer := ask()) or not in_time)
