"""One tick of one server: its watchdog, sbd, the membership, its fencer, and the start of the domain.

Where the protocol leaves a moment open, a tick has several outcomes. Whatever ends a server's life takes effect a tick
late, and whatever starts a domain at once, so that a tie counts as a double run.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.model.rules import Bmc, Quorum, Rules, Watchdog
from tests.model.state import OFF, Sbd, Server, has_quorum

TICK = 100


class Around(NamedTuple):
    """What a server meets in one tick.

    reach, peers     whose corosync it could reach, and whose Pacemaker
    pills            in whose slot there is a pill
    fencing          which of the others wait for a fencing
    running          who runs the domain
    hangs, refuses   what its file system does
    """

    reach: int
    peers: int
    pills: int
    fencing: int
    running: int
    hangs: bool
    refuses: bool


class Outcome(NamedTuple):
    """The server afterwards, and to whom it wrote a pill, whom its BMC call put out, whom it told of its fencing."""

    server: Server
    pill: int = 0
    shot: int = 0
    told: int = 0


def step(rules: Rules, number: int, before: Server, around: Around) -> list[Outcome]:
    """All that may become of a server within a tick."""
    if not before.up:
        return [Outcome(before)]
    if before.untickled >= rules.watchdog_s(number) * TICK:
        return [Outcome(OFF)]
    server = _passed(rules, before, rules.clocks[number])
    if server.sbd is Sbd.RUNS and not (around.hangs and rules.direct_io):
        if rules.direct_io and around.pills >> number & 1:
            return [Outcome(OFF)]
        server = server._replace(unread=0)
    if not server.corosync:
        return [Outcome(_tickled(rules, server))]
    outcomes = []
    for seen in _membership(rules, server, around):
        watched = _tickled(rules, _health(rules, seen))
        fenced = _fencing(rules, number, watched, around)
        outcomes.append(fenced._replace(server=_start(rules, number, fenced.server, around)))
    return outcomes


def _passed(rules: Rules, server: Server, units: int) -> Server:
    """Its clocks a tick later, none further than anything asks for."""
    counts = rules.watchdog is Watchdog.XEN or (rules.watchdog is Watchdog.SOFTDOG and server.kernel)
    timing = rules.timing
    return server._replace(
        untickled=server.untickled + units if counts else 0,
        unread=min(server.unread + units, too_long(max(timing.read_good_s, timing.watchdog_s))),
        silent=min(server.silent + units, too_long(timing.servant_good_s)),
        waited=min(server.waited + units, timing.wait_s * TICK) if server.target >= 0 else 0,
    )


def too_long(good_s: int) -> int:
    """As long as it takes to be no longer good."""
    return good_s * TICK + 1


def _membership(rules: Rules, server: Server, around: Around) -> list[Server]:
    """A return is seen at once, a loss at any moment until `notice_s` after it."""
    returned = around.reach & ~server.view
    view = server.view | returned
    full = view & rules.all_servers == rules.all_servers
    server = server._replace(
        view=view,
        gone=server.gone & ~returned,
        seen_all=server.seen_all or full,
        sbd_seen=server.sbd_seen or full,
    )
    if not view & ~around.reach:
        return [server._replace(late=0)]
    noticed = server._replace(view=view & around.reach, late=0)
    if server.late >= rules.timing.notice_s:
        return [noticed]
    return [noticed, server._replace(late=server.late + 1)]


def _health(rules: Rules, server: Server) -> Server:
    """What sbd's servants say: corosync's of a lost peer, Pacemaker's of lost quorum."""
    unhealthy = server._replace(silent=too_long(rules.timing.servant_good_s))
    by_quorum = rules.quorum is Quorum.MAJORITY
    if not by_quorum and server.view.bit_count() == 1 and server.sbd_seen and rules.two_node_rule:
        return unhealthy
    if by_quorum and server.pacemaker and not has_quorum(rules, server):
        return unhealthy
    is_heard = server.pacemaker or (by_quorum and not rules.controller_lives)
    return server._replace(silent=0) if is_heard else server


def _tickled(rules: Rules, server: Server) -> Server:
    disk_is_good = server.unread <= rules.timing.read_good_s * TICK
    is_good = disk_is_good or server.silent <= rules.timing.servant_good_s * TICK
    return server._replace(untickled=0) if is_good and server.sbd is Sbd.RUNS else server


def _fencing(rules: Rules, number: int, server: Server, around: Around) -> Outcome:
    if not server.pacemaker:
        return Outcome(_no_fencing(server))
    if server.target >= 0:
        return _waiting(rules, server, around)
    lost = rules.all_servers & ~_present(server, around) & ~server.gone
    if not (lost and _coordinates(rules, number, server, around)):
        return Outcome(server)
    target = (lost & -lost).bit_length() - 1
    if not rules.fencing or rules.bmc:
        shot = lost if rules.fencing and rules.bmc is Bmc.HONEST else 0
        return Outcome(server._replace(gone=server.gone | lost), shot=shot)
    return _poison(rules, server, target, around)


def _poison(rules: Rules, server: Server, target: int, around: Around) -> Outcome:
    """A pill, and the wait from then on; where the disk does not take it the fencing fails, to be tried again."""
    if around.hangs or (around.refuses and rules.reads_back):
        return Outcome(_no_fencing(server))
    waiting = server._replace(target=target, waited=0, seen=False)
    return Outcome(waiting, pill=0 if around.refuses else 1 << target)


def _no_fencing(server: Server) -> Server:
    return server._replace(target=-1, waited=0, seen=False)


def _waiting(rules: Rules, server: Server, around: Around) -> Outcome:
    """After the pill, until the target counts as dead.

    One that is a member lives: once it has left, another pill and another wait; if it stays, the fencing fails.
    """
    target = 1 << server.target
    is_over = server.waited >= rules.timing.wait_s * TICK
    if rules.starts_over and target & server.view:
        return Outcome(_no_fencing(server) if is_over else server._replace(seen=True))
    if server.seen:
        return _poison(rules, server, server.target, around)
    if not is_over:
        return Outcome(server)
    done = _no_fencing(server)._replace(gone=server.gone | target)
    return Outcome(done, told=target & _present(server, around))


def _start(rules: Rules, number: int, server: Server, around: Around) -> Server:
    """The domain starts if every server is present or dead, nobody present runs it, and no fencing is under way."""
    present = _present(server, around) & rules.all_servers & ~server.gone
    busy = (around.running | around.fencing) & present
    if around.hangs or busy or present | server.gone != rules.all_servers:
        return server
    return server._replace(runs=True) if _coordinates(rules, number, server, around) else server


def _coordinates(rules: Rules, number: int, server: Server, around: Around) -> bool:
    """The lowest server that is present decides, if there is quorum."""
    present = _present(server, around) & rules.all_servers & ~server.gone
    return server.pacemaker and has_quorum(rules, server) and present & -present == 1 << number


def _present(server: Server, around: Around) -> int:
    """Members with a Pacemaker: where corosync lives the end of a Pacemaker is noticed at once."""
    return server.view & ~(around.reach & ~around.peers)
