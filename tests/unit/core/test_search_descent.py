"""How far down the search gets, beside the best of all placements of small clusters."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from snow_ha_plugin.core.balancer.problem import OVERCOMMIT, By, Item, Problem, Server, spread, used
from snow_ha_plugin.core.balancer.search.descent import descend, even
from snow_ha_plugin.core.balancer.search.neighbourhood import Guard, best_move, best_swap
from snow_ha_plugin.core.balancer.search.state import Layout


def by_chance(seed: int, servers: int, items: int, by: By = By.BOTH) -> Problem:
    chance = random.Random(seed)
    return Problem(
        tuple(Server(f"s{number}", 1000, 9) for number in range(servers)),
        tuple(
            Item(f"d{number}", chance.randint(50, 300), chance.randint(1, 4), chance.randrange(servers))
            for number in range(items)
        ),
        by,
    )


def measures(problem: Problem, assignment: Sequence[int | None]) -> tuple[float, float]:
    """The leading peak, and the sum of the deviations that count."""
    found = spread(problem, assignment)
    return found.peak(problem.by), found.imbalance(problem.by) - found.peak(problem.by)


def placements(problem: Problem) -> list[tuple[int, ...]]:
    servers = range(len(problem.servers))
    return [
        found
        for found in itertools.product(servers, repeat=len(problem.items))
        if all(memory <= 1000 and vcpus <= 9 * OVERCOMMIT for memory, vcpus in used(problem, found))
    ]


@pytest.mark.parametrize("seed", [0, 2, 3, 4, 5, 6, 7])
def test_a_small_cluster_reaches_the_lowest_peak_that_there_is_where_that_comes_first(seed: int) -> None:
    problem = by_chance(seed, 3, 6)
    layout = Layout(problem, 0.0, None)
    before = layout.lead_peak + layout.deviation
    descend(layout, 0.0, peak_first=True)
    lowest = min(
        peak
        for peak, deviation in (measures(problem, found) for found in placements(problem))
        if peak + deviation <= before
    )
    assert layout.lead_peak == pytest.approx(lowest)


@pytest.mark.parametrize(
    ("seed", "lowest"), [(0, 0.531), (8, 0.343), (12, 0.478), (20, 0.477), (31, 0.479), (33, 0.484)]
)
def test_a_small_cluster_leaves_a_placement_that_no_move_and_no_swap_improves_for_a_better_one(
    seed: int, lowest: float
) -> None:
    """The lowest peak of all placements that have peak and deviation together no higher than before."""
    layout = Layout(by_chance(seed, 3, 8), 0.0, None)
    descend(layout, 0.0, peak_first=True)
    assert layout.lead_peak == pytest.approx(lowest)


def nothing_is_left(layout: Layout) -> bool:
    guard = Guard(layout.lead_peak, layout.rest_peak)
    return not best_move(layout, layout.counted, layout.counted, guard)[1] and not any(
        best_swap(layout, server, layout.counted, guard)[1] for server in layout.counted
    )


@pytest.mark.parametrize(("servers", "items"), [(3, 12), (14, 30), (16, 50)])
@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("price", [0.0, 0.005])
def test_no_move_and_no_swap_is_left_that_evens_loads_and_raises_no_peak(
    servers: int, items: int, by: By, price: float
) -> None:
    problem = by_chance(1, servers, items, by)
    layout = Layout(problem, price, None)
    before = measures(problem, problem.initial)
    descend(layout, 0.0, peak_first=False)
    assert nothing_is_left(layout)
    after = measures(problem, layout.assignment)
    assert after[1] < before[1]
    # What a move brings is worth it.
    assert before[1] - after[1] >= price * sum(
        here != there for here, there in zip(layout.assignment, problem.initial, strict=True)
    )


@pytest.mark.parametrize("by", By)
def test_loads_are_evened_without_raising_a_peak(by: By) -> None:
    for seed in range(4):
        layout = Layout(by_chance(seed, 13, 30, by), 0.0, None)
        peaks = layout.lead_peak, layout.rest_peak
        assert even(layout)
        while even(layout):
            pass
        assert nothing_is_left(layout)
        assert layout.lead_peak <= peaks[0] + 1e-9
        assert layout.rest_peak <= peaks[1] + 1e-9


@pytest.mark.parametrize("peak_first", [False, True])
@pytest.mark.parametrize(("servers", "items"), [(4, 12), (14, 30)])
@pytest.mark.parametrize("limit", [0, 1, 4])
def test_no_more_than_may_move_are_away_from_home(servers: int, items: int, limit: int, *, peak_first: bool) -> None:
    problem = by_chance(2, servers, items)
    layout = Layout(problem, 0.0, limit)
    descend(layout, 0.0, peak_first=peak_first)
    away = sum(here != there for here, there in zip(layout.assignment, problem.initial, strict=True))
    assert away <= limit
    assert layout.left == limit - away
    assert sum(measures(problem, layout.assignment)) <= sum(measures(problem, problem.initial)) + 1e-9


@pytest.mark.parametrize(
    ("price", "enough", "moves"), [(0.0999, 1.0, True), (0.1001, 1.0, False), (0.1001, 0.0, True), (0.103, 0.0, False)]
)
def test_what_is_not_worth_its_price_stays(price: float, enough: float, *, moves: bool) -> None:
    """One of two goes: peak and deviation fall by 0.1, of which the peak counts where it is not low enough yet, and the
    deviation little then."""
    servers = (Server("snow01", 1000, 9), Server("snow02", 1000, 9))
    problem = Problem(servers, (Item("a", 100, 1, 0), Item("b", 100, 1, 0)), By.MEMORY)
    layout = Layout(problem, price, None)
    descend(layout, enough, peak_first=False)
    assert (layout.assignment != [0, 0]) == moves


@pytest.mark.parametrize("seed", range(4))
def test_a_peak_that_is_low_enough_is_lowered_no_further(seed: int) -> None:
    problem = by_chance(seed, 3, 6)
    ends = []
    for enough, peak_first in ((0.0, False), (1.0, True), (0.0, True)):
        layout = Layout(problem, 0.0, None)
        descend(layout, enough, peak_first=peak_first)
        ends.append(layout)
    assert ends[0].assignment == ends[1].assignment
    assert ends[2].lead_peak <= ends[0].lead_peak + 1e-9


@pytest.mark.parametrize(
    ("seed", "limit", "by", "best"),
    [
        (9, 4, By.MEMORY, 0.4871), (21, 3, By.MEMORY, 0.5786), (25, 3, By.VCPUS, 1.0786), (34, 3, By.VCPUS, 1.1361),
        (39, 3, By.MEMORY, 0.5776),
    ],
)  # fmt: skip
def test_moves_that_others_have_used_up_are_spent_again_where_they_bring_more(
    seed: int, limit: int, by: By, best: float
) -> None:
    """The best of all placements with so many domains away from home, peak and deviation: it comes near that."""
    problem, chance = by_chance(seed, 4, 12, by), random.Random(seed)
    layout = Layout(problem, 0.0, limit)
    layout.put([(item, chance.randrange(4)) for item in chance.sample(range(12), limit)])
    descend(layout, 0.0, peak_first=False)
    assert layout.left >= 0
    assert best - 1e-4 <= layout.lead_peak + layout.deviation <= 1.2 * best


def test_nothing_is_lost_where_nothing_can_move() -> None:
    problem = by_chance(1, 3, 6)
    fixed = problem._replace(items=tuple(item._replace(movable=False) for item in problem.items))
    layout = Layout(fixed, 0.0, None)
    descend(layout, 0.0, peak_first=True)
    assert tuple(layout.assignment) == problem.initial
    empty = Layout(Problem((), ()), 0.0, None)
    descend(empty, 0.0, peak_first=True)
    assert empty.assignment == []
