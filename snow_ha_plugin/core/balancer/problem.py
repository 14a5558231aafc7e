"""How loaded servers are: the balancer's problem as plain numbers, and the measure of a placement.

Servers and domains are numbered here by where they stand in `Problem`, so that the search works on lists alone.
Memory is in MiB. A relative load is the part of a server's memory, or of its CPUs, that its domains take; that of
CPUs may pass 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

# What a server's domains may have of vcpus for each of its CPUs: sNow!'s service domains idle most of the time.
OVERCOMMIT = 4


class By(StrEnum):
    MEMORY = "memory"
    VCPUS = "vcpus"
    BOTH = "both"


class Server(NamedTuple):
    """A server as the balancer sees it; one that does not take any may still hold some."""

    name: str
    memory_mib: int
    vcpus: int
    takes: bool = True


class Item(NamedTuple):
    """A domain as the balancer sees it: `initial` is where it runs, None if it runs nowhere yet.

    `allowed` are the servers that the administrator's rules leave it, None for all; a domain that is not `movable`
    stays where it is. Domains of one `spread_group` (a replicated role) belong on different servers; one must never
    share a server with another that it `conflicts` with.
    """

    name: str
    memory_mib: int
    vcpus: int
    initial: int | None
    allowed: frozenset[int] | None = None
    movable: bool = True
    spread_group: str = ""
    conflicts: frozenset[int] = frozenset()


class Problem(NamedTuple):
    servers: tuple[Server, ...]
    items: tuple[Item, ...]
    by: By = By.BOTH

    @property
    def initial(self) -> tuple[int | None, ...]:
        return tuple(item.initial for item in self.items)


class Spread(NamedTuple):
    """Relative loads over the servers: the highest, and the standard deviation, of memory and of vcpus."""

    peak_memory: float
    peak_vcpus: float
    deviation_memory: float
    deviation_vcpus: float

    def peak(self, by: By) -> float:
        """The load of the fullest server in what leads: memory, unless only vcpus count."""
        return self.peak_vcpus if by == By.VCPUS else self.peak_memory

    def imbalance(self, by: By) -> float:
        """What a plan lowers: the fullest server's load and the deviations; of both, memory's peak counts."""
        if by == By.MEMORY:
            return self.peak_memory + self.deviation_memory
        if by == By.VCPUS:
            return self.peak_vcpus + self.deviation_vcpus
        return self.peak_memory + self.deviation_memory + self.deviation_vcpus


def used(problem: Problem, assignment: Sequence[int | None]) -> list[tuple[int, int]]:
    """The memory and vcpus that a placement takes of each server."""
    memory, vcpus = [0] * len(problem.servers), [0] * len(problem.servers)
    for item, server in zip(problem.items, assignment, strict=True):
        if server is not None:
            memory[server] += item.memory_mib
            vcpus[server] += item.vcpus
    return list(zip(memory, vcpus, strict=True))


def spread(problem: Problem, assignment: Sequence[int | None]) -> Spread:
    """The spread of a placement over the servers that take domains."""
    loads = [
        (memory / server.memory_mib, vcpus / (server.vcpus or 1))
        for server, (memory, vcpus) in zip(problem.servers, used(problem, assignment), strict=True)
        if server.takes
    ]
    memory_loads, vcpu_loads = [load[0] for load in loads], [load[1] for load in loads]
    return Spread(
        peak_memory=max(memory_loads, default=0.0),
        peak_vcpus=max(vcpu_loads, default=0.0),
        deviation_memory=_deviation(memory_loads),
        deviation_vcpus=_deviation(vcpu_loads),
    )


def _deviation(values: Sequence[float]) -> float:
    if not values:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def lower_bound(problem: Problem) -> float:
    """No placement has a lower imbalance: what all domains take of all servers, and the largest domain's best server.

    A domain that cannot move adds to its own server. Where no server takes any, there is nothing to compare with.
    """
    takers = _takers(problem)
    if not takers:
        return 0.0
    capacity, sizes = _leading(problem)
    inside = [number for number, item in enumerate(problem.items) if item.movable or item.initial in takers]
    bound = sum(sizes[number] for number in inside) / sum(capacity[server] for server in takers)
    fixed = dict.fromkeys(takers, 0)
    for number in inside:
        item = problem.items[number]
        if not item.movable and item.initial is not None:
            fixed[item.initial] += sizes[number]
        else:
            open_to = [server for server in takers if item.allowed is None or server in item.allowed]
            bound = max(bound, min((sizes[number] / capacity[server] for server in open_to), default=0.0))
    return max(bound, max((fixed[server] / capacity[server] for server in takers), default=0.0))


def is_bounded_without_rules(problem: Problem) -> bool:
    """Whether `lower_bound` is the same whichever servers the domains are allowed, if any: no domain alone takes more
    of any server."""
    takers = _takers(problem)
    if not takers:
        return True
    capacity, sizes = _leading(problem)
    bound = lower_bound(problem._replace(items=tuple(item._replace(allowed=None) for item in problem.items)))
    smallest = min(capacity[server] for server in takers)
    return all(
        item.allowed != frozenset() and size / smallest <= bound
        for item, size in zip(problem.items, sizes, strict=True)
    )


def _takers(problem: Problem) -> list[int]:
    return [number for number, server in enumerate(problem.servers) if server.takes]


def _leading(problem: Problem) -> tuple[list[int], list[int]]:
    """The servers' capacities and the domains' sizes in what leads: memory, unless only vcpus count."""
    if problem.by == By.VCPUS:
        return [server.vcpus or 1 for server in problem.servers], [item.vcpus for item in problem.items]
    return [server.memory_mib or 1 for server in problem.servers], [item.memory_mib for item in problem.items]
