"""The best change by sums that are updated, beside the best of all changes that are measured anew."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.balancer.problem import By, Item, Problem, Server, spread
from snow_ha_plugin.core.balancer.search import neighbourhood
from snow_ha_plugin.core.balancer.search.neighbourhood import (
    ANY,
    BESIDE_PEAK,
    LITTLE,
    Guard,
    best_move,
    best_swap,
)
from snow_ha_plugin.core.balancer.search.state import NOTHING, Layout, Reassignment

SERVERS = (
    Server("snow01", 8192, 4), Server("snow02", 6144, 3), Server("snow03", 8192, 6), Server("snow04", 4096, 4),
    Server("snow05", 8192, 4), Server("old", 9999, 7, takes=False),
)  # fmt: skip
SIZES = [
    (1024, 2),
    (1024, 2),
    (512, 4),
    (2048, 1),
    (256, 5),
    (768, 3),
    (640, 1),
    (1280, 2),
    (384, 1),
    (896, 3),
    (128, 2),
    (1536, 1),
]


def states(by: By, price: float, left: int) -> Iterator[tuple[Problem, Layout]]:
    """Layouts that some moves have led to, and some of these may still be made."""
    chance = random.Random(6)
    for number in range(1, 6):
        items = [Item(f"d{one}", *size, chance.randrange(6)) for one, size in enumerate(SIZES)]
        items[3] = items[3]._replace(allowed=frozenset({0, 2, 4}))
        items[5], items[6] = (items[one]._replace(spread_group="proxy") for one in (5, 6))
        items[7] = items[7]._replace(movable=False)
        items[8], items[9] = items[8]._replace(conflicts=frozenset({9})), items[9]._replace(conflicts=frozenset({8}))
        items[10] = items[10]._replace(initial=None)
        problem = Problem(SERVERS, tuple(items), by)
        layout = Layout(problem, price, None)
        moves = [(one, chance.choice(layout.counted)) for one in chance.sample(range(len(items)), number % 6)]
        layout.put([(one, server) for one, server in moves if items[one].movable])
        layout.left = left
        yield problem, layout


def expected(
    problem: Problem, layout: Layout, changes: Sequence[Reassignment], guard: Guard, *, by_peak: bool
) -> dict[float, list[Reassignment]]:
    """What each change that is possible brings, the best first."""
    found: dict[float, list[Reassignment]] = {}
    before = measures(problem, layout.assignment)
    for change in changes:
        after = list(layout.assignment)
        for one, server in change:
            after[one] = server
        away = [
            sum(item.initial not in (None, there) for item, there in zip(problem.items, places, strict=True))
            for places in (layout.assignment, after)
        ]
        peak, busy, deviation = measures(problem, after)
        lower = peak - before[0]
        allowed = (
            away[1] - away[0] <= layout.left
            and peak <= guard.lead_peak + NOTHING
            and busy <= guard.rest_peak + NOTHING
            and deviation <= guard.deviation
            and (lower < -NOTHING or not by_peak)
        )
        gain = (lower + BESIDE_PEAK * (deviation - before[2])) if by_peak else deviation - before[2]
        gain += (away[1] - away[0]) * layout.price
        if allowed and gain < -NOTHING:
            found.setdefault(round(gain, 12), []).append(change)
    return dict(sorted(found.items()))


def measures(problem: Problem, assignment: Sequence[int | None]) -> tuple[float, float, float]:
    found = spread(problem, assignment)
    if problem.by == By.BOTH:
        return found.peak_memory, found.peak_vcpus, found.deviation_memory + found.deviation_vcpus
    return found.peak(problem.by), 0.0, found.imbalance(problem.by) - found.peak(problem.by)


def guards(layout: Layout) -> list[Guard]:
    return [
        Guard(), Guard(layout.lead_peak, layout.rest_peak), Guard(layout.lead_peak - 0.03),
        Guard(rest_peak=layout.rest_peak - 0.03), Guard(ANY, layout.rest_peak + 0.1, layout.deviation - 0.05),
    ]  # fmt: skip


@pytest.mark.parametrize("by_peak", [False, True])
@pytest.mark.parametrize(("price", "left"), [(0.0, 9), (0.01, 1), (0.01, 0)])
@pytest.mark.parametrize("by", By)
def test_the_best_move_is_the_best_of_all_that_are_possible(by: By, price: float, left: int, *, by_peak: bool) -> None:
    helped, judged = 0, {"by_peak": True} if by_peak else {}
    for problem, layout in states(by, price, left):
        moves: list[Reassignment] = [
            ((one, target),)
            for target, source in itertools.product(layout.counted, layout.counted[::2])
            for one in layout.on[source]
            if target != source and problem.items[one].movable and layout.fits(one, target)
        ]
        for guard in guards(layout):
            best = expected(problem, layout, moves, guard, by_peak=by_peak)
            gain, change = best_move(layout, layout.counted[::2], layout.counted, guard, **judged)
            assert gain == pytest.approx(next(iter(best), -NOTHING), abs=1e-10)
            assert not best if not change else change in next(iter(best.values()))
            helped += bool(change)
    assert helped


@pytest.mark.parametrize("by_peak", [False, True])
@pytest.mark.parametrize(("price", "left"), [(0.0, 9), (0.01, 1), (0.01, 0)])
@pytest.mark.parametrize("by", By)
def test_the_best_swap_is_the_best_of_all_that_are_possible(by: By, price: float, left: int, *, by_peak: bool) -> None:
    """Where moves have a price, what evens two servers by less than two moves cost is not looked for, and who comes
    home pays back no more than that."""
    helped, judged = 0, {"by_peak": True} if by_peak else {}
    for problem, layout in states(by, price, left):
        for source, guard in itertools.product(layout.counted[:3], guards(layout)):
            swaps: list[Reassignment] = [
                ((one, target), (other, source))
                for target in layout.counted
                if target != source
                for one, other in itertools.product(layout.on[source], layout.on[target])
                if all(problem.items[number].movable for number in (one, other))
                and layout.swap_fits(one, source, other, target)
            ]
            best = expected(problem, layout, swaps, guard, by_peak=by_peak)
            gain, change = best_swap(layout, source, layout.counted, guard, **judged)
            least = next(iter(best), -NOTHING)
            if change or by_peak:
                assert gain == pytest.approx(least, abs=1e-10)
                assert not best if not change else change in next(iter(best.values()))
            else:
                assert least > -max(4 * price, LITTLE)
            helped += bool(change)
    assert helped


def test_no_swap_that_helps_is_passed_over_between_servers_of_different_sizes(mocker: MockerFixture) -> None:
    chance, helped = random.Random(3), 0
    promising = mocker.spy(neighbourhood, "_promising")
    for _ in range(200):
        servers = [Server(f"snow{n}", chance.choice([4096, 16384]), chance.choice([2, 8])) for n in range(3)]
        items = [Item(f"d{n}", chance.choice([256, 1024, 2048]), chance.randint(1, 4), n % 3) for n in range(8)]
        layout = Layout(Problem(tuple(servers), tuple(items)), 0.01, None)
        for source, target in itertools.permutations(layout.counted, 2):
            found = best_swap(layout, source, [target], Guard())
            mocker.patch.object(neighbourhood, "_promising", return_value=True)
            assert found == best_swap(layout, source, [target], Guard())
            mocker.patch.object(neighbourhood, "_promising", promising)
            helped += bool(found[1])
    assert helped > 100
