"""What is wrong after a round. Pure: evidence in, failures out. Times are seconds, of CLOCK_MONOTONIC.

What must hold: nothing ever ran twice, a millisecond counts; every domain runs, and Pacemaker knows where; nothing is
left of moves; the CIB is valid; and nobody was reset who had lost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.chaos import choice
from tests.chaos.faults import Round, Setting
from tests.chaos.observation import Configuration, Standing
from tests.lab.ledger import Double

# Of what the lab tells of power: a server that was ended by its own watchdog, from inside, or by its BMC.
RESETS = ("watchdog", "reboot", "bmc-off")
IN_GOOD_ORDER = "reboot"


@dataclass(frozen=True)
class Reset:
    """A server that went down without its plug being pulled, and how."""

    server: str
    how: str

    def __str__(self) -> str:
        return f"{self.server} ({self.how})"


@dataclass(frozen=True)
class Evidence:
    """What was seen of a round. `standing` is the last look at it; `configuration` is None where that was not good.

    fenced: the servers that Pacemaker says it has fenced in this round. complaints: of commands that did not end.
    """

    doubles: Sequence[Double]
    standing: Standing
    configuration: Configuration | None
    resets: Sequence[Reset]
    fenced: frozenset[str]
    lost: Sequence[str]
    complaints: Sequence[str]


def failures(faults: Round, setting: Setting, seen: Evidence) -> list[str]:
    """What is wrong, one line each, its first word the sort of it."""
    found = [f"double: {double}" for double in seen.doubles]
    found += [f"lost: {domain} runs nowhere" for domain in seen.lost]
    if not seen.standing.is_good:
        found.append(f"not-well: {seen.standing}")
    found += [f"fenced: {each} saw its peers" for each in wrong_resets(faults, setting, seen)]
    found += [f"stuck: {each}" for each in seen.complaints]
    if seen.configuration:
        found += [f"leftover: {each}" for each in seen.configuration.leftovers]
        found += [f"unprotected: sbd does not run on {each}" for each in seen.configuration.unprotected]
        if seen.configuration.complaints:
            found.append(f"invalid: {seen.configuration.complaints}")
    return found


def wrong_resets(faults: Round, setting: Setting, seen: Evidence) -> list[str]:
    """The resets of servers that had lost nothing and were not asked to go."""
    allowed = choice.may_be_reset(faults, setting)
    asked = allowed | choice.goes_down(faults)
    wrong = {
        str(reset) for reset in seen.resets if reset.server not in (asked if reset.how == IN_GOOD_ORDER else allowed)
    }
    told = {f"{server} (Pacemaker fenced it)" for server in seen.fenced - allowed}
    return sorted(wrong | told)


def double_seconds(doubles: Iterable[Double], now: float) -> float:
    return sum((now if double.end is None else double.end) - double.start for double in doubles)
