"""How long Pacemaker should give a domain to start, stop or migrate, in seconds.

The guide gives every operation 120 s; that stays the least. A domain with much memory needs longer: starting
scrubs it, stopping lets the guest write out its caches, and a live migration sends it over the network more than
once while the guest keeps writing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST_S = 120
MONITOR_S = 60
MONITOR_INTERVAL_S = 30

# A 1 Gb/s link carries about 110 MiB/s; the agent's ssh and the guest's own traffic want a share.
DEFAULT_MIGRATION_MIB_S = 80

# xl sends memory in up to five rounds (libxl's default for live migration), each smaller than the one before;
# twice the memory covers what busy guests were seen to need.
MIGRATION_PASSES = 2

START_MIB_S = 50
STOP_MIB_S = 50


@dataclass(frozen=True)
class Timeouts:
    """Seconds for each operation of one domain."""

    start_s: int
    stop_s: int
    migrate_s: int


def for_memory(memory_mib: int, migration_mib_s: int = DEFAULT_MIGRATION_MIB_S) -> Timeouts:
    """The timeouts of a domain with `memory_mib` MiB, where a migration sends `migration_mib_s` MiB a second."""
    return Timeouts(
        start_s=_at_least(memory_mib / START_MIB_S),
        stop_s=_at_least(memory_mib / STOP_MIB_S),
        migrate_s=_at_least(MIGRATION_PASSES * memory_mib / migration_mib_s),
    )


def _at_least(work_s: float) -> int:
    """The time for the work on top of half the least, in whole tens of seconds, so that small edits change nothing."""
    return max(LEAST_S, math.ceil((LEAST_S / 2 + work_s) / 10) * 10)
