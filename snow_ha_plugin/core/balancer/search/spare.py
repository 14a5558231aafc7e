"""N+1 where the most even layout has none: room is made where a failure would strand domains, and loads evened again.

Both go by chance, a change at a time that is taken back unless it helps: which room is missing follows from how the
domains of each server would be packed, and the next best change by load says little about that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from snow_ha_plugin.core.balancer.n_plus_one import Survival
from snow_ha_plugin.core.balancer.search.chance import Chance
from snow_ha_plugin.core.balancer.search.neighbourhood import BESIDE_PEAK
from snow_ha_plugin.core.balancer.search.state import NOTHING, Layout

# How many changes are tried, for making room and for evening: divided by servers times domains, within the others.
# Where moves are limited there are fewer to choose from, and a quick answer was asked for.
TRIES, TRIES_LIMITED, FEWEST, MOST = 40_000_000, 2_000_000, 200, 15_000

# Room is made at first without filling any server more than so much above the fullest one, then at any price.
ABOVE_PEAK = (1.04, math.inf)

# Room for a stranded domain is made where there is the most already: on one of so many servers.
ROOMIEST = 4

Judge = Callable[[int], bool]


def mend(layout: Layout, survival: Survival, enough: float, *, limited: bool) -> bool:
    """Change the layout into an even one with N+1; False, and no change, if none was found.

    A leading peak of `enough` ends the search for a better one.
    """
    begin = list(layout.assignment)
    best: tuple[float, Sequence[int | None]] = (math.inf, begin)
    for above in ABOVE_PEAK:
        layout.restore(begin)
        if _make_room(layout, survival, layout.lead_peak * above, limited):
            even_out(layout, survival, limited=limited)
            worth = layout.lead_peak + layout.deviation * (1 if limited else BESIDE_PEAK)
            best = min(best, (worth, list(layout.assignment)), key=lambda found: found[0])
            if layout.lead_peak <= enough or (limited and not layout.is_small):
                break
    layout.restore(best[1])
    return best[0] < math.inf


def _make_room(layout: Layout, survival: Survival, most: float, limited: bool) -> bool:
    """Change servers until no failure strands a domain, with no leading peak above `most`; whether that was reached."""
    chance = Chance()
    missing, stranded = survival.shortage(layout.assignment), _stranded(layout, survival)

    def helps(cost: int) -> bool:
        left = survival.shortage(layout.assignment) if layout.lead_peak <= most else math.inf
        return left < missing or (left == missing and cost <= 0)

    for _ in range(_tries(layout, limited)):
        if not stranded:
            return True
        roomiest = sorted(layout.counted, key=lambda server: -layout.free_mib(server))[:ROOMIEST]
        one = chance.pick((chance.pick(stranded), _anyone(layout, chance, roomiest), _anyone(layout, chance)))
        if _try(layout, chance, one, helps):
            missing, stranded = survival.shortage(layout.assignment), _stranded(layout, survival)
    return not stranded


def even_out(layout: Layout, survival: Survival, *, limited: bool) -> None:
    """Lower the leading peak and the deviations as far as N+1, which holds, allows it."""
    chance = Chance()
    worth = layout.lead_peak + layout.deviation

    def helps(cost: int) -> bool:
        now = layout.lead_peak + layout.deviation + max(cost, 0) * layout.price
        return (now < worth - NOTHING or (now <= worth and cost <= 0)) and not survival.shortage(layout.assignment)

    for turn in range(_tries(layout, limited)):
        one = _anyone(layout, chance, layout.fullest[:1] if turn % 2 else None)
        if _try(layout, chance, one, helps):
            worth = layout.lead_peak + layout.deviation


def _tries(layout: Layout, limited: bool) -> int:
    size = len(layout.counted) * len(layout.items) or 1
    return max(FEWEST, min(MOST, (TRIES_LIMITED if limited else TRIES) // size))


def _stranded(layout: Layout, survival: Survival) -> list[int]:
    return [number for numbers in survival.stranded(layout.assignment).values() for number in numbers]


def _anyone(layout: Layout, chance: Chance, servers: Sequence[int] | None = None) -> int:
    """A domain of one of these servers that may move; -1 if there is none."""
    servers = layout.counted if servers is None else servers
    there = layout.movable(chance.pick(servers)) if servers else []
    return chance.pick(there) if there else -1


def _try(layout: Layout, chance: Chance, one: int, helps: Judge) -> bool:
    """Move a domain to some server, or swap it with some domain of there; take it back if that does not help.

    Where no move is left, another domain that is away goes home for it.
    """
    source, target = (layout.assignment[one] if one >= 0 else None), chance.pick(layout.counted)
    if source is None or source == target or not layout.items[one].movable:
        return False
    other = chance.pick((-1, _anyone(layout, chance, [target])))
    left, undo = layout.left, [(one, source)]
    if other >= 0:
        if not layout.swap_fits(one, source, other, target):
            return False
        undo.append((other, target))
        layout.put(((one, target), (other, source)))
    else:
        if layout.cost(one, target) > layout.left:
            returns = _anyone(layout, chance)
            initial, server = layout.initial[returns], layout.assignment[returns]
            if (
                returns in (-1, one)
                or server is None
                or initial is None
                or initial == server
                or not layout.fits(returns, initial)
            ):
                return False
            undo.append((returns, server))
            layout.put(((returns, initial),))
        if layout.fits(one, target):
            layout.put(((one, target),))
    if layout.assignment[one] == target and layout.left >= 0 and helps(left - layout.left):
        return True
    layout.put(tuple(undo))
    return False
