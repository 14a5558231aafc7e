"""N+1: whether the other servers could hold a server's domains if it failed, by memory and the rules.

The largest domains choose first, each the place with the most room. Pacemaker places greedily too; a cleverer packing
that it would not find is no comfort.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from snow_ha_plugin.core.balancer.problem import Problem


class Survival:
    """The question for one problem, to be asked of many placements: what all of them share is prepared."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.memory = [tenant.memory_mib for tenant in problem.tenants]
        self.largest_first = sorted(range(len(self.memory)), key=lambda number: (-self.memory[number], number))
        self.ruled = [tenant.allowed is not None or bool(tenant.conflicts) for tenant in problem.tenants]
        self.capacity = {number: place.memory_mib for number, place in enumerate(problem.places) if place.takes}

    def stranded(self, at: Sequence[int | None]) -> dict[int, tuple[int, ...]]:
        """By place: the tenants that would find no room if it failed; nothing where N+1 holds."""
        found: dict[int, list[int]] = {}
        for failed, number, _ in self._homeless(at):
            found.setdefault(failed, []).append(number)
        return {failed: tuple(numbers) for failed, numbers in sorted(found.items())}

    def shortage(self, at: Sequence[int | None]) -> int:
        """How many MiB the largest rooms lack for the stranded tenants, in sum; 0 where N+1 holds."""
        return sum(missing for _, _, missing in self._homeless(at))

    def is_possible(self, at: Sequence[int | None]) -> bool:
        """Whether there is enough memory for N+1 at all, were it in one piece."""
        sizes = sum(size for size, place in zip(self.memory, at, strict=True) if place in self.capacity)
        return sizes <= sum(self.capacity.values()) - max(self.capacity.values(), default=0)

    def _homeless(self, at: Sequence[int | None]) -> Iterator[tuple[int, int, int]]:
        """The place that fails, a tenant of it without room, and how many MiB are missing where there is the most."""
        room = dict(self.capacity)
        on: dict[int, list[int]] = {}
        for number in self.largest_first:
            place = at[number]
            if place is not None:
                on.setdefault(place, []).append(number)
                if place in room:
                    room[place] -= self.memory[number]
        for failed, here in on.items():
            rooms = {place: free for place, free in room.items() if place != failed}
            if any(self.ruled[number] for number in here):
                yield from self._by_rules(at, failed, here, rooms)
            else:
                yield from self._by_size(failed, here, rooms)

    def _by_size(self, failed: int, here: list[int], rooms: dict[int, int]) -> Iterator[tuple[int, int, int]]:
        # A heap has its smallest element first.
        heap = [-free for free in rooms.values()]
        heapq.heapify(heap)
        for number in here:
            size = self.memory[number]
            if heap and -heap[0] >= size:
                heapq.heapreplace(heap, heap[0] + size)
            else:
                yield failed, number, size + max(heap[0], -size) if heap else size

    def _by_rules(
        self, at: Sequence[int | None], failed: int, here: list[int], rooms: dict[int, int]
    ) -> Iterator[tuple[int, int, int]]:
        gone: dict[int, int] = {}
        for number in here:
            tenant = self.problem.tenants[number]
            open_to = [
                place
                for place in rooms
                if (tenant.allowed is None or place in tenant.allowed)
                and not any(gone.get(other, at[other]) == place for other in tenant.conflicts)
            ]
            chosen = max(open_to, key=lambda place: rooms[place], default=None)
            if chosen is not None and rooms[chosen] >= tenant.memory_mib:
                rooms[chosen] -= tenant.memory_mib
                gone[number] = chosen
            else:
                yield failed, number, tenant.memory_mib - (max(rooms[chosen], 0) if chosen is not None else 0)


def stranded(problem: Problem, at: Sequence[int | None]) -> dict[int, tuple[int, ...]]:
    return Survival(problem).stranded(at)
