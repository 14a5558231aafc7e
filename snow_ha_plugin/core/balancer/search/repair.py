"""What must move before loads count: domains that may not stay where they are, or that share a place with a replica."""

from __future__ import annotations

from snow_ha_plugin.core.balancer.search.state import Layout


def settle(layout: Layout) -> None:
    """Put those that run nowhere somewhere; move those that may not stay, that are too many, or replicas that share."""
    largest_first = sorted(
        range(len(layout.tenants)), key=lambda number: (-layout.tenants[number].memory_mib, layout.tenants[number].name)
    )
    for number in largest_first:
        tenant, place = layout.tenants[number], layout.at[number]
        if place is None or (
            tenant.movable
            and (place not in layout.counted or (tenant.allowed is not None and place not in tenant.allowed))
        ):
            _move_best(layout, number)
    for place in layout.counted:
        while layout.lead_used[place] > layout.lead_room[place] or layout.rest_used[place] > layout.rest_room[place]:
            if not any(_move_best(layout, number) for number in largest_first if layout.at[number] == place):
                break
    for number in largest_first:
        tenant, place = layout.tenants[number], layout.at[number]
        shares = place is not None and (
            layout.replicas(number, place) or any(layout.at[other] == place for other in tenant.conflicts)
        )
        if shares:
            _move_best(layout, number, apart=True) or _swap_best(layout, number)


def _move_best(layout: Layout, number: int, *, apart: bool = False) -> bool:
    """Move a tenant to the place that is best for the balance, with `apart` only to one that separates replicas."""
    home = layout.at[number]
    if not layout.tenants[number].movable and home is not None:
        return False
    places = [
        place
        for place in layout.counted
        if place != home
        and layout.fits(number, place)
        and layout.cost(number, place) <= layout.left
        and not (
            apart
            and home is not None
            and layout.replicas(number, place) > 0
            and layout.replicas(number, place) >= layout.replicas(number, home)
        )
    ]
    if not places:
        return False
    layout.put(((number, min(places, key=lambda place: (layout.outcome(((number, place),)), place))),))
    return True


def _swap_best(layout: Layout, number: int) -> bool:
    """Change places with whoever leaves the balance best, so that a replica is alone."""
    home = layout.at[number]
    if home is None or not layout.tenants[number].movable:
        return False
    swaps = [
        ((number, place), (other, home))
        for place in layout.counted
        if place != home and layout.replicas(number, place) < layout.replicas(number, home)
        for other in layout.movable(place)
        if layout.cost(number, place) + layout.cost(other, home) <= layout.left
        and layout.swap_fits(number, home, other, place)
    ]
    if not swaps:
        return False
    layout.put(min(swaps, key=lambda change: (layout.outcome(change), change)))
    return True
