"""A guest on the file system that both servers share, and what must not make it run twice, nor end. Times are seconds.

Everything here is real: watchdog, sbd, NFS, Pacemaker and its fencing; the settings and times are the product's own.
"""

import os
import time
from collections.abc import Iterator

import pytest

from tests.lab import host
from tests.lab.host import LabError
from tests.xen import pacemaker
from tests.xen.guests import Yard
from tests.xen.protected import TIMING, ProtectedLab
from tests.xen.watchdog import FIRED
from tests.xenlab.guest import Guest

HANG_S = 60
# The lab's token is 10 s (image.sh), and consensus 1.2 tokens; then the watchdog, and this machine's other work.
RESET_S = 22 + TIMING.watchdog_s + 60
# How much later this machine may see what was written.
READ_S = 2


# Two servers of their own, NFS, a cluster, and then all of a failover.
pytestmark = pytest.mark.takes(1500)


@pytest.fixture(scope="module")
def lab() -> Iterator[ProtectedLab]:
    with ProtectedLab.up(f"split-{os.getpid()}") as lab:
        lab.share()
        lab.protect()
        yield lab


@pytest.fixture(scope="module")
def yard(lab: ProtectedLab) -> Yard:
    return Yard(lab)


@pytest.fixture(scope="module")
def guest(lab: ProtectedLab, yard: Yard) -> Guest:
    """It runs on the server that is not the NFS server, and Pacemaker keeps it."""
    guest = Guest("only", 7, disk="/dev/only")
    yard.create(guest)
    pacemaker.start(lab)
    lab.configure(guest)
    assert pacemaker.settled(lab, yard.here, guest) == yard.here
    return guest


def test_nfs_that_hangs_for_both_for_a_minute_resets_nobody(lab: ProtectedLab, yard: Yard, guest: Guest) -> None:
    before = lab.last_tick(guest)
    assert before
    lab.hang()
    try:
        with pytest.raises(LabError, match="a reset"):
            host.wait_until(lambda: not all(map(lab.is_on, lab.names)), HANG_S, "there was not a reset")
        hung_s = time.monotonic() - lab.history.seen[-1][0]
    finally:
        lab.go_on()
    assert hung_s > HANG_S / 2, "it did not hang"
    yard.still_ticks(guest, before)


def test_a_cut_network_ends_with_one_server_reset_and_the_guest_on_the_other(
    lab: ProtectedLab, yard: Yard, guest: Guest
) -> None:
    """Which one is no choice here: the one that is cut off from the file with the pills."""
    loser, winner = yard.here, yard.there
    old = lab.last_tick(guest)
    assert old
    lab.cut(loser)
    host.wait_until(lambda: not lab.is_on(loser), RESET_S, f"{loser} was not reset")
    off = time.monotonic()
    assert FIRED in lab.console(loser)
    assert yard.names(winner) == []

    new = yard.wait_for_tick(guest, lambda tick: tick.boot != old.boot)
    yard.still_ticks(guest, new)
    assert lab.is_on(winner)
    # Everything that was ever on the disk: the one copy until its server's end, the other from then on.
    boots = [tick.boot for _, tick in lab.history.seen]
    first = boots.index(new.boot)
    assert boots == [old.boot] * first + [new.boot] * (len(boots) - first)
    assert lab.history.seen[first - 1][0] < off + READ_S
    assert lab.history.seen[first][0] > off
    fenced = lab.run(winner, ["stonith_admin", "--history", loser]).stdout
    assert f"reboot of {loser} successful: delegate={winner}" in fenced
