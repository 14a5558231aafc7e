"""What must move before loads count: domains that may not stay, or that share a server with a replica."""

from __future__ import annotations

from snow_ha_plugin.core.balancer.search.state import Layout


def settle(layout: Layout) -> None:
    """Put those that run nowhere somewhere; move those that may not stay, that are too many, or replicas that share."""
    largest_first = sorted(
        range(len(layout.items)), key=lambda number: (-layout.items[number].memory_mib, layout.items[number].name)
    )
    for number in largest_first:
        item, server = layout.items[number], layout.assignment[number]
        if server is None or (
            item.movable and (server not in layout.counted or (item.allowed is not None and server not in item.allowed))
        ):
            _move_best(layout, number)
    for server in layout.counted:
        while (
            layout.lead_used[server] > layout.lead_room[server] or layout.rest_used[server] > layout.rest_room[server]
        ):
            if not any(_move_best(layout, number) for number in largest_first if layout.assignment[number] == server):
                break
    for number in largest_first:
        item, server = layout.items[number], layout.assignment[number]
        shares = server is not None and (
            layout.replicas(number, server) or any(layout.assignment[other] == server for other in item.conflicts)
        )
        if shares and not _move_best(layout, number, apart=True):
            _swap_best(layout, number)


def _move_best(layout: Layout, number: int, *, apart: bool = False) -> bool:
    """Move a domain to the server that is best for the balance, with `apart` only to one that separates replicas."""
    before = layout.assignment[number]
    if not layout.items[number].movable and before is not None:
        return False
    servers = [
        server
        for server in layout.counted
        if server != before
        and layout.fits(number, server)
        and layout.cost(number, server) <= layout.left
        and not (
            apart
            and before is not None
            and layout.replicas(number, server) > 0
            and layout.replicas(number, server) >= layout.replicas(number, before)
        )
    ]
    if not servers:
        return False
    layout.put(((number, min(servers, key=lambda server: (layout.outcome(((number, server),)), server))),))
    return True


def _swap_best(layout: Layout, number: int) -> None:
    """Swap with whoever leaves the balance best, so that a replica is alone."""
    before = layout.assignment[number]
    if before is None or not layout.items[number].movable:
        return
    swaps = [
        ((number, server), (other, before))
        for server in layout.counted
        if server != before and layout.replicas(number, server) < layout.replicas(number, before)
        for other in layout.movable(server)
        if layout.cost(number, server) + layout.cost(other, before) <= layout.left
        and layout.swap_fits(number, before, other, server)
    ]
    if swaps:
        layout.put(min(swaps, key=lambda change: (layout.outcome(change), change)))
