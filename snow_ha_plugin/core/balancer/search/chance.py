"""Chance that is the same in every run: a plan must not depend on luck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """Park and Miller's generator of numbers."""

    def __init__(self) -> None:
        self.state = 1

    def pick(self, choices: Sequence[T]) -> T:
        self.state = self.state * 48271 % 2147483647
        return choices[self.state % len(choices)]
