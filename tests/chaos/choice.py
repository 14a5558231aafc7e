"""Which faults there are, and which of them a round has: by seed and number alone, so that it can be replayed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from tests.chaos.administrators import TwoVerbs, VerbKilled
from tests.chaos.bmcs import BmcDead, BmcLies
from tests.chaos.clocks import ClockJumps
from tests.chaos.faults import Fault, Kind, Round, Setting, seconds
from tests.chaos.guests import GuestEnds
from tests.chaos.network import Cut, CutAll, CutOneDirection
from tests.chaos.power import PowerOff, PowerOffAll, QnetdOff, Reboot, ShutDown
from tests.chaos.processes import KillDaemon, KillDiskWatcher, KillQdevice, KillSbd
from tests.chaos.stalls import Freeze, SharedFails, SharedHangs, SharedReadOnly
from tests.chaos.toolstack import MigrationFails, StartFails, XlFails, XlHangs, XlSlow

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        PowerOff(), PowerOffAll(), QnetdOff(), ShutDown(), Reboot(),
        KillDaemon(), KillSbd(), KillDiskWatcher(), KillQdevice(),
        Cut(), CutOneDirection(), CutAll(),
        ClockJumps(), Freeze(), SharedHangs(), SharedFails(), SharedReadOnly(),
        XlSlow(), XlHangs(), XlFails(), StartFails(), MigrationFails(),
        GuestEnds(), TwoVerbs(), VerbKilled(), BmcDead(), BmcLies(),
    )
}  # fmt: skip

# So often a second fault comes before the first one is over, at most so many seconds after it.
TWO_AT_ONCE = 0.25
SECOND_WITHIN_S = 12.0


def available(setting: Setting, names: Iterable[str] = ()) -> list[Kind]:
    """The kinds of these names, by default all, that a lab can show. ValueError: no such kind, or none is left."""
    wanted = list(names) or list(KINDS)
    if unknown := sorted(set(wanted) - set(KINDS)):
        raise ValueError(f"no such fault: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    found = [KINDS[name] for name in wanted if KINDS[name].needs <= setting.parts]
    if not found:
        raise ValueError(f"this lab can show none of {', '.join(wanted)}")
    return found


def choose(seed: int, number: int, setting: Setting, kinds: list[Kind]) -> Round:
    """The faults of a round, in the order in which they begin."""
    chance = random.Random(f"{seed}/{number}")
    first = _one(chance, setting, kinds)
    if chance.random() >= TWO_AT_ONCE:
        return (first,)
    second = _one(chance, setting, kinds)
    return first, replace(second, at_s=seconds(chance, 0, SECOND_WITHIN_S))


def _one(chance: random.Random, setting: Setting, kinds: list[Kind]) -> Fault:
    (kind,) = chance.choices(kinds, weights=[kind.weight for kind in kinds])
    return kind.choose(chance, setting)


def may_be_reset(faults: Round, setting: Setting) -> frozenset[str]:
    """The servers that may be reset in a round.

    Where two faults meet, whoever is hit by one may have nothing left that speaks for it when the other comes.
    """
    allowed = frozenset[str]().union(*(KINDS[fault.kind].may_be_reset(fault, setting) for fault in faults))
    if len(faults) > 1:
        allowed |= frozenset[str]().union(*(setting.hit(fault) for fault in faults if not fault.domain))
    return allowed


def goes_down(faults: Round) -> frozenset[str]:
    """The servers that a round turns off, or reboots, in good order."""
    return frozenset[str]().union(*(KINDS[fault.kind].goes_down(fault) for fault in faults))
