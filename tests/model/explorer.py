"""Breadth first search over all interleavings: the shortest way to two copies of the domain, if there is one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tests.model.site import Site, copies, name, with_server
from tests.model.state import OFF, World, booted


@dataclass(frozen=True)
class Exploration:
    """`trace` is the shortest way to what was looked for, a line an event; None if no way leads there."""

    states: int
    trace: list[str] | None
    worlds: list[World]


def explore(site: Site, start: World, looked_for: Callable[[World], bool] | None = None) -> Exploration:
    """Look at every world that can come after `start`, until `looked_for` (two copies of the domain) is found."""
    found = looked_for or (lambda world: copies(world) > 1)
    before: dict[World, tuple[World, str] | None] = {start: None}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        for what, after in site.steps(world):
            if after in before:
                continue
            before[after] = (world, what)
            if found(after):
                return Exploration(len(before), _trace(before, after), [])
            queue.append(after)
    return Exploration(len(before), None, list(before))


def _trace(before: dict[World, tuple[World, str] | None], end: World) -> list[str]:
    """The way to `end`: at what tick what happened, and what followed from it."""
    way = []
    step = before[end]
    after = end
    while step is not None:
        way.append((step[0], step[1], after))
        after = step[0]
        step = before[after]
    lines, tick = [], 0
    for earlier, what, later in reversed(way):
        tick += not what
        lines += [f"{tick:3}  {line}" for line in ([what] if what else _news(earlier, later))]
    return lines


def _news(before: World, after: World) -> list[str]:
    news = []
    for number, (old, new) in enumerate(zip(before.servers, after.servers, strict=True)):
        who = name(number)
        if old.up and not new.up:
            news.append(f"{who} is reset")
            continue
        if old.view & ~new.view:
            news.append(f"{who} notices a loss")
        if old.target < 0 <= new.target:
            news.append(f"{who} begins to fence {name(new.target)}")
        if new.gone & ~old.gone:
            news.append(f"{who} counts a server as dead")
        if new.runs and not old.runs:
            news.append(f"{who} starts the domain")
    if after.pills & ~before.pills:
        news.append("a pill is written")
    return news


class Return:
    """Whether the domain comes back when all faults heal and the administrator switches on what is off."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: set[World] = set()

    def follows(self, world: World, ticks: int) -> bool:
        """The domain runs exactly once within so many ticks."""
        world = world._replace(cut=0, hung=0, refuses=False, faults=0, repairs=0)
        way = []
        for _ in range(ticks):
            world = self._mended(world)
            if world in self._known:
                break
            way.append(world)
            if copies(world) == 1 and all(server.is_member for server in world.servers):
                break
            # The last outcome is the one in which everything is noticed as late as possible.
            world = self._site.tick(world)[-1]
        else:
            return False
        self._known.update(way)
        return True

    def _mended(self, world: World) -> World:
        """What is off is switched on; where a daemon is missing the server is switched off first."""
        for number, server in enumerate(world.servers):
            if server.up and not (server.is_member and server.sbd):
                world = with_server(world, number, OFF)
            elif not server.up and self._site.may_boot(world, number):
                world = with_server(world, number, booted(number))._replace(pills=world.pills & ~(1 << number))
        return world
