"""The durations of the protocol, all in seconds, and the inequality that makes it safe.

Everything follows from W, the watchdog's timeout. The upper-case figures are corosync's, sbd's and Pacemaker's own,
with which a site is set up; the explored model uses smaller ones in similar proportions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# corosync's token and consensus: from the loss of a server to the membership without it.
DETECTION_S = 3.0 + 3.6

# One look of sbd at the disk may be under way for this long; what it reports counts as fresh for this long and a loop.
IO_TIMEOUT_S = 3
LOOP_S = 1
SERVANT_GOOD_S = IO_TIMEOUT_S + LOOP_S
READ_GOOD_S = IO_TIMEOUT_S + SERVANT_GOOD_S

# How much later than the winner the loser may see the new membership: an idle ring holds its token for a part of a
# second. Where quorum decides, the loser's Pacemaker elects a coordinator before it says so (1.3 s measured).
NOTICE_S = 1
ELECTION_S = 2
# A controller that was killed waits this long for a coordinator before it becomes one itself (dc-deadtime).
DC_DEADTIME_S = 20

# Clocks of ordinary servers differ by 0.01 %; this is what is allowed for.
CLOCK_SKEW = 0.01


@dataclass(frozen=True)
class Timing:
    """Durations in seconds.

    watchdog_s      from the last tickle to the reset of the machine, W
    wait_s          from the pill that was read back until the peer counts as dead: msgwait
    read_good_s     from a written pill that is not seen to the last moment at which the disk counts as readable
    servant_good_s  for how long a servant of sbd that says nothing counts as healthy
    notice_s        how much later than the winner the loser may notice that it has lost
    """

    watchdog_s: int
    wait_s: int
    read_good_s: int
    servant_good_s: int
    notice_s: int

    @property
    def last_tickle_s(self) -> int:
        """The longest time from the pill to the loser's last tickle.

        A servant that lost its peer or quorum says so, and counts from the next loop on. A Pacemaker that dies is
        noticed at once by its peer, and by sbd because it is silent.
        """
        return max(self.read_good_s, self.notice_s + LOOP_S, self.servant_good_s)

    @property
    def dead_s(self) -> float:
        """The longest time from the pill to the loser's reset, by the loser's slower clock."""
        return (self.last_tickle_s + self.watchdog_s) * (1 + CLOCK_SKEW)

    @property
    def dead_after_a_stall_s(self) -> float:
        """The same where sbd is held up for nearly W, and what waited for it meanwhile counts as new."""
        return (self.last_tickle_s + 2 * self.watchdog_s) * (1 + CLOCK_SKEW)

    @property
    def margin_s(self) -> float:
        """From the latest reset of the loser to the earliest start by the winner: nothing runs twice if it is > 0."""
        return self.wait_s - self.dead_s


def msgwait_s(watchdog_s: int, read_good_s: int = READ_GOOD_S) -> int:
    """The least whole number of seconds that outlasts a stalled sbd."""
    return math.ceil((2 * watchdog_s + read_good_s) * (1 + CLOCK_SKEW))


def pill(watchdog_s: int) -> Timing:
    """Poison pills, for two servers (two_node) and for more (majority)."""
    return Timing(watchdog_s, msgwait_s(watchdog_s), READ_GOOD_S, SERVANT_GOOD_S, NOTICE_S + ELECTION_S)


def pill_with_quorum_device(watchdog_s: int, sync_timeout_s: int) -> Timing:
    """Pills with a quorum device as third vote: corosync may hold the loser's quorum for `sync_timeout_s` more."""
    notice_s = NOTICE_S + sync_timeout_s + ELECTION_S
    return Timing(watchdog_s, msgwait_s(watchdog_s), READ_GOOD_S, SERVANT_GOOD_S, notice_s)


def pill_with_killed_controller(watchdog_s: int) -> Timing:
    """Where quorum decides, and the loser's controller is killed just before it says that quorum is lost."""
    notice_s = NOTICE_S + ELECTION_S + DC_DEADTIME_S + ELECTION_S
    return Timing(watchdog_s, msgwait_s(watchdog_s), READ_GOOD_S, SERVANT_GOOD_S, notice_s)


def priority_fencing_delay_s(watchdog_s: int) -> int:
    """How long the server with less to lose waits before its pill, so that only one of two servers is reset."""
    return max(5, math.ceil(2 * watchdog_s / 3))
