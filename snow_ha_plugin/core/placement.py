"""The balancer: where each domain should be, and by which live migrations it gets there.

In this order: domains leave where they may not be, replicas of one role are kept apart, N+1 holds (any one server can
fail and the others hold its domains' memory), and loads are even. Every move must be worth its price, so that a
balanced cluster moves nothing. The same problem always has the same plan, and a plan's result needs no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from snow_ha_plugin.core.batches import Step, order
from snow_ha_plugin.core.load import Problem, lower_bound, spread, used
from snow_ha_plugin.core.search import NOTHING, Change, Search
from snow_ha_plugin.core.survival import stranded

# A fullest server this little above the lower bound is as good as one at it.
CLOSE = 1.005

# How many moves are looked at each time that N+1 is to be mended.
TRIED = 12

# A swap that does not fit is given up and planned around, and so are those that come in its place; in the end all are.
ATTEMPTS = 8


@dataclass(frozen=True)
class Limits:
    """`min_gain` is what a move must bring: by which part of one server's load the deviations fall, in sum."""

    max_moves: int | None = None
    min_gain: float = 0.002
    parallel: int = 2


@dataclass(frozen=True)
class Placement:
    """A plan: `at` is each tenant's place at its end, `left_out` whose better place no order of moves reaches.

    `imbalance_before` and `imbalance_after` are `Spread.imbalance`; no placement has less than `lower_bound`.
    """

    at: tuple[int | None, ...]
    batches: tuple[tuple[Step, ...], ...]
    left_out: tuple[int, ...]
    imbalance_before: float
    imbalance_after: float
    lower_bound: float


def plan(problem: Problem, limits: Limits) -> Placement:
    at, left_out = _reachable(problem, limits)
    batches = order(problem, at, limits.parallel).batches
    while limits.max_moves is None:
        # What comes next from there, as the next run would find it.
        there = _moved(problem, at)
        further, also_left_out = _reachable(there, limits)
        if further == at:
            break
        direct = order(problem, further, limits.parallel)
        batches = (*batches, *order(there, further, limits.parallel).batches) if direct.stuck else direct.batches
        at, left_out = further, also_left_out
    return Placement(
        at,
        batches,
        left_out,
        spread(problem, problem.homes).imbalance(problem.by),
        spread(problem, at).imbalance(problem.by),
        lower_bound(problem),
    )


def _moved(problem: Problem, at: Sequence[int | None]) -> Problem:
    tenants = tuple(replace(tenant, home=place) for tenant, place in zip(problem.tenants, at, strict=True))
    return replace(problem, tenants=tenants)


def _reachable(problem: Problem, limits: Limits) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
    """The best placement that some order of moves reaches, and the tenants that had to be left out of it."""
    left_out: set[int] = set()
    for attempt in range(ATTEMPTS):
        at = _best(_fixed(problem, left_out), limits)
        stuck = order(problem, at, limits.parallel).stuck
        if not stuck:
            return at, tuple(sorted(left_out))
        # One at first, the largest: with it at home the others may find their way.
        largest = max(stuck, key=lambda number: (problem.tenants[number].memory_mib, -number))
        left_out |= {largest} if attempt < ATTEMPTS // 2 else set(stuck)
    return _best(_fixed(problem, range(len(problem.tenants))), limits), tuple(sorted(left_out))


def _fixed(problem: Problem, numbers: Sequence[int] | set[int]) -> Problem:
    """The problem with these tenants staying at home."""
    tenants = [
        replace(found, free=False) if number in numbers else found for number, found in enumerate(problem.tenants)
    ]
    return replace(problem, tenants=tuple(tenants))


def _best(problem: Problem, limits: Limits) -> tuple[int | None, ...]:
    count = sum(place.takes for place in problem.places) or 1
    search = Search(problem, limits.min_gain / count, limits.max_moves)
    _settle(search)
    settled = tuple(search.at)
    search.balance(lower_bound(problem) * CLOSE, peak_first=limits.max_moves is None)
    balanced = _fewest_moves(problem, search.at)
    if stranded(problem, balanced):
        _mend_survival(problem, search)
        _even_safely(problem, search)
        mended = _fewest_moves(problem, search.at)
        if not stranded(problem, mended):
            balanced = mended
    survives = not stranded(problem, balanced) and bool(stranded(problem, settled))
    better = _imbalance(problem, balanced) < _imbalance(problem, settled) - NOTHING
    return balanced if survives or better else settled


def _imbalance(problem: Problem, at: Sequence[int | None]) -> float:
    return spread(problem, at).imbalance(problem.by)


# --- before the balance: what must move


def _settle(search: Search) -> None:
    """Put those that run nowhere somewhere; move those that may not stay, that are too many, or replicas that share."""
    largest_first = sorted(
        range(len(search.tenants)), key=lambda number: (-search.tenants[number].memory_mib, search.tenants[number].name)
    )
    for number in largest_first:
        tenant, place = search.tenants[number], search.at[number]
        if place is None or (
            tenant.free
            and (place not in search.counted or (tenant.allowed is not None and place not in tenant.allowed))
        ):
            _move_best(search, number)
    for place in search.counted:
        while search.lead_used[place] > search.lead_room[place] or search.rest_used[place] > search.rest_room[place]:
            if not any(_move_best(search, number) for number in largest_first if search.at[number] == place):
                break
    for number in largest_first:
        tenant, place = search.tenants[number], search.at[number]
        shares = place is not None and (
            search.replicas(number, place) or any(search.at[other] == place for other in tenant.barred)
        )
        if shares:
            _move_best(search, number, apart=True) or _swap_best(search, number)


def _move_best(search: Search, number: int, *, apart: bool = False) -> bool:
    """Move a tenant to the place that is best for the balance, with `apart` only to one that separates replicas."""
    home = search.at[number]
    if not search.tenants[number].free and home is not None:
        return False
    places = [
        place
        for place in search.counted
        if place != home
        and search.fits(number, place)
        and search.cost(number, place) <= search.left
        and not (
            apart
            and home is not None
            and search.replicas(number, place) > 0
            and search.replicas(number, place) >= search.replicas(number, home)
        )
    ]
    if not places:
        return False
    search.put(((number, min(places, key=lambda place: (search.outcome(((number, place),)), place))),))
    return True


def _swap_best(search: Search, number: int) -> bool:
    """Change places with whoever leaves the balance best, so that a replica is alone."""
    home = search.at[number]
    if home is None or not search.tenants[number].free:
        return False
    swaps = [
        ((number, place), (other, home))
        for place in search.counted
        if place != home and search.replicas(number, place) < search.replicas(number, home)
        for other in search.movable(place)
        if search.cost(number, place) + search.cost(other, home) <= search.left
        and search.swap_fits(number, home, other, place)
    ]
    if not swaps:
        return False
    search.put(min(swaps, key=lambda change: (search.outcome(change), change)))
    return True


# --- after it


def _mend_survival(problem: Problem, search: Search) -> None:
    """Make room for the largest domain that a failure would strand, where the least is missing, until none would be.

    What makes room is one domain of there that moves on; of those the one that the deviations like best, among the
    few best of which the one that leaves the fewest stranded.
    """
    lost = stranded(problem, search.at)
    while lost:
        failed, number = max(
            ((place, number) for place, numbers in lost.items() for number in numbers),
            key=lambda found: (problem.tenants[found[1]].memory_mib, found),
        )
        changes = sorted(
            _room_makers(problem, search, failed, number), key=lambda change: (search.outcome(change), change)
        )
        outcomes: list[tuple[int, int, Change, dict[int, tuple[int, ...]]]] = []
        for change in changes[:TRIED]:
            at = list(search.at)
            for tenant, place in change:
                at[tenant] = place
            left = stranded(problem, at)
            outcomes.append((sum(map(len, left.values())), len(outcomes), change, left))
        if not outcomes or min(outcomes)[0] >= sum(map(len, lost.values())):
            return
        _, _, change, lost = min(outcomes, key=lambda found: found[:2])
        search.put(change)


def _even_safely(problem: Problem, search: Search) -> None:
    """Lower the fullest server again as far as N+1, just mended, allows it."""
    while not stranded(problem, search.at):
        changes = [(search.outcome(change), change) for change in _reliefs(search)]
        better = [(peak, off, change) for (off, peak), change in changes if peak < search.lead_peak - search.price]
        for _, _, change in sorted(better)[:TRIED]:
            at = list(search.at)
            for tenant, place in change:
                at[tenant] = place
            if not stranded(problem, at):
                search.put(change)
                break
        else:
            return


def _reliefs(search: Search) -> Iterator[Change]:
    """The moves and swaps that take something off the fullest server."""
    fullest = search.fullest[0]
    for one in search.movable(fullest):
        for place in search.counted:
            cost = search.cost(one, place)
            if place == fullest:
                continue
            if cost <= search.left and search.fits(one, place):
                yield ((one, place),)
            for other in search.movable(place):
                if (
                    search.size[other][0] < search.size[one][0]
                    and cost + search.cost(other, fullest) <= search.left
                    and search.swap_fits(one, fullest, other, place)
                ):
                    yield ((one, place), (other, fullest))


def _room_makers(problem: Problem, search: Search, failed: int, number: int) -> Iterator[Change]:
    """The moves after which a place other than the failed one could hold this tenant."""
    memory = [mib for mib, _ in used(problem, search.at)]
    for place in search.counted:
        missing = problem.tenants[number].memory_mib - (problem.places[place].memory_mib - memory[place])
        if place == failed:
            continue
        for mover in search.movable(place):
            if problem.tenants[mover].memory_mib >= missing:
                for target in search.counted:
                    if target != place and search.cost(mover, target) <= search.left and search.fits(mover, target):
                        yield ((mover, target),)


def _fewest_moves(problem: Problem, at: Sequence[int | None]) -> tuple[int | None, ...]:
    """The same placement but for domains of one size and no rules, which change names so that as many stay as can."""
    kinds: dict[tuple[int, int], list[int]] = {}
    for number, tenant in enumerate(problem.tenants):
        plain = tenant.allowed is None and not tenant.group and not tenant.barred and tenant.free
        if plain and tenant.home is not None:
            kinds.setdefault((tenant.memory_mib, tenant.vcpus), []).append(number)
    result = list(at)
    for numbers in kinds.values():
        places = [result[number] for number in numbers]
        movers = []
        for number in numbers:
            home = problem.tenants[number].home
            if home in places:
                places.remove(home)
                result[number] = home
            else:
                movers.append(number)
        for number, place in zip(movers, sorted(places, key=str), strict=True):
            result[number] = place
    return tuple(result)
