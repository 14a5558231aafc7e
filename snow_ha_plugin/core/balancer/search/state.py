"""Where domains are, how loaded that makes the servers, and what may go where: what the balancer's search works on.

A layout is judged by the sum of two standard deviations of relative load over the servers, memory's and vcpus', and by
its peaks. Each domain that ends up away from home has a price in the same unit. One that is away already may change
its target, or go back, for nothing: so moves are spent again where they bring more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from snow_ha_plugin.core.balancer.problem import OVERCOMMIT, By, Problem

# Less than this is rounding.
NOTHING = 1e-9

# Up to so many servers times domains a cluster is small: there is time to look at every change.
SMALL = 300

# Domains and the servers where they are put.
Reassignment = tuple[tuple[int, int], ...]


class Layout:
    """The state of a search. `assignment` is each domain's server; `lead` is memory (vcpus where only these count)."""

    def __init__(self, problem: Problem, price: float, limit: int | None) -> None:
        self.price = price
        self.left = len(problem.items) if limit is None else limit
        self.items, servers = problem.items, problem.servers
        self.initial = problem.initial
        self.assignment: list[int | None] = list(self.initial)
        self.counted = [number for number, server in enumerate(servers) if server.takes]
        self.share = 1 / (len(self.counted) or 1)
        self.by_vcpus = problem.by == By.VCPUS
        memory = [server.memory_mib if server.takes else 0 for server in servers]
        vcpus = [server.vcpus if server.takes else 0 for server in servers]
        sizes = [(item.memory_mib, item.vcpus) for item in self.items]
        overcommitted = [count * OVERCOMMIT for count in vcpus]
        if self.by_vcpus:
            self.size = [(vcpu, mib) for mib, vcpu in sizes]
            self.lead_room, self.rest_room = overcommitted, memory
            lead, rest = vcpus, memory
        else:
            self.size = sizes
            self.lead_room, self.rest_room = memory, overcommitted
            lead, rest = memory, vcpus
        self.per_lead = [1 / (room or 1) for room in lead]
        self.per_rest = [float(problem.by == By.BOTH) / (room or 1) for room in rest]
        self.lead_used, self.rest_used = [0] * len(servers), [0] * len(servers)
        self.on: list[list[int]] = [[] for _ in servers]
        self._movable: list[list[int] | None] = [None] * len(servers)
        for number, server in enumerate(self.initial):
            if server is not None:
                self._enter(number, server)
        self.kind = [
            number if item.allowed is not None or item.spread_group or item.conflicts else (-1, *sizes[number])
            for number, item in enumerate(self.items)
        ]
        self.measure()
        self.is_small = len(self.counted) * len(self.items) <= SMALL

    # --- the state

    def measure(self) -> None:
        """What the judging of changes starts from; it is taken afresh after each, so that no rounding adds up."""
        counted, share = self.counted, self.share
        lead = [used * per for used, per in zip(self.lead_used, self.per_lead, strict=True)]
        rest = [used * per for used, per in zip(self.rest_used, self.per_rest, strict=True)]
        # Distances from the middle instead of the loads themselves: their squares keep more digits.
        lead_middle = self.lead_middle = sum([lead[server] for server in counted]) * share
        rest_middle = self.rest_middle = sum([rest[server] for server in counted]) * share
        lead = self.lead = [load - lead_middle for load in lead]
        rest = self.rest = [load - rest_middle for load in rest]
        self.lead_squares = math.fsum([lead[server] ** 2 for server in counted])
        self.rest_squares = math.fsum([rest[server] ** 2 for server in counted])
        self.deviation = math.sqrt(self.lead_squares * share) + math.sqrt(self.rest_squares * share)
        self.fullest = sorted(counted, key=lead.__getitem__, reverse=True)[:3]
        self.busiest = sorted(counted, key=rest.__getitem__, reverse=True)[:3]

    @property
    def lead_peak(self) -> float:
        return self.lead[self.fullest[0]] + self.lead_middle if self.fullest else 0.0

    @property
    def rest_peak(self) -> float:
        return self.rest[self.busiest[0]] + self.rest_middle if self.busiest else 0.0

    def free_mib(self, server: int) -> int:
        room, used = (self.rest_room, self.rest_used) if self.by_vcpus else (self.lead_room, self.lead_used)
        return room[server] - used[server]

    def _enter(self, item: int, server: int) -> None:
        lead, rest = self.size[item]
        self.lead_used[server] += lead
        self.rest_used[server] += rest
        self.on[server].append(item)
        self._movable[server] = None

    def _leave(self, item: int, server: int) -> None:
        lead, rest = self.size[item]
        self.lead_used[server] -= lead
        self.rest_used[server] -= rest
        self.on[server].remove(item)
        self._movable[server] = None

    def put(self, change: Sequence[tuple[int, int | None]]) -> None:
        """Put domains on servers, or nowhere, wherever they were."""
        for item, server in change:
            self.left -= self.cost(item, server)
            old = self.assignment[item]
            if old is not None:
                self._leave(item, old)
            if server is not None:
                self._enter(item, server)
            self.assignment[item] = server
        self.measure()

    def restore(self, assignment: Sequence[int | None]) -> None:
        """Put all domains where they were."""
        self.put(
            tuple(
                (item, server) for item, server in enumerate(assignment) if server not in (None, self.assignment[item])
            )
        )

    def cost(self, item: int, server: int | None) -> int:
        """How many more domains are away from home if this one goes to a server: -1, 0 or 1."""
        initial = self.initial[item]
        return 0 if initial is None else int(initial != server) - int(initial != self.assignment[item])

    # --- what is possible

    def welcome(self, item: int, server: int, without: int = -1) -> bool:
        """Whether the rules let a domain go to a server once `without` has left it; sizes are no matter here.

        A replica goes to a server with another of its group only from one with as many.
        """
        found = self.items[item]
        if found.allowed is not None and server not in found.allowed:
            return False
        if found.conflicts and any(other in found.conflicts and other != without for other in self.on[server]):
            return False
        if not found.spread_group:
            return True
        old = self.assignment[item]
        return old is None or self.replicas(item, server, without) <= self.replicas(item, old)

    def replicas(self, item: int, server: int, without: int = -1) -> int:
        """How many other domains of its group are on a server."""
        group = self.items[item].spread_group
        if not group:
            return 0
        return sum(self.items[other].spread_group == group for other in self.on[server] if other not in (item, without))

    def fits(self, item: int, server: int) -> bool:
        lead, rest = self.size[item]
        return (
            self.lead_used[server] + lead <= self.lead_room[server]
            and self.rest_used[server] + rest <= self.rest_room[server]
            and self.welcome(item, server)
        )

    def swap_fits(self, one: int, source: int, other: int, target: int) -> bool:
        lead, rest = (mine - yours for mine, yours in zip(self.size[one], self.size[other], strict=True))
        return (
            self.lead_used[target] + lead <= self.lead_room[target]
            and self.lead_used[source] - lead <= self.lead_room[source]
            and self.rest_used[target] + rest <= self.rest_room[target]
            and self.rest_used[source] - rest <= self.rest_room[source]
            and self.welcome(one, target, other)
            and self.welcome(other, source, one)
        )

    def movable(self, server: int) -> list[int]:
        """The domains of a server that may go, one of each kind and home."""
        found = self._movable[server]
        if found is None:
            kinds: dict[object, int] = {}
            for item in self.on[server]:
                if self.items[item].movable:
                    kinds.setdefault((self.kind[item], self.initial[item]), item)
            found = self._movable[server] = list(kinds.values())
        return found

    # --- the best change

    def outcome(self, change: Sequence[tuple[int, int | None]]) -> tuple[float, float]:
        """The sum of the deviations, and the leading peak, after a change, whatever it is; all is as before then."""
        before = tuple((item, self.assignment[item]) for item, _ in change)
        self.put(change)
        found = self.deviation, self.lead_peak
        self.put(before)
        return found

    def crowded(self) -> list[int]:
        """The servers by how far they are above the middle, the farthest first."""
        return sorted(
            self.counted, key=lambda server: -(max(self.lead[server], 0) ** 2) - max(self.rest[server], 0) ** 2
        )

    def spacious(self) -> list[int]:
        return sorted(self.counted, key=lambda server: self.lead[server] + self.rest[server])
