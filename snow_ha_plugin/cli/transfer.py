"""Live migrations on a terminal while they are waited for, and what is to be said once nobody waits any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from snow_ha_plugin.cli.interruption import Account
from snow_ha_plugin.core.reports.overview import migrating
from snow_ha_plugin.core.reports.text import duration
from snow_ha_plugin.model import ClusterState, MigrationProgress, Move
from snow_ha_plugin.system import migrations
from snow_ha_plugin.system.servers import Servers

# Between two looks at the servers that domains come from.
LOOK_S = 1.0


class Trail:
    """What has become of each move so far."""

    def __init__(self, moves: Iterable[Move]) -> None:
        self.states = dict.fromkeys((move.domain for move in moves), "")

    def note(self, move: Move, state: str) -> None:
        self.states[move.domain] = state

    def account(self, *then: str) -> Account:
        done, going, ahead = (
            [name for name, state in self.states.items() if state == wanted] for wanted in ("done", "migrating", "")
        )
        see = ("where they end: snow ha status",) if going else ()
        return Account(done, going, ahead, (*see, *then))


class Meter:
    """Shows how far those are that are waited for, and what the others wait for."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.show = show
        self.looked = 0.0

    def __call__(self, state: ClusterState, waited_for: Sequence[str]) -> None:
        now = time.monotonic()
        if now < self.looked + LOOK_S:
            return
        sources = migrating(state)
        self.show(words(waited_for, migrations.progress(Servers([]), sources) if sources else {}))
        self.looked = now


def words(waited_for: Sequence[str], progress: dict[str, MigrationProgress]) -> str:
    """`a 120 of 512 MiB, 60 MiB/s, 6 s left; b waits for a`."""
    told = [f"{name} {_far(progress[name])}" for name in waited_for if name in progress]
    waiting = [name for name in waited_for if name not in progress]
    if not waiting or not progress:
        return "; ".join(told + waiting)
    first = min(progress, key=lambda name: (_left_s(progress[name]), name))
    who = waiting[0] if len(waiting) == 1 else f"{len(waiting)} more"
    left = "" if first in waited_for else f" ({_far(progress[first])})"
    return "; ".join([*told, f"{who} {'waits' if len(waiting) == 1 else 'wait'} for {first}{left}"])


def _left_s(far: MigrationProgress) -> float:
    left_mib = far.memory_mib - far.sent_mib
    return left_mib / far.mib_per_s if left_mib > 0 and far.mib_per_s else 0.0


def _far(far: MigrationProgress) -> str:
    left_s = _left_s(far)
    told = f"{far.sent_mib} of {far.memory_mib} MiB, {far.mib_per_s} MiB/s"
    return told + (f", {duration(left_s)} left" if left_s else "")
