"""The best next change of a layout: the move of one domain, or the swap of two, that lowers what is judged by the most.

This is where the balancer's time goes: sums are updated by what a change adds and takes, and nothing is measured anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from snow_ha_plugin.core.balancer.search.state import NOTHING, Layout, Reassignment

# Two servers are not worth looking at for swaps where the deviations could not fall by this, or by two moves' price.
LITTLE = 1e-5

# While a peak is lowered, the deviations decide between changes that lower it alike.
BESIDE_PEAK = 0.02

ANY = math.inf

# Who comes back from the target in a move, which is a swap with nobody.
NOBODY = (-1, 0, 0)


class Guard(NamedTuple):
    """What a change must not exceed: the leading peak, the other peak, and the sum of the deviations."""

    lead_peak: float = ANY
    rest_peak: float = ANY
    deviation: float = ANY


# How much a change brings, below 0, and the change; without one that helps `()`.
Found = tuple[float, Reassignment]


def best_move(
    layout: Layout, sources: Iterable[int], targets: Iterable[int], guard: Guard, *, by_peak: bool = False
) -> Found:
    """The best move from one of `sources` to one of `targets`, by the deviations or by the leading peak."""
    best: Found = (-NOTHING, ())
    for source in sources:
        for target in targets:
            if target != source:
                best = _best_between(layout, source, target, [NOBODY], guard, by_peak, best)
    return best


def best_swap(layout: Layout, source: int, targets: Iterable[int], guard: Guard, *, by_peak: bool = False) -> Found:
    """The best swap of a domain of `source` with one of `targets`."""
    best: Found = (-NOTHING, ())
    for target in targets:
        if target != source and (by_peak or _promising(layout, source, target)):
            others = [(item, *layout.size[item]) for item in layout.movable(target)]
            best = _best_between(layout, source, target, others, guard, by_peak, best)
    return best


def _best_between(
    layout: Layout,
    source: int,
    target: int,
    others: list[tuple[int, int, int]],
    guard: Guard,
    by_peak: bool,
    best: Found,
) -> Found:
    """The best change of a domain of `source` with one of `others`, if it is better than `best`."""
    sqrt, share, limit = math.sqrt, layout.share, guard.deviation
    per_lead_out, per_lead_in = layout.per_lead[source], layout.per_lead[target]
    per_rest_out, per_rest_in = layout.per_rest[source], layout.per_rest[target]
    lead_source, lead_target = 2 * layout.lead[source], 2 * layout.lead[target]
    rest_source, rest_target = 2 * layout.rest[source], 2 * layout.rest[target]
    lead_squares, rest_squares, before = layout.lead_squares, layout.rest_squares, layout.deviation
    price, initial, size = layout.price, layout.initial, layout.size
    # What `layout.cost` says of each.
    ones = [
        (one, *size[one], 0 if initial[one] is None else (initial[one] != target) - (initial[one] != source))
        for one in layout.movable(source)
    ]
    for other, lead_other, rest_other in others:
        cost_other = layout.cost(other, source) if other >= 0 else 0
        affordable = layout.left - cost_other
        for one, lead_one, rest_one, cost_one in ones:
            if cost_one > affordable:
                continue
            lead_size, rest_size = lead_one - lead_other, rest_one - rest_other
            lead_out, rest_out = lead_size * per_lead_out, rest_size * per_rest_out
            lead_in, rest_in = lead_size * per_lead_in, rest_size * per_rest_in
            lead_sum, rest_sum = (lead_in - lead_out) * share, (rest_in - rest_out) * share
            lead_square = (
                lead_squares + lead_out * (lead_out - lead_source) + lead_in * (lead_in + lead_target)
            ) * share - lead_sum * lead_sum
            rest_square = (
                rest_squares + rest_out * (rest_out - rest_source) + rest_in * (rest_in + rest_target)
            ) * share - rest_sum * rest_sum
            deviation = (sqrt(lead_square) if lead_square > 0 else 0.0) + (
                sqrt(rest_square) if rest_square > 0 else 0.0
            )
            paid = (cost_one + cost_other) * price
            if deviation > limit or (not by_peak and deviation - before + paid >= best[0]):
                continue
            gain = _gain(layout, source, target, lead_out, lead_in, rest_out, rest_in, deviation, guard, by_peak)
            if gain + paid >= best[0]:
                continue
            if other >= 0:
                if layout.swap_fits(one, source, other, target):
                    best = gain + paid, ((one, target), (other, source))
            elif layout.fits(one, target):
                best = gain + paid, ((one, target),)
    return best


def _promising(layout: Layout, source: int, target: int) -> bool:
    """Whether the deviations would fall enough if two servers could have any part of each other's: no swap of theirs
    can do more."""
    share = layout.share
    lead = layout.lead_squares - _most(layout.lead, layout.per_lead, source, target, share)
    rest = layout.rest_squares - _most(layout.rest, layout.per_rest, source, target, share)
    least = math.sqrt(max(lead, 0) * share) + math.sqrt(max(rest, 0) * share)
    return layout.deviation - least > max(2 * layout.price, LITTLE)


def _most(loads: list[float], per: list[float], source: int, target: int, share: float) -> float:
    """By how much the sum of squares can fall if x goes from one server to another, which also moves the middle where
    one is larger: it changes by a * x * x - 2 * b * x."""
    out, into = per[source], per[target]
    a = out * out + into * into - (into - out) * (into - out) * share
    b = out * loads[source] - into * loads[target]
    return b * b / a if a else 0.0


def _gain(
    layout: Layout, source: int, target: int, lead_out: float, lead_in: float, rest_out: float, rest_in: float,
    deviation: float, guard: Guard, by_peak: bool,
) -> float:  # fmt: skip
    """What a change brings, below 0 for an improvement, and far above where it hits the guard."""
    peak = max(layout.lead[source] - lead_out, layout.lead[target] + lead_in)
    peak = max([peak, *(layout.lead[server] for server in layout.fullest if server not in (source, target))])
    if peak + layout.lead_middle > guard.lead_peak + NOTHING:
        return ANY
    if guard.rest_peak < ANY:
        busy = max(layout.rest[source] - rest_out, layout.rest[target] + rest_in)
        busy = max([busy, *(layout.rest[server] for server in layout.busiest if server not in (source, target))])
        if busy + layout.rest_middle > guard.rest_peak + NOTHING:
            return ANY
    if not by_peak:
        return deviation - layout.deviation
    lower = peak + layout.lead_middle - layout.lead_peak
    return lower + BESIDE_PEAK * (deviation - layout.deviation) if lower < -NOTHING else ANY
