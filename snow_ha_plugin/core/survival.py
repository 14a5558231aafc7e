"""N+1: whether the other servers could hold a server's domains if it failed, by memory and the rules."""

from __future__ import annotations

from collections.abc import Sequence

from snow_ha_plugin.core.load import Problem, used


def stranded(problem: Problem, at: Sequence[int | None]) -> dict[int, tuple[int, ...]]:
    """By place: the tenants that would find no room if it failed; the largest choose first, each the emptiest place.

    Pacemaker places greedily too; a cleverer packing that it would not find is no comfort.
    """
    memory = [mib for mib, _ in used(problem, at)]
    tenants = [[] for _ in problem.places]  # type: list[list[int]]
    for number, place in enumerate(at):
        if place is not None:
            tenants[place].append(number)
    found = {}
    for place, here in enumerate(tenants):
        lost = _without_room(problem, at, place, here, memory) if here else ()
        if lost:
            found[place] = lost
    return found


def _without_room(
    problem: Problem, at: Sequence[int | None], failed: int, here: Sequence[int], memory: Sequence[int]
) -> tuple[int, ...]:
    room = {
        place: found.memory_mib - memory[place]
        for place, found in enumerate(problem.places)
        if found.takes and place != failed
    }
    sizes = [problem.tenants[number].memory_mib for number in here]
    ruled = any(problem.tenants[number].allowed is not None or problem.tenants[number].barred for number in here)
    # If one found no room, all others would have less left than its size: then there was too little in sum.
    if not ruled and room and sum(max(free, 0) for free in room.values()) - sum(sizes) >= len(room) * max(sizes):
        return ()
    lost = []
    gone: dict[int, int] = {}
    for number in sorted(here, key=lambda number: (-problem.tenants[number].memory_mib, number)):
        tenant = problem.tenants[number]
        open_to = [
            place
            for place in room
            if room[place] >= tenant.memory_mib
            and (tenant.allowed is None or place in tenant.allowed)
            and not any(gone.get(other, at[other]) == place for other in tenant.barred)
        ]
        if not open_to:
            lost.append(number)
            continue
        chosen = max(open_to, key=lambda place: room[place])
        room[chosen] -= tenant.memory_mib
        gone[number] = chosen
    return tuple(lost)
