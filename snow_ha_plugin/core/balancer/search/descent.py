"""The way down: from where domains are to a layout that no move and no swap would improve by more than its price."""

from __future__ import annotations

from snow_ha_plugin.core.balancer.search.chance import Chance
from snow_ha_plugin.core.balancer.search.neighbourhood import ANY, BESIDE_PEAK, Guard, best_move, best_swap
from snow_ha_plugin.core.balancer.search.state import NOTHING, Layout

# How many crowded servers, and how many with room, are looked at for the next move; all, when none of these helps.
SOURCES, TARGETS = 8, 12

# Small clusters leave local optima by chance: divided by servers times domains this is how often.
TRIES = 6_000

# How much of the deviation that single moves reach a lower peak may cost again: the shortlists of these may have
# missed a little.
SPENT = 0.99


def descend(layout: Layout, target_peak: float, *, peak_first: bool) -> None:
    """Put domains where no move and no swap is worth its price any more.

    First by single moves alone; what these reach in peaks and deviations, nothing after them gives away again,
    except that with `peak_first` a leading peak above `target_peak` may cost deviation, up to that of before.
    """
    before = layout.lead_peak + layout.deviation
    _single_moves(layout)
    reached = Guard(layout.lead_peak, layout.rest_peak, layout.deviation * SPENT)
    while even(layout) or _lower_peak(layout, reached, target_peak):
        pass
    if peak_first and layout.lead_peak > target_peak:
        _lower_peak(layout, Guard(deviation=before - layout.lead_peak), target_peak)
        if layout.is_small:
            _shake(layout, before, target_peak)
        while even(layout):
            pass
    if layout.left <= 0:
        _spend_again(layout, reached.deviation)


def _single_moves(layout: Layout) -> None:
    """The steepest way down by single moves."""
    while True:
        crowded, spacious = layout.crowded(), layout.spacious()
        first = (crowded, spacious) if layout.is_small else (crowded[:SOURCES], spacious[:TARGETS])
        _, change = best_move(layout, *first, Guard())
        for server in () if change or layout.is_small else crowded:
            _, change = best_move(layout, (server,), spacious, Guard())
            if change:
                break
        if not change:
            return
        layout.put(change)


def even(layout: Layout) -> bool:
    """Lower the deviations by moves and swaps that raise no peak; whether any did."""
    changed = False
    for server in layout.crowded():
        while True:
            guard = Guard(layout.lead_peak, layout.rest_peak)
            near, far = layout.spacious()[:TARGETS], layout.spacious()[TARGETS:]
            found = min(best_move(layout, (server,), near + far, guard), best_swap(layout, server, near, guard))
            if not found[1]:
                found = best_swap(layout, server, far, guard)
            if not found[1]:
                break
            layout.put(found[1])
            changed = True
    return changed


def _lower_peak(layout: Layout, guard: Guard, enough: float) -> bool:
    """Lower the leading peak until it is low enough; whether it went down."""
    guard = Guard(ANY, guard.rest_peak, guard.deviation)
    changed = False
    while layout.counted and layout.lead_peak > enough:
        fullest, spacious = layout.fullest[0], layout.spacious()
        found = min(
            best_move(layout, (fullest,), spacious, guard, by_peak=True),
            best_swap(layout, fullest, spacious, guard, by_peak=True),
        )
        if not found[1]:
            break
        layout.put(found[1])
        changed = True
    return changed


def _spend_again(layout: Layout, deviation: float) -> None:
    """With no move left: let a domain of a crowded server go and another come home, while that helps.

    A lower peak may cost deviation, up to this one.
    """
    while any(_exchange(layout, server, deviation) for server in layout.crowded()[:SOURCES]):
        pass


def _exchange(layout: Layout, server: int, most: float) -> bool:
    """The best move from a server, and the return that costs the least; undone where that is no better."""
    peak, deviation, kept = layout.lead_peak, layout.deviation, list(layout.assignment)
    layout.left += 1
    _, change = best_move(layout, (server,), layout.spacious(), Guard(peak, layout.rest_peak))
    layout.left -= 1
    if not change:
        return False
    layout.put(change)
    returns = [
        ((item, initial),)
        for item, initial in enumerate(layout.initial)
        if initial is not None
        and initial not in (layout.assignment[item], server)
        and layout.items[item].movable
        and layout.fits(item, initial)
    ]
    if returns:
        layout.put(min(returns, key=layout.outcome))
    lower = layout.lead_peak < peak - NOTHING and layout.deviation <= max(most, deviation)
    better = layout.lead_peak <= peak + NOTHING and layout.deviation < deviation - NOTHING
    if layout.left >= 0 and (lower or better):
        return True
    layout.restore(kept)
    return False


def _shake(layout: Layout, most: float, enough: float) -> None:
    """Leave a local optimum: put two domains elsewhere, descend again, and go back if that was no better."""
    free = [
        number
        for number, item in enumerate(layout.items)
        if item.movable and layout.assignment[number] in layout.counted
    ]
    chance = Chance()
    for turn in range(TRIES // (len(layout.counted) * len(layout.items))):
        if layout.lead_peak <= enough or not free:
            return
        kept, worth = list(layout.assignment), _worth(layout)
        for item in (chance.pick(free) for _ in range(2 + turn % 3)):
            server = chance.pick(layout.counted)
            if (
                server != layout.assignment[item]
                and layout.fits(item, server)
                and layout.cost(item, server) <= layout.left
            ):
                layout.put(((item, server),))
        _lower_peak(layout, Guard(), enough)
        if layout.lead_peak + layout.deviation > most or _worth(layout) >= worth - NOTHING:
            layout.restore(kept)


def _worth(layout: Layout) -> float:
    away = sum(initial not in (None, server) for initial, server in zip(layout.initial, layout.assignment, strict=True))
    return layout.lead_peak + BESIDE_PEAK * layout.deviation + layout.price * away
