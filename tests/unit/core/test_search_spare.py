"""N+1 that the search makes, and loads that it evens without losing it."""

from __future__ import annotations

import random

import pytest

from snow_ha_plugin.core.balancer.n_plus_one import Survival
from snow_ha_plugin.core.balancer.problem import By, Item, Problem, Server
from snow_ha_plugin.core.balancer.search import spare
from snow_ha_plugin.core.balancer.search.spare import even_out, mend
from snow_ha_plugin.core.balancer.search.state import Layout
from tests.unit.core.test_planner import cluster

LIMITED = pytest.mark.parametrize("limited", [False, True])


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for these clusters, and quick."""
    monkeypatch.setattr(spare, "MOST", 250)


def even_but_without_spare() -> Problem:
    """Three quarters of each server are in use, and the large domains of two of them find no room elsewhere."""
    return cluster(12288, [3072] * 3, [2560] * 3 + [1536], [2048] * 3 + [1536] * 2, [1024] * 6 + [512] * 6)


@LIMITED
def test_room_is_made_for_the_failure_of_any_server(*, limited: bool) -> None:
    problem = even_but_without_spare()
    survival, layout = Survival(problem), Layout(problem, 0.0005, None)
    assert survival.shortage(problem.initial) > 0
    assert mend(layout, survival, 0.0, limited=limited)
    assert survival.shortage(layout.assignment) == 0


@LIMITED
@pytest.mark.parametrize("limit", [0, 1])
def test_without_enough_moves_nothing_changes(limit: int, *, limited: bool) -> None:
    """It takes more than one."""
    problem = even_but_without_spare()
    layout = Layout(problem, 0.0005, limit)
    assert not mend(layout, Survival(problem), 0.0, limited=limited)
    assert tuple(layout.assignment) == problem.initial
    assert layout.left == limit


@pytest.mark.parametrize("limit", [3, 6])
def test_room_is_made_with_no_more_moves_than_there_may_be(limit: int) -> None:
    problem = cluster(8192, [4096, 1024, 1024], [2048, 2048, 1024], [3072, 1024, 1024])
    survival, layout = Survival(problem), Layout(problem, 0.0005, limit)
    assert survival.shortage(problem.initial) > 0
    assert mend(layout, survival, 0.0, limited=True)
    assert survival.shortage(layout.assignment) == 0
    away = sum(here != there for here, there in zip(layout.assignment, problem.initial, strict=True))
    assert 0 < away <= limit
    assert layout.lead_peak <= 0.75 * 1.04
    assert layout.left == limit - away


def test_where_there_is_no_room_at_all_nothing_changes() -> None:
    problem = cluster(8192, [4096, 3072], [4096, 3072])
    layout = Layout(problem, 0.0, None)
    assert not mend(layout, Survival(problem), 0.0, limited=False)
    assert tuple(layout.assignment) == problem.initial


def test_domains_that_may_not_move_stay_and_rules_are_kept() -> None:
    problem = even_but_without_spare()
    items = list(problem.items)
    items[0] = items[0]._replace(movable=False)
    items[3] = items[3]._replace(allowed=frozenset({1, 2, 3}))
    for number in (8, 9):
        items[number] = items[number]._replace(spread_group="nis")
    ruled = problem._replace(items=tuple(items))
    survival, layout = Survival(ruled), Layout(ruled, 0.0005, None)
    assert mend(layout, survival, 0.0, limited=False)
    assert survival.shortage(layout.assignment) == 0
    assert layout.assignment[0] == 0
    assert layout.assignment[3] != 0


@LIMITED
@pytest.mark.parametrize("by", By)
def test_loads_are_evened_and_n_plus_one_is_kept(by: By, *, limited: bool) -> None:
    sizes = [3072, 2560, 2048, 1536, 1024, 1024, 512, 512]
    problem = cluster(12288, sizes, sizes, sizes, [])._replace(by=by)
    survival, layout = Survival(problem), Layout(problem, 0.0005, None)
    assert survival.shortage(problem.initial) == 0
    before = layout.lead_peak, layout.deviation
    even_out(layout, survival, limited=limited)
    assert survival.shortage(layout.assignment) == 0
    assert layout.lead_peak < before[0] * 0.9
    assert layout.deviation < before[1] / 2


def test_without_moves_left_one_that_is_away_goes_home_for_another() -> None:
    problem = cluster(8192, [1024, 1024], [], [2048])
    survival, layout = Survival(problem), Layout(problem, 0.0, 1)
    # It has gone where it helps nobody.
    layout.put(((2, 0),))
    assert layout.left == 0
    even_out(layout, survival, limited=True)
    assert layout.left == 0
    assert layout.lead_peak == pytest.approx(0.25)
    assert sorted(layout.assignment[:2]) == [0, 1]
    assert layout.assignment[2] == 2


@pytest.mark.parametrize(("price", "moves"), [(0.0, True), (0.2, False)])
def test_what_is_not_worth_its_price_stays(price: float, *, moves: bool) -> None:
    """The peak falls by an eighth, and so does the deviation of memory and a little of vcpus'."""
    problem = cluster(8192, [1024, 1024], [])._replace(by=By.MEMORY)
    layout = Layout(problem, 2 * price, None)
    even_out(layout, Survival(problem), limited=False)
    assert (layout.assignment != [0, 0]) == moves


def test_a_server_without_domains_is_even() -> None:
    problem = Problem((Server("snow01", 1, 1),), ())
    layout = Layout(problem, 0.0, None)
    even_out(layout, Survival(problem), limited=False)
    assert layout.assignment == []


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_tried_and_taken_back_leaves_no_trace(seed: int) -> None:
    """Sums are what a layout that begins there has, and the moves left are those that are not made."""
    chance = random.Random(seed)
    items = tuple(
        Item(f"d{number}", chance.randint(2, 8) * 256, chance.randint(1, 4), chance.randrange(4))
        for number in range(14)
    )
    problem = Problem(tuple(Server(f"s{number}", 8192, 16) for number in range(4)), items)
    limit = 4
    survival, layout = Survival(problem), Layout(problem, 0.001, limit)
    worth = layout.lead_peak + layout.deviation
    assert not survival.shortage(problem.initial)
    even_out(layout, survival, limited=True)
    anew = Layout(problem._replace(items=tuple(
        item._replace(initial=server) for item, server in zip(items, layout.assignment, strict=True)
    )), 0.001, None)  # fmt: skip
    assert (layout.lead_used, layout.rest_used) == (anew.lead_used, anew.rest_used)
    away = sum(here != there for here, there in zip(layout.assignment, problem.initial, strict=True))
    assert layout.left == limit - away >= 0
    assert layout.lead_peak + layout.deviation < worth
    assert not survival.shortage(layout.assignment)
