"""What the protocol assumes, and for each assumption a site without it, in which two copies of the domain are found.

docs/guarantees.md refers to these names; `python3 -m tests.model` prints how each double run comes about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.model.explorer import Exploration, explore
from tests.model.rules import (
    PILL,
    THREE_WITH_PILLS,
    TWO_WITH_BMCS,
    TWO_WITH_PILLS,
    TWO_WITH_QDEVICE,
    Bmc,
    Rules,
    Watchdog,
)
from tests.model.site import Site
from tests.model.state import World, cold_and_cut, healthy

CUT_AND_HANG = frozenset({"cut", "hang"})
STALLED = CUT_AND_HANG | {"stall", "sbd"}


@dataclass(frozen=True)
class Broken:
    """An assumption by name, the site without it, and the faults and repairs that it takes.

    kinds   first words of the only faults and repairs that are tried; all of them if empty
    """

    name: str
    rules: Rules
    faults: int
    repairs: int = 0
    start: Callable[[Rules, int, int], World] = healthy
    kinds: frozenset[str] = frozenset()

    def explored(self) -> Exploration:
        return explore(Site(self.rules, self.kinds or None), self.start(self.rules, self.faults, self.repairs))


# Outside the inequalities of timing.py; test_broken.py has where exactly they end.
TOO_SHORT = replace(PILL, wait_s=PILL.watchdog_s + 1)
# A stall that is survived lasts one tick less than the watchdog.
OUTLIVED = replace(PILL, wait_s=2 * PILL.watchdog_s + PILL.last_tickle_s - 1)
LATE_QDEVICE = replace(PILL, notice_s=5)
UNEVEN = (PILL.wait_s + 2, PILL.watchdog_s)

BROKEN = (
    Broken("fencing is on", replace(TWO_WITH_PILLS, fencing=False), 1),
    Broken("the hypervisor counts", replace(TWO_WITH_PILLS, watchdog=Watchdog.SOFTDOG), 1),
    Broken("the watchdog is armed", replace(TWO_WITH_PILLS, watchdog=Watchdog.NOT_ARMED), 2, kinds=CUT_AND_HANG),
    Broken(
        "sbd alone tickles the watchdog",
        replace(TWO_WITH_PILLS, watchdog=Watchdog.TICKLED_BY_OTHERS),
        2,
        kinds=CUT_AND_HANG,
    ),
    Broken("one W everywhere", replace(TWO_WITH_PILLS, armed_with=UNEVEN), 2, kinds=CUT_AND_HANG),
    Broken("msgwait is long enough", replace(TWO_WITH_PILLS, timing=TOO_SHORT), 2, kinds=CUT_AND_HANG),
    Broken("clocks go alike", replace(TWO_WITH_PILLS, clocks=(100, 200)), 2, kinds=CUT_AND_HANG),
    Broken("the disk is read past the cache", replace(TWO_WITH_PILLS, direct_io=False), 1),
    Broken("the agent reads the pill back", replace(TWO_WITH_PILLS, reads_back=False), 2),
    Broken("nobody writes over a pill", replace(TWO_WITH_PILLS, slots_left_alone=False), 2),
    Broken("a server alone is unhealthy at once", replace(TWO_WITH_PILLS, two_node_rule=False), 2, kinds=CUT_AND_HANG),
    Broken("sbd remembers its peer", replace(TWO_WITH_PILLS, rule_kept=False), 3, kinds=CUT_AND_HANG | {"servant"}),
    Broken("a start waits for all", replace(TWO_WITH_PILLS, wait_for_all=False), 1, 2, start=cold_and_cut),
    Broken(
        "the agent starts over when it sees the target",
        replace(TWO_WITH_PILLS, starts_over=False),
        2,
        1,
        kinds=CUT_AND_HANG | {"network"},
    ),
    Broken(
        "msgwait outlasts a stalled sbd",
        replace(TWO_WITH_PILLS, timing=OUTLIVED),
        3,
        1,
        kinds=STALLED,
    ),
    Broken(
        "Pacemaker tells of lost quorum",
        replace(THREE_WITH_PILLS, controller_lives=False),
        3,
        kinds=CUT_AND_HANG | {"pacemaker"},
    ),
    Broken(
        "the quorum device answers soon",
        replace(TWO_WITH_QDEVICE, timing=LATE_QDEVICE),
        3,
        1,
        kinds=CUT_AND_HANG | {"network"},
    ),
    Broken("the BMC tells the truth", replace(TWO_WITH_BMCS, bmc=Bmc.LYING), 1),
)
