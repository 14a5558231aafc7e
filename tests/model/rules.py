"""A site's set-up, and every assumption of the protocol as a switch. The defaults are a site that is set up well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from tests.model.timing import Timing, msgwait_s

# The explored durations, in ticks.
PILL = Timing(watchdog_s=4, wait_s=msgwait_s(4, 3), read_good_s=3, servant_good_s=2, notice_s=2)
# A quorum device may hold the quorum of who has lost it for a tick more.
PILL_WITH_QDEVICE = replace(PILL, notice_s=3)


class Quorum(Enum):
    """corosync's rule. MAJORITY is that of three servers, or of two with a quorum device."""

    TWO_NODE = "two_node"
    MAJORITY = "majority"


class Watchdog(Enum):
    """Who counts, and what may keep it from resetting the machine."""

    XEN = "the hypervisor"
    SOFTDOG = "the kernel of Domain-0"
    TICKLED_BY_OTHERS = "the hypervisor, and another program keeps it quiet"
    NOT_ARMED = "nobody"


class Bmc(Enum):
    HONEST = "off when it says so"
    LYING = "says off of a server that is on"


@dataclass(frozen=True)
class Rules:
    """A site. `timing` is that of all servers, `clocks` how fast each one's clock goes, in per cent of real time.

    armed_with        what each server's watchdog is armed with, where that is not timing.watchdog_s
    direct_io         False: the disk is read from this server's own cache
    reads_back        the agent reads a pill back; False: one that the file system refuses counts as written
    starts_over       the agent writes a new pill, and waits anew, once its target was a member and has left
    slots_left_alone  False: another message may be written over a pill
    two_node_rule     sbd: one of two servers, that has seen the other, is unhealthy without it
    rule_kept         sbd remembers having seen the other for as long as the machine runs
    controller_lives  where quorum decides, Pacemaker tells sbd that it is lost
    """

    servers: int = 2
    quorum: Quorum = Quorum.TWO_NODE
    quorum_device: bool = False
    timing: Timing = PILL
    clocks: tuple[int, ...] = (100, 100, 100)
    armed_with: tuple[int, ...] = ()
    watchdog: Watchdog = Watchdog.XEN
    fencing: bool = True
    bmc: Bmc | None = None
    direct_io: bool = True
    reads_back: bool = True
    starts_over: bool = True
    slots_left_alone: bool = True
    wait_for_all: bool = True
    two_node_rule: bool = True
    rule_kept: bool = True
    controller_lives: bool = True

    def watchdog_s(self, server: int) -> int:
        return self.armed_with[server] if self.armed_with else self.timing.watchdog_s

    @property
    def all_servers(self) -> int:
        return (1 << self.servers) - 1

    @property
    def everybody(self) -> int:
        """The servers, and the quorum device."""
        return (1 << self.servers + self.quorum_device) - 1


TWO_WITH_PILLS = Rules()
# fence_sbd as it is.
TWO_WITH_FENCE_SBD = Rules(reads_back=False, starts_over=False)
TWO_WITH_BMCS = Rules(bmc=Bmc.HONEST)
THREE_WITH_PILLS = Rules(servers=3, quorum=Quorum.MAJORITY)
TWO_WITH_QDEVICE = Rules(quorum=Quorum.MAJORITY, quorum_device=True, timing=PILL_WITH_QDEVICE)
