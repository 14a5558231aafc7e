"""N+1: whether the other servers could hold a server's domains if it failed, by memory and the rules.

The largest domains choose first, each the server with the most room. Pacemaker places greedily too; a cleverer packing
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
        self.memory = [item.memory_mib for item in problem.items]
        self.largest_first = sorted(range(len(self.memory)), key=lambda number: (-self.memory[number], number))
        self.ruled = [item.allowed is not None or bool(item.conflicts) for item in problem.items]
        self.capacity = {number: server.memory_mib for number, server in enumerate(problem.servers) if server.takes}

    def stranded(self, assignment: Sequence[int | None]) -> dict[int, tuple[int, ...]]:
        """By server: the domains that would find no room if it failed; nothing where N+1 holds."""
        found: dict[int, list[int]] = {}
        for failed, number, _ in self._homeless(assignment):
            found.setdefault(failed, []).append(number)
        return {failed: tuple(numbers) for failed, numbers in sorted(found.items())}

    def shortage(self, assignment: Sequence[int | None]) -> int:
        """How many MiB the largest rooms lack for the stranded domains, in sum; 0 where N+1 holds."""
        return sum(missing for _, _, missing in self._homeless(assignment))

    def is_possible(self, assignment: Sequence[int | None]) -> bool:
        """Whether there is enough memory for N+1 at all, were it in one piece."""
        sizes = sum(size for size, server in zip(self.memory, assignment, strict=True) if server in self.capacity)
        return sizes <= sum(self.capacity.values()) - max(self.capacity.values(), default=0)

    def _homeless(self, assignment: Sequence[int | None]) -> Iterator[tuple[int, int, int]]:
        """The server that fails, a domain of it without room, and how many MiB are missing where there is the most."""
        room = dict(self.capacity)
        on: dict[int, list[int]] = {}
        for number in self.largest_first:
            server = assignment[number]
            if server is not None:
                on.setdefault(server, []).append(number)
                if server in room:
                    room[server] -= self.memory[number]
        for failed, here in on.items():
            rooms = {server: free for server, free in room.items() if server != failed}
            if any(self.ruled[number] for number in here):
                yield from self._by_rules(assignment, failed, here, rooms)
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
                yield failed, number, size + min(heap[0], 0) if heap else size

    def _by_rules(
        self, assignment: Sequence[int | None], failed: int, here: list[int], rooms: dict[int, int]
    ) -> Iterator[tuple[int, int, int]]:
        gone: dict[int, int] = {}
        for number in here:
            item = self.problem.items[number]
            open_to = [
                server
                for server in rooms
                if (item.allowed is None or server in item.allowed)
                and not any(gone.get(other, assignment[other]) == server for other in item.conflicts)
            ]
            chosen = max(open_to, key=lambda server: rooms[server], default=None)
            if chosen is not None and rooms[chosen] >= item.memory_mib:
                rooms[chosen] -= item.memory_mib
                gone[number] = chosen
            else:
                yield failed, number, item.memory_mib - (max(rooms[chosen], 0) if chosen is not None else 0)


def stranded(problem: Problem, assignment: Sequence[int | None]) -> dict[int, tuple[int, ...]]:
    return Survival(problem).stranded(assignment)
