"""One tick of the whole site, and what may happen between two ticks: faults, repairs, and servers that are switched on.

Every fault and every repair uses up one of the world's; a server may be switched on as a repair.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from tests.model.rules import Quorum, Rules, Watchdog
from tests.model.server import Around, Outcome, step, too_long
from tests.model.state import Sbd, Server, World, booted


class Step(NamedTuple):
    """What happened (empty: time passed), and the world after it."""

    what: str
    world: World


class Site:
    def __init__(self, rules: Rules, kinds: frozenset[str] | None = None) -> None:
        """`kinds`: the first words of the faults and repairs that happen; all of them if it is None."""
        self.rules = rules
        self._kinds = kinds
        self._known: dict[tuple[int, Server, Around], list[Outcome]] = {}

    def steps(self, world: World) -> Iterator[Step]:
        yield from self.happenings(world)
        for after in self.tick(world):
            yield Step("", after)

    def tick(self, world: World) -> list[World]:
        every = [
            self._outcomes(number, server, around)
            for number, (server, around) in enumerate(zip(world.servers, self._arounds(world), strict=True))
        ]
        return [self._together(world, outcomes) for outcomes in product(*every)]

    def happenings(self, world: World) -> Iterator[Step]:
        if world.faults:
            less = world._replace(faults=world.faults - 1)
            yield from self._chosen(self._faults(less))
        if world.repairs:
            less = world._replace(repairs=world.repairs - 1)
            yield from self._chosen(self._repairs(less))

    def _outcomes(self, number: int, server: Server, around: Around) -> list[Outcome]:
        key = (number, server, around)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = list(dict.fromkeys(step(self.rules, number, server, around)))
        return known

    def _arounds(self, world: World) -> Iterator[Around]:
        """What each server meets: of the others those that live on its side of the cut."""
        corosyncs = pacemakers = self.rules.everybody & ~self.rules.all_servers
        fencing = running = 0
        for number, server in enumerate(world.servers):
            bit = 1 << number
            if server.up and server.corosync:
                corosyncs |= bit
            if server.is_member:
                pacemakers |= bit
            if server.target >= 0:
                fencing |= bit
            if server.runs:
                running |= bit
        for number in range(len(world.servers)):
            side = world.cut if world.cut >> number & 1 else ~world.cut
            others = fencing & ~(1 << number)
            yield Around(
                corosyncs & side,
                pacemakers & side,
                world.pills,
                others,
                running,
                self._hangs(world, number),
                world.refuses,
            )

    def _hangs(self, world: World, number: int) -> bool:
        return bool(world.hung >> number & 1)

    def _together(self, world: World, outcomes: tuple[Outcome, ...]) -> World:
        servers = [outcome.server for outcome in outcomes]
        pills = world.pills
        for outcome in outcomes:
            pills |= outcome.pill
            for other, server in enumerate(servers):
                if outcome.shot >> other & 1:
                    servers[other] = Server(up=False)
                elif outcome.told >> other & 1:
                    servers[other] = server._replace(sbd=Sbd.DEAD, corosync=False, pacemaker=False)
        return world._replace(servers=tuple(servers), pills=pills)

    def _chosen(self, steps: Iterator[Step]) -> Iterator[Step]:
        return (step for step in steps if self._kinds is None or step.what.split()[0] in self._kinds)

    def _faults(self, world: World) -> Iterator[Step]:
        everyone = self.rules.all_servers
        if not world.cut:
            for side in self._sides():
                yield Step(f"cut {self._names(side)} off", world._replace(cut=side))
        for number, server in enumerate(world.servers):
            if not self._hangs(world, number):
                yield Step(f"hang of {name(number)}'s file system", world._replace(hung=world.hung | 1 << number))
            if server.up:
                yield from self._faults_of(world, number, server)
        if not world.hung:
            yield Step("hang of everybody's file system", world._replace(hung=everyone))
        if not world.refuses:
            yield Step("writes fail for everybody", world._replace(refuses=True))

    def _faults_of(self, world: World, number: int, server: Server) -> Iterator[Step]:
        rules, who = self.rules, name(number)
        no_cluster = server._replace(corosync=False, pacemaker=False)
        lost = no_cluster._replace(silent=too_long(rules.timing.servant_good_s))
        if server.sbd is Sbd.RUNS:
            yield Step(f"sbd of {who} is killed", with_server(world, number, server._replace(sbd=Sbd.DEAD)))
            yield Step(f"stall of {who}'s sbd", with_server(world, number, server._replace(sbd=Sbd.HELD_UP)))
        if server.pacemaker:
            yield Step(f"pacemaker of {who} is killed", with_server(world, number, server._replace(pacemaker=False)))
        if server.corosync:
            yield Step(f"corosync of {who} is killed", with_server(world, number, lost))
        if server.kernel and rules.watchdog in (Watchdog.XEN, Watchdog.SOFTDOG):
            hung = no_cluster._replace(kernel=False, sbd=Sbd.DEAD)
            yield Step(f"dom0 of {who} hangs", with_server(world, number, hung))
        if server.corosync and server.sbd_seen and not rules.rule_kept:
            yield Step(f"servant of {who}'s sbd is killed", with_server(world, number, server._replace(sbd_seen=False)))
        if world.pills >> number & 1 and not rules.slots_left_alone:
            yield Step(f"message over the pill of {who}", world._replace(pills=world.pills & ~(1 << number)))

    def _repairs(self, world: World) -> Iterator[Step]:
        if world.cut:
            yield Step("network heals", world._replace(cut=0))
        if world.hung:
            yield Step("file system goes on for everybody", world._replace(hung=0))
        if world.refuses:
            yield Step("file system takes writes again", world._replace(refuses=False))
        for number, server in enumerate(world.servers):
            who = name(number)
            if server.sbd is Sbd.HELD_UP and server.up:
                # A report of the disk that came meanwhile counts from now on.
                unread = 0 if server.unread <= server.untickled else server.unread
                awake = server._replace(sbd=Sbd.RUNS, unread=unread)
                yield Step(f"sbd of {who} goes on", with_server(world, number, awake))
            if server.up and not server.pacemaker and server.kernel:
                yield Step(f"pacemaker of {who} is back", with_server(world, number, _restarted(number, server)))
            if not server.up and self.may_boot(world, number):
                pills = world.pills & ~(1 << number)
                yield Step(f"{who} is switched on", with_server(world, number, booted(number))._replace(pills=pills))

    def may_boot(self, world: World, number: int) -> bool:
        """sbd needs its disk, and a boot takes longer than corosync needs to notice."""
        others = [server for server in world.servers if server.is_member]
        noticed = not any(server.view >> number & 1 for server in others)
        return noticed and not self._hangs(world, number)

    def _sides(self) -> list[int]:
        """Each server alone on one side; of two servers without a third vote one side says it all."""
        if self.rules.quorum is Quorum.TWO_NODE:
            return [1]
        return [1 << number for number in range(self.rules.everybody.bit_count())]

    def _names(self, side: int) -> str:
        return " ".join(name(number) for number in range(side.bit_length()) if side >> number & 1)


def _restarted(number: int, server: Server) -> Server:
    """Its daemons again: a new corosync has seen nobody else yet, sbd and the domain are the old ones."""
    if not server.corosync:
        server = server._replace(corosync=True, view=1 << number, late=0, seen_all=False)
    return server._replace(pacemaker=True, target=-1, waited=0, seen=False, gone=0)


def name(number: int) -> str:
    return f"snow{number + 1:02}"


def with_server(world: World, number: int, server: Server) -> World:
    servers = world.servers
    return world._replace(servers=(*servers[:number], server, *servers[number + 1 :]))


def copies(world: World) -> int:
    """How many servers execute the domain."""
    return sum(server.runs for server in world.servers)
