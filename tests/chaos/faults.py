"""What goes wrong in a round: a fault as a value that can be written down and replayed, and what each kind of it does.

Times are seconds. A kind never decides by itself what a cluster does; it says what it does to the lab, and who may be
reset for it.
"""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

NOBODY: frozenset[str] = frozenset()

# Who is not heard for less is not missed (corosync's token is 3 s); less what a busy machine adds.
UNNOTICED_S = 2.0


@dataclass(frozen=True)
class Fault:
    """One fault of a round: it begins `at_s` after the round, and is undone `seconds` later.

    server: the one that it happens to; "" is all of them, or the kind's own choice by where a domain runs.
    what, domain: which variant of the kind, and which domain, where the kind has such.
    """

    kind: str
    at_s: float = 0.0
    seconds: float = 0.0
    server: str = ""
    what: str = ""
    domain: str = ""

    def __str__(self) -> str:
        words = [word for word in (self.kind, self.what, self.domain, self.server) if word]
        times = f" {self.seconds:g} s" if self.seconds else ""
        return " ".join(words) + times + (f" after {self.at_s:g} s" if self.at_s else "")


Round = tuple[Fault, ...]


@dataclass(frozen=True)
class Setting:
    """What a lab offers to faults: its servers, its domains, how long its watchdogs wait, and which parts it has."""

    servers: tuple[str, ...]
    domains: tuple[str, ...]
    watchdog_s: float
    parts: frozenset[str]

    def others(self, server: str) -> frozenset[str]:
        return frozenset(self.servers) - {server}

    def hit(self, fault: Fault) -> frozenset[str]:
        """The servers that a fault happens to."""
        return frozenset([fault.server] if fault.server else self.servers)


class Kind(ABC):
    """A kind of fault. `weight`: how often it is chosen; `needs`: parts of the lab that it cannot do without."""

    name: ClassVar[str]
    weight: ClassVar[int] = 2
    needs: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        """One fault of this kind; the same random numbers give the same fault."""

    @abstractmethod
    def begin(self, scene: Scene, fault: Fault) -> None:
        """Do it. Whatever is not there to be hit (a server that is off) is noted, and no error."""

    def end(self, scene: Scene, fault: Fault) -> None:  # noqa: B027
        """Undo what does not pass by itself."""

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        """The servers that fencing or their own watchdog may reset where this fault is the only one."""
        return NOBODY

    def goes_down(self, fault: Fault) -> frozenset[str]:
        """The servers that this fault turns off in good order."""
        return NOBODY


def seconds(chance: random.Random, least: float, most: float) -> float:
    return round(chance.uniform(least, most), 1)


def to_json(rounds: Iterable[Sequence[Fault]]) -> str:
    """Rounds as one line, without what has its default."""
    plain = [[{key: value for key, value in asdict(fault).items() if value} for fault in each] for each in rounds]
    return json.dumps(plain, separators=(",", ":"))


def from_json(text: str) -> list[Round]:
    """Rounds from to_json's line; a list of faults alone is one round. ValueError for anything else."""
    found = json.loads(text)
    if not isinstance(found, list) or not found:
        raise ValueError("a list of rounds, or of the faults of one round, is needed")
    if isinstance(found[0], dict):
        found = [found]
    return [tuple(_fault(plain) for plain in each) for each in found]


def _fault(plain: dict[str, Any]) -> Fault:
    try:
        return Fault(**plain)
    except TypeError as error:
        raise ValueError(f"no fault: {plain!r}") from error
