"""How long Pacemaker should give a domain to start, stop or migrate, in seconds.

The guide gives every operation 120 s; that stays the least. A domain with much memory needs longer: starting
scrubs it, stopping lets the guest write out its caches, and a live migration sends it over the network more than
once while the guest keeps writing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

LEAST_S = 120
MONITOR_S = 60
MONITOR_INTERVAL_S = 30

# A 1 Gb/s link carries about 110 MiB/s; the agent's ssh and the guest's own traffic want a share.
DEFAULT_MIGRATION_MIB_S = 80

# xl sends memory in up to five rounds (libxl's default for live migration), each smaller than the one before;
# twice the memory covers what busy guests were seen to need.
MIGRATION_PASSES = 2

# How many migrations Pacemaker lets a server take part in at a time, unless somebody has said otherwise. They share its
# link, so each has a part of it.
MIGRATIONS_AT_ONCE = 2

START_MIB_S = 50
STOP_MIB_S = 50


class Timeouts(NamedTuple):
    """Seconds for each operation of one domain."""

    start_s: int
    stop_s: int
    migrate_s: int


def for_memory(
    memory_mib: int, migration_mib_s: int = DEFAULT_MIGRATION_MIB_S, at_once: int = MIGRATIONS_AT_ONCE
) -> Timeouts:
    """The timeouts of a domain with `memory_mib` MiB, where `at_once` migrations send `migration_mib_s` MiB/s."""
    return Timeouts(
        start_s=_at_least(memory_mib / START_MIB_S),
        stop_s=_at_least(memory_mib / STOP_MIB_S),
        migrate_s=_at_least(MIGRATION_PASSES * memory_mib * at_once / migration_mib_s),
    )


def in_waves(times_s: Iterable[int], at_once: int) -> int:
    """How long it may take to do all of these where `at_once` go at a time: each wave as long as its longest."""
    return sum(sorted(times_s, reverse=True)[::at_once])


def _at_least(work_s: float) -> int:
    """The time for the work on top of half the least, in whole tens of seconds, so that small edits change nothing."""
    return max(LEAST_S, math.ceil((LEAST_S / 2 + work_s) / 10) * 10)
