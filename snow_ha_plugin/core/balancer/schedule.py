"""The order in which a plan's moves can be made: in batches that fit at every moment.

While a domain migrates, its source and its target both hold it. A batch begins when the one before has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from snow_ha_plugin.core.balancer.problem import OVERCOMMIT, Problem, used


class Migration(NamedTuple):
    """A domain's migration; one that goes by a third server has two."""

    item: int
    source: int
    target: int


class Order(NamedTuple):
    """`blocked` are the domains whose moves fit at no moment, not even by a third server."""

    batches: tuple[tuple[Migration, ...], ...]
    blocked: tuple[int, ...]


def order(problem: Problem, assignment: Sequence[int | None], parallel: int) -> Order:
    """Batches of up to `parallel` moves that lead from home to a placement."""
    floor = _Floor(problem)
    pending = {
        number: target
        for number, (initial, target) in enumerate(zip(problem.initial, assignment, strict=True))
        if initial is not None and target is not None and initial != target
    }
    batches = []
    detoured: set[int] = set()
    while pending:
        batch: list[Migration] = []
        for number in sorted(pending, key=floor.urgency):
            if len(batch) == parallel:
                break
            if floor.has_room(number, pending[number]):
                batch.append(floor.begin(number, pending[number]))
        if not batch:
            detour = _detour(floor, pending, detoured)
            if detour is None:
                break
            batch = [floor.begin(*detour)]
            detoured.add(detour[0])
        floor.end(batch)
        batches.append(tuple(batch))
        pending = {number: target for number, target in pending.items() if floor.assignment[number] != target}
    return Order(tuple(batches), tuple(sorted(pending)))


def _detour(floor: _Floor, pending: dict[int, int], detoured: set[int]) -> tuple[int, int] | None:
    """The smallest domain that can wait elsewhere, and where there is the most room for it."""
    items = floor.problem.items
    for number in sorted(pending, key=lambda number: (items[number].memory_mib, number)):
        servers = [
            server
            for server, found in enumerate(floor.problem.servers)
            if server not in (floor.assignment[number], pending[number])
            and floor.has_room(number, server)
            and found.memory_mib
        ]
        if servers and number not in detoured:
            return number, max(
                servers, key=lambda server: (floor.problem.servers[server].memory_mib - floor.memory[server], -server)
            )
    return None


class _Floor:
    """What the servers hold at a moment, with migrating domains on both."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.assignment = list(problem.initial)
        sums = used(problem, self.assignment)
        self.memory, self.vcpus = [memory for memory, _ in sums], [vcpus for _, vcpus in sums]
        self.coming: dict[int, int] = {}

    def urgency(self, number: int) -> tuple[float, int, int]:
        """Domains of the fullest server first, and of these the largest."""
        source = self.assignment[number]
        assert source is not None
        server = self.problem.servers[source]
        full = self.memory[source] / server.memory_mib if server.takes and server.memory_mib else float("inf")
        return -full, -self.problem.items[number].memory_mib, number

    def has_room(self, number: int, target: int) -> bool:
        item, server = self.problem.items[number], self.problem.servers[target]
        return (
            server.takes
            and self.memory[target] + item.memory_mib <= server.memory_mib
            and self.vcpus[target] + item.vcpus <= server.vcpus * OVERCOMMIT
            and (item.allowed is None or target in item.allowed)
            and not any(target in (self.assignment[other], self.coming.get(other)) for other in item.conflicts)
        )

    def begin(self, number: int, target: int) -> Migration:
        source = self.assignment[number]
        assert source is not None
        self.memory[target] += self.problem.items[number].memory_mib
        self.vcpus[target] += self.problem.items[number].vcpus
        self.coming[number] = target
        return Migration(number, source, target)

    def end(self, batch: Sequence[Migration]) -> None:
        for step in batch:
            self.memory[step.source] -= self.problem.items[step.item].memory_mib
            self.vcpus[step.source] -= self.problem.items[step.item].vcpus
            self.assignment[step.item] = step.target
        self.coming.clear()
