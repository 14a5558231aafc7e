"""The third vote beside the pills: corosync-qdevice on each server, corosync-qnetd on a host that is none of them.

With it one server of two has quorum where it has the vote: only that one fences, and a stall of the shared file system
does not reset it when it is alone (sbd's rule for `two_node` is not in force). Times are in seconds or, where
corosync.conf has them so, in milliseconds (`_ms`). docs/guarantees.md has the argument.
"""

from __future__ import annotations

import math
import re

from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.corosync import Device

# Instead of a host: the vote that our corosync.conf has is given up.
NONE = "none"
# A host's name or address: it goes into corosync.conf and into commands.
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?")

# How long corosync may hold the quorum of a server that has lost it (sync_timeout; by default 30 s, which sbd
# distrusts): 3 s outlasts a stalled Domain-0 too, and is what jfriesse gives as low (sbd issue 76).
SYNC_S = 3
# Less than this part of the watchdog, for a cut that moves from the loser to the winner.
SYNC_PART = 0.5
# qdevice sends a heartbeat every 0.8 timeouts; qnetd takes no interval below a second (heartbeat_interval_min), and
# a server for lost after 1.5 intervals (dpd_interval_coefficient, corosync-qnetd(8)).
HEARTBEATS = 0.8
LEAST_HEARTBEAT_MS = 1000
LOST_AFTER = 1.5


def device(host: str, timing: Timing) -> Device:
    """The device whose times fit those of the watchdog: see `contradictions`."""
    sync_s = min(SYNC_S, math.ceil(SYNC_PART * timing.watchdog_s) - 1)
    return Device(host, max(500 * sync_s, math.ceil(LEAST_HEARTBEAT_MS / HEARTBEATS)), 1000 * sync_s)


def contradictions(present: Device, timing: Timing) -> list[str]:
    """Where the times of a device do not go with those of fencing."""
    sync_s, lost_s = present.sync_timeout_ms / 1000, LOST_AFTER * HEARTBEATS * present.timeout_ms / 1000
    complaints = []
    if sync_s > timing.watchdog_s:
        complaints.append(
            f"sbd distrusts a third vote that may take {sync_s:g} s, its watchdog has {timing.watchdog_s} s"
        )
    elif sync_s >= SYNC_PART * timing.watchdog_s:
        complaints.append(
            f"a third vote may take {sync_s:g} s, and a server that has lost it counts as dead before it notices:"
            f" with a watchdog of {timing.watchdog_s} s less than {SYNC_PART * timing.watchdog_s:g} s are safe"
        )
    if HEARTBEATS * present.timeout_ms < LEAST_HEARTBEAT_MS:
        complaints.append(f"qnetd takes no heartbeat every {HEARTBEATS * present.timeout_ms:g} ms")
    if lost_s >= sync_s:
        complaints.append(
            f"qnetd knows of a lost server after {lost_s:g} s, its vote is waited for {sync_s:g} s:"
            " the other one would stop its domains"
        )
    return complaints


def is_for(servers: int) -> bool:
    """Whether a third vote is of use: qnetd's ffsplit is for an even number (corosync-qdevice(8)).

    Of an odd number one side always has most servers. `lms`, which takes any number, gives qnetd as many votes as
    all servers but one have, so that the loss of qnetd and of one server of three ends quorum.
    """
    return servers % 2 == 0
