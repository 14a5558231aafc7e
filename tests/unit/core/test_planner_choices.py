"""When a plan leaves a cluster as it is, and by how much it must help."""

from __future__ import annotations

import random

import pytest

from snow_ha_plugin.core.balancer import planner
from snow_ha_plugin.core.balancer.n_plus_one import stranded
from snow_ha_plugin.core.balancer.planner import Limits, plan
from snow_ha_plugin.core.balancer.problem import By, Item, Problem, Server, spread
from snow_ha_plugin.core.balancer.schedule import Migration, Order
from snow_ha_plugin.core.balancer.search import spare


def by_sizes(*homes: list[tuple[int, int]], memory: int = 1000, cpus: int = 10, by: By = By.BOTH) -> Problem:
    """Servers of one size with domains of these MiB and vcpus on them."""
    servers = tuple(Server(f"snow{number:02}", memory, cpus) for number in range(len(homes)))
    items = [(size, vcpus, home) for home, here in enumerate(homes) for size, vcpus in here]
    return Problem(servers, tuple(Item(f"d{number:02}", *item) for number, item in enumerate(items)), by)


def test_limits_are_those_of_the_manual_page() -> None:
    """snow-ha(8): no limit of moves, 0.2 % to gain by each, two at a time."""
    assert Limits() == (None, 0.002, 0.05, 2)


@pytest.mark.parametrize(("over", "moves"), [(0, False), (1, True)])
@pytest.mark.parametrize("by", [By.MEMORY, By.BOTH])
def test_nothing_moves_until_the_fullest_server_is_a_twentieth_of_its_memory_above_the_best(
    over: int, by: By, *, moves: bool
) -> None:
    """350 and 250 are on them, and 300 on each would be the best."""
    first, second = [50] * 6 + [50 + over], [50] * 4 + [50 - over]
    problem = by_sizes([(size, 1) for size in first], [(size, 1) for size in second], cpus=100, by=by)
    assert bool(plan(problem, Limits()).batches) == moves


@pytest.mark.parametrize(("cpus", "moves"), [(31, False), (29, True)])
def test_vcpus_that_come_apart_move_domains_later_as_each_cpu_has_several(cpus: int, *, moves: bool) -> None:
    """With 12 and 6 vcpus on 30 CPUs each they deviate by a tenth, of what four for each may be a fortieth: the half of
    what memory may be above the best."""
    problem = by_sizes([(50, 2)] * 6, [(50, 1)] * 6, cpus=cpus)
    assert bool(plan(problem, Limits()).batches) == moves
    assert plan(problem._replace(by=By.MEMORY), Limits()).batches == ()


def test_a_move_must_be_worth_its_price() -> None:
    """Of two servers: the deviation falls from 0.1 to nothing, of which each move's price is the half of the limit."""
    problem = by_sizes([(100, 1), (100, 1)], [], by=By.MEMORY)
    assert plan(problem, Limits(min_gain=0.19, level=0.0)).batches
    assert not plan(problem, Limits(min_gain=0.5, level=0.0)).batches


def test_without_a_limit_of_moves_a_plan_is_made_on_from_its_end_and_with_one_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = by_sizes([(100, 1)], [], [])
    asked: list[tuple[int | None, ...]] = []
    levels = []

    def reachable(problem: Problem, limits: Limits) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
        asked.append(problem.initial)
        levels.append(limits.level)
        return (min((problem.initial[0] or 0) + 1, 2),), (len(asked),)

    monkeypatch.setattr(planner, "_reachable", reachable)
    found = plan(problem, Limits())
    assert asked == [(0,), (1,), (2,)]
    # Once something moves it is worth to be exact.
    assert levels == [0.05, 0.0, 0.0]
    # It goes to its last place at once.
    assert (found.assignment, found.batches) == ((2,), ((Migration(0, 0, 2),),))
    assert found.left_out == (2,)
    asked.clear()
    found = plan(problem, Limits(max_moves=1))
    assert asked == [(0,)]
    assert (found.assignment, found.batches, found.left_out) == ((1,), ((Migration(0, 0, 1),),), (1,))


def test_where_the_last_place_is_not_reached_at_once_it_is_by_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has no room for both at any moment: one goes by the third, which the other then takes."""
    problem = by_sizes([(600, 1)], [(600, 1)], [])
    ends = iter([((0, 2), ()), ((1, 2), ()), ((1, 2), ())])
    monkeypatch.setattr(planner, "_reachable", lambda problem, limits: next(ends))
    found = plan(problem, Limits())
    assert found.batches == ((Migration(1, 1, 2),), (Migration(0, 0, 1),))


def test_of_what_blocks_the_largest_stays_first_and_the_others_find_their_way() -> None:
    """Replicas of two full servers cannot be swapped, and the small one goes where there is room."""
    full = [(500, 1), (500, 1)]
    problem = by_sizes(full, full, [(850, 1), (50, 1), (50, 1)], [(0, 0)], memory=1000)
    items = tuple(
        item._replace(spread_group="nis") if number < 2 else item._replace(movable=number < 4)
        for number, item in enumerate(problem.items)
    )
    servers = (*problem.servers[:3], problem.servers[3]._replace(memory_mib=10))
    found = plan(Problem(servers, items), Limits())
    assert found.assignment == tuple(item.initial for item in items)
    assert set(found.left_out) >= {0}


def test_where_whatever_is_planned_is_blocked_all_stays_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest alone stays at first, and those that are blocked beside it later."""
    problem = by_sizes([(100, 1), (300, 1), (200, 1)], [])
    left_out = []

    def order(problem: Problem, assignment: tuple[int | None, ...], parallel: int) -> Order:
        left_out.append([item.movable for item in problem.items])
        return Order((), (0, 1))

    monkeypatch.setattr(planner, "order", order)
    found = plan(problem, Limits())
    assert (found.assignment, found.batches, found.left_out) == (problem.initial, (), (0, 1))
    assert len(left_out) == planner.ATTEMPTS + 1


def test_the_lowest_peak_comes_first_where_moves_are_not_limited() -> None:
    """Sizes for which single moves and swaps that raise no peak end above it."""
    servers = tuple(Server(f"snow{number:02}", 1000, 9) for number in range(3))
    chance = random.Random(5)
    items = tuple(
        Item(f"d{number}", chance.randint(50, 300), chance.randint(1, 4), chance.randrange(3)) for number in range(7)
    )
    problem = Problem(servers, items)
    peaks = [
        spread(problem, plan(problem, limits).assignment).peak_memory
        for limits in (Limits(level=0.0), Limits(level=0.0, max_moves=7))
    ]
    assert peaks == [pytest.approx(0.361), pytest.approx(0.424)]


def small_without_spare() -> Problem:
    homes = [4096, 1024, 1024], [2048, 2048, 1024], [3072, 1024, 1024]
    return by_sizes(*([(size, 1) for size in here] for here in homes), memory=8192, cpus=64)


@pytest.mark.parametrize("most", [None, 4])
def test_n_plus_one_is_made_where_it_is_missing_whatever_it_costs(
    most: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare, "MOST", 250)
    problem = small_without_spare()
    assert stranded(problem, problem.initial)
    found = plan(problem, Limits(max_moves=most))
    assert found.batches
    assert not stranded(problem, found.assignment)


def test_n_plus_one_is_not_looked_for_where_it_holds_or_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(planner, "mend", lambda *given, **how: looked.append(given))
    held = by_sizes([(100, 1), (100, 1)], [], [])
    assert plan(held, Limits()).batches
    impossible = by_sizes([(700, 1), (250, 1)], [(100, 1)])
    plan(impossible, Limits())
    assert looked == []
    assert stranded(impossible, impossible.initial)


def test_where_making_room_fails_n_plus_one_that_held_is_kept_by_steps_that_keep_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without chance's help for the most even placement, which has none."""
    monkeypatch.setattr(spare, "MOST", 250)
    monkeypatch.setattr(planner, "mend", lambda *given, **how: False)
    sizes = [(size, 1) for size in (3072, 2560, 2048, 1536, 1024, 1024, 512, 512)]
    problem = by_sizes(sizes, sizes, sizes, [], memory=12288, cpus=64)
    found = plan(problem, Limits())
    assert found.batches
    assert not stranded(problem, found.assignment)


def test_domains_of_one_size_change_names_so_that_as_many_stay_as_can() -> None:
    """All of the first server but one are to leave it for where others like them leave from."""
    servers = (Server("old", 8192, 8, takes=False), Server("snow01", 8192, 8), Server("snow02", 8192, 8))
    items = tuple(Item(f"d{number}", 512, 1, home) for number, home in enumerate([0, 0, 1, 1, 2, 2]))
    found = plan(Problem(servers, items), Limits())
    assert found.assignment[2:] == (1, 1, 2, 2)
    assert sorted(map(str, found.assignment[:2])) == ["1", "2"]


def test_of_alike_domains_only_those_without_rules_stand_for_each_other() -> None:
    same = (512, 1)
    items = (
        Item("plain", *same, 0), Item("tied", *same, 0, allowed=frozenset({0, 1})),
        Item("nis", *same, 0, spread_group="nis"),
        Item("barred", *same, 0, conflicts=frozenset({5})), Item("fixed", *same, 0, movable=False),
        Item("other", *same, 1), Item("new", *same, None), Item("large", 1024, 1, 1), Item("busy", 512, 2, 1),
    )  # fmt: skip
    problem = Problem((Server("snow01", 8192, 8), Server("snow02", 8192, 8)), items)
    moved = (1, 1, 1, 1, 0, 0, 0, 0, 0)
    assert planner._fewest_moves(problem, moved) == (0, 1, 1, 1, 0, 1, 0, 0, 0)


def test_a_placement_that_has_n_plus_one_is_left_for_one_that_has_it_too_and_is_more_even() -> None:
    """One server holds nothing, so that it can take all of another's."""
    sizes = [(size, 1) for size in (3072, 2560, 2048, 1536, 1024, 1024, 512, 512)]
    problem = by_sizes(sizes, sizes, sizes, [], memory=12288, cpus=64)
    assert not stranded(problem, problem.initial)
    found = plan(problem, Limits())
    assert not stranded(problem, found.assignment)
    before, after = (spread(problem, places).imbalance(problem.by) for places in (problem.initial, found.assignment))
    assert after < before - 0.01


def test_where_nothing_takes_domains_all_stays() -> None:
    problem = by_sizes([(100, 1), (100, 1)], [])
    servers = tuple(server._replace(takes=False) for server in problem.servers)
    found = plan(problem._replace(servers=servers), Limits())
    assert (found.assignment, found.batches, found.left_out, found.lower_bound) == ((0, 0), (), (), 0.0)
