"""What the model remembers of a server and of the site. Everything is immutable and hashable.

Durations of a server are counted by its own clock, in hundredths of a tick. Sets of servers are bit masks; the quorum
device is the bit after the last server.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from tests.model.rules import Quorum, Rules


class Sbd(IntEnum):
    DEAD = 0
    RUNS = 1
    HELD_UP = 2  # gets no processor for a while


class Server(NamedTuple):
    """One server, with the domain if `runs`.

    kernel       dom0's kernel lives; the hypervisor goes on without it
    corosync     it lives, and with it the membership
    pacemaker    it lives; never without corosync
    untickled    since the watchdog's last tickle
    unread       since sbd could last read the disk
    silent       since sbd's servants for corosync and Pacemaker were last both healthy
    view         the members, as its corosync sees it
    late         ticks for which it has not noticed a loss
    seen_all     its corosync has seen all servers since it started
    sbd_seen     its sbd has
    target       whom it fences, -1: nobody
    waited       since the pill was written
    seen         whether the target has been a member since then
    gone         whom it knows to be dead
    """

    up: bool
    sbd: Sbd = Sbd.DEAD
    kernel: bool = True
    corosync: bool = False
    pacemaker: bool = False
    untickled: int = 0
    unread: int = 0
    silent: int = 0
    view: int = 0
    late: int = 0
    seen_all: bool = False
    sbd_seen: bool = False
    target: int = -1
    waited: int = 0
    seen: bool = False
    gone: int = 0
    runs: bool = False

    @property
    def is_member(self) -> bool:
        return self.up and self.pacemaker


class World(NamedTuple):
    """The site.

    cut       who is on the other side of the cut in the network; 0: no cut
    hung      for whom the shared file system hangs
    refuses   the shared file system lets read, but not write
    pills     in whose slot there is a pill
    faults    how many more faults there may be
    repairs   how many more repairs
    """

    servers: tuple[Server, ...]
    cut: int = 0
    hung: int = 0
    refuses: bool = False
    pills: int = 0
    faults: int = 0
    repairs: int = 0


OFF = Server(up=False)


def booted(server: int) -> Server:
    """Just started: sbd has armed the watchdog and read the disk, corosync sees nobody else yet."""
    return Server(up=True, sbd=Sbd.RUNS, corosync=True, pacemaker=True, view=1 << server)


def healthy(rules: Rules, faults: int, repairs: int) -> World:
    """All servers see each other, and the first one runs the domain."""
    member = booted(0)._replace(view=rules.everybody, seen_all=True, sbd_seen=True)
    others = (member,) * (rules.servers - 1)
    return World((member._replace(runs=True), *others), faults=faults, repairs=repairs)


def cold_and_cut(rules: Rules, faults: int, repairs: int) -> World:
    """All servers are off, and there is no network between them."""
    return World((OFF,) * rules.servers, cut=1, faults=faults, repairs=repairs)


def alone(rules: Rules, faults: int) -> World:
    """The second server was stopped cleanly: the first one goes on."""
    first = healthy(rules, 0, 0).servers[0]._replace(view=rules.everybody & ~2, gone=2)
    return World((first, OFF), faults=faults)


def has_quorum(rules: Rules, server: Server) -> bool:
    if rules.quorum is Quorum.TWO_NODE:
        return server.seen_all or not rules.wait_for_all
    return 2 * server.view.bit_count() > rules.everybody.bit_count()
