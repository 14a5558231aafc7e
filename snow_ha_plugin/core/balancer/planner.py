"""The balancer: where each domain should be, and by which live migrations it gets there.

In this order: domains leave where they may not be, replicas of one role are kept apart, N+1 holds (any one server can
fail and the others hold its domains' memory), and loads are even. Every move must be worth its price, so that a
balanced cluster moves nothing. The same problem always has the same plan, and a plan's result needs no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from snow_ha_plugin.core.balancer.n_plus_one import Survival
from snow_ha_plugin.core.balancer.problem import OVERCOMMIT, By, Problem, lower_bound, spread
from snow_ha_plugin.core.balancer.schedule import Migration, order
from snow_ha_plugin.core.balancer.search.descent import descend
from snow_ha_plugin.core.balancer.search.repair import settle
from snow_ha_plugin.core.balancer.search.spare import even_out, mend
from snow_ha_plugin.core.balancer.search.state import NOTHING, Layout

# A fullest server this little above the lower bound is as good as one at it.
CLOSE = 1.005

# With N+1 to be kept this little above it is.
NEAR = 1.01

# A placement that survives any failure is left only for one that lowers the imbalance by this, where that is found by
# chance: one more look could always find a little more.
NOTICEABLE = 0.01

# A swap that does not fit is given up and planned around, and so are those that come in its place; in the end all are.
ATTEMPTS = 8

# How often a plan is planned on from where it ends. A handful was the most that any of some hundred random clusters
# took until there was nothing left to gain; the bound is for one that goes in a circle.
ROUNDS = 16


class Limits(NamedTuple):
    """`min_gain` is what a move must bring: by which part of one server's load the deviations fall, in sum.

    `level` is how far the fullest server may be above the best that is possible, as a part of its memory, before
    anything moves for the sake of evenness: a server's load is no reason to migrate gigabytes before it is much fuller
    than the others, and domains come and go.
    """

    max_moves: int | None = None
    min_gain: float = 0.002
    level: float = 0.05
    parallel: int = 2


class Placement(NamedTuple):
    """A plan: `assignment` is each domain's server at its end, `left_out` has those whose better server no order of
    moves reaches.

    No placement's fullest server has less than `lower_bound`.
    """

    assignment: tuple[int | None, ...]
    batches: tuple[tuple[Migration, ...], ...]
    left_out: tuple[int, ...]
    lower_bound: float


def plan(problem: Problem, limits: Limits) -> Placement:
    assignment, left_out = _reachable(problem, limits)
    batches = order(problem, assignment, limits.parallel).batches
    # Once something moves it is worth to be exact.
    exact = limits._replace(level=0.0)
    for _ in range(ROUNDS):
        if limits.max_moves is not None or assignment == problem.initial:
            break
        # What comes next from there, as the next run would find it.
        there = _moved(problem, assignment)
        further, also_left_out = _reachable(there, exact)
        if further == assignment:
            break
        direct = order(problem, further, limits.parallel)
        batches = (*batches, *order(there, further, limits.parallel).batches) if direct.blocked else direct.batches
        assignment, left_out = further, also_left_out
    return Placement(assignment, batches, left_out, lower_bound(problem))


def _moved(problem: Problem, assignment: Sequence[int | None]) -> Problem:
    items = tuple(item._replace(initial=server) for item, server in zip(problem.items, assignment, strict=True))
    return problem._replace(items=items)


def _reachable(problem: Problem, limits: Limits) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
    """The best placement that some order of moves reaches, and the domains that had to be left out of it."""
    left_out: set[int] = set()
    for attempt in range(ATTEMPTS):
        assignment = _best(_fixed(problem, left_out), limits)
        blocked = order(problem, assignment, limits.parallel).blocked
        if not blocked:
            return assignment, tuple(sorted(left_out))
        # One at first, the largest: with it at home the others may find their way.
        largest = max(blocked, key=lambda number: (problem.items[number].memory_mib, -number))
        left_out |= {largest} if attempt < ATTEMPTS // 2 else set(blocked)
    return _best(_fixed(problem, range(len(problem.items))), limits), tuple(sorted(left_out))


def _fixed(problem: Problem, numbers: Sequence[int] | set[int]) -> Problem:
    """The problem with these domains staying at home."""
    items = [
        found._replace(movable=False) if number in numbers else found for number, found in enumerate(problem.items)
    ]
    return problem._replace(items=tuple(items))


def _best(problem: Problem, limits: Limits) -> tuple[int | None, ...]:
    count = sum(server.takes for server in problem.servers) or 1
    limited, bound = limits.max_moves is not None, lower_bound(problem)

    def start() -> Layout:
        layout = Layout(problem, limits.min_gain / count, limits.max_moves)
        settle(layout)
        return layout

    layout, survival = start(), Survival(problem)
    settled = tuple(layout.assignment)
    survived = not survival.shortage(settled)
    is_level = settled == problem.initial and _is_level(problem, bound, limits.level)
    if not layout.counted or (survived and is_level):
        return settled
    descend(layout, bound * CLOSE, peak_first=not limited)
    best, least = _fewest_moves(problem, layout.assignment), NOTHING
    if survival.shortage(best) and survival.is_possible(best):
        if not mend(layout, survival, bound * NEAR, limited=limited) and survived:
            # From where N+1 holds by steps that keep it: worse, but there is always a way.
            layout = start()
            even_out(layout, survival, limited=limited)
        mended = _fewest_moves(problem, layout.assignment)
        if not survival.shortage(mended):
            best, least = mended, NOTICEABLE
    if not survived and not survival.shortage(best):
        return best
    # Where no placement has N+1, as with a domain that only one server may have, there is nothing but evenness to gain.
    if is_level:
        return settled
    return best if _imbalance(problem, best) < _imbalance(problem, settled) - least else settled


def _is_level(problem: Problem, bound: float, level: float) -> bool:
    found = spread(problem, problem.initial)
    vcpus_above = found.deviation_vcpus / OVERCOMMIT if problem.by == By.BOTH else 0.0
    return found.peak(problem.by) <= bound + level and vcpus_above <= level / 2


def _imbalance(problem: Problem, assignment: Sequence[int | None]) -> float:
    return spread(problem, assignment).imbalance(problem.by)


def _fewest_moves(problem: Problem, assignment: Sequence[int | None]) -> tuple[int | None, ...]:
    """The same placement but for domains of one size and no rules, which change names so that as many stay as can."""
    kinds: dict[tuple[int, int], list[int]] = {}
    for number, item in enumerate(problem.items):
        plain = item.allowed is None and not item.spread_group and not item.conflicts and item.movable
        if plain and item.initial is not None:
            kinds.setdefault((item.memory_mib, item.vcpus), []).append(number)
    result = list(assignment)
    for numbers in kinds.values():
        servers = [result[number] for number in numbers]
        movers = []
        for number in numbers:
            initial = problem.items[number].initial
            if initial in servers:
                servers.remove(initial)
                result[number] = initial
            else:
                movers.append(number)
        for number, server in zip(movers, sorted(servers, key=str), strict=True):
            result[number] = server
    return tuple(result)
