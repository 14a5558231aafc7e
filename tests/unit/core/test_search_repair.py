"""What moves before loads count: who may not stay, who is too much, and replicas that share a server."""

from __future__ import annotations

from typing import Any

import pytest

from snow_ha_plugin.core.balancer.problem import By, Item, Problem, Server
from snow_ha_plugin.core.balancer.search.repair import settle
from snow_ha_plugin.core.balancer.search.state import Layout


def settled(
    *items: tuple[Any, ...], servers: int = 3, takes: str = "", limit: int | None = None, by: By = By.BOTH
) -> list[int | None]:
    """Where domains (MiB, vcpus, home, rules) are in the end, on servers of 1000 MiB and 10 CPUs; in `takes` a `-` is
    one that takes nothing."""
    problem = Problem(
        tuple(Server(f"snow{number:02}", 1000, 10, takes[number : number + 1] != "-") for number in range(servers)),
        tuple(Item(f"d{number}", *item) for number, item in enumerate(items)),
        by,
    )
    layout = Layout(problem, 0.0, limit)
    settle(layout)
    return layout.assignment


def replica(
    size: int, home: int | None, *, movable: bool = True, allowed: frozenset[int] | None = None
) -> tuple[Any, ...]:
    return (size, 1, home, allowed, movable, "proxy")


def test_a_placement_that_breaks_nothing_stays_however_uneven_it_is() -> None:
    home = [0, 0, 0, 1, 1]
    assert settled((300, 9, 0), (300, 9, 0), (400, 22, 0), replica(100, 1), (100, 1, 1)) == home


def test_what_runs_nowhere_goes_where_loads_are_most_even_the_largest_first() -> None:
    """A small one first would take the place of the large one."""
    assert settled((100, 0, None), (600, 0, None), (300, 0, 0), servers=2) == [0, 1, 0]
    assert settled((100, 1, 0), (200, 1, 1), (300, 1, 2), (50, 1, None)) == [0, 1, 2, 0]
    # It starts even where no domain may move.
    assert settled((100, 1, 0), (100, 1, None, None, False), limit=0) == [0, 1]


def test_of_servers_that_are_alike_the_first_takes_it_and_of_domains_of_one_size_the_first_by_name() -> None:
    assert settled((100, 1, None)) == [0]
    assert settled((100, 1, None), (100, 2, None), (500, 1, 1), servers=2) == [0, 0, 1]
    # The first by name goes to the emptier server.
    servers = (Server("snow01", 1000, 10), Server("snow02", 1000, 10))
    items = (Item("b", 100, 1, None), Item("a", 100, 1, None), Item("there", 50, 1, 0))
    layout = Layout(Problem(servers, items), 0.0, None)
    settle(layout)
    assert layout.assignment == [0, 1, 0]


@pytest.mark.parametrize(
    ("item", "there"),
    [
        ((100, 1, 2), 1),
        ((100, 1, 2, None, False), 2),
        ((100, 1, 0, frozenset({1})), 1),
        ((100, 1, 0, frozenset({0})), 0),
        ((100, 1, 0, frozenset({1}), False), 0),
        # Nobody else may have it.
        ((100, 1, 2, frozenset({2})), 2),
        ((100, 1, 0, frozenset()), 0),
    ],
)
def test_who_may_not_stay_leaves_if_it_can(item: tuple[Any, ...], there: int) -> None:
    assert settled(item, (300, 1, 0), takes="++-") == [there, 0]


def test_no_more_leave_than_may_move() -> None:
    assert settled((100, 1, 2), (200, 1, 2), (300, 1, 2), takes="++-", limit=2).count(2) == 1
    assert settled((100, 1, 2), (200, 1, 2), takes="++-", limit=0) == [2, 2]


@pytest.mark.parametrize(("over", "moves"), [((1000, 1), False), ((1001, 1), True), ((1, 40), False), ((1, 41), True)])
@pytest.mark.parametrize("by", By)
def test_a_server_that_holds_more_than_it_has_gives_the_rest_away(
    over: tuple[int, int], by: By, *, moves: bool
) -> None:
    """Of memory as much as it has, and four vcpus for each CPU."""
    size, vcpus = over
    found = settled((size - 1, vcpus - 1, 0, None, False), (1, 1, 0), servers=2, by=by)
    assert found == [0, 1 if moves else 0]


def test_what_is_too_much_goes_the_largest_first_until_the_rest_fits() -> None:
    assert settled((700, 1, 0), (400, 1, 0), (300, 1, 0), (200, 1, 0), (500, 1, 1)) == [2, 0, 0, 0, 1]
    # Of others, however large, none moves.
    assert settled((900, 1, 1), (600, 1, 0), (500, 1, 0)) == [1, 2, 0]
    # The largest fits nowhere else, and one is not enough.
    assert settled((700, 1, 0), (500, 1, 0), (300, 1, 0), (500, 1, 1), (500, 1, 2)) == [0, 1, 0, 1, 2]
    assert settled((700, 1, 0, None, False), (650, 1, 0, None, False), (300, 1, 0), (250, 1, 0), servers=2) == [
        0,
        0,
        1,
        1,
    ]


def test_a_replica_leaves_another_for_the_server_that_evens_loads_best_of_those_without_one() -> None:
    assert settled(replica(100, 0), replica(200, 0), (500, 1, 1)) == [0, 2, 1]
    assert settled(replica(100, 0), replica(200, 0), replica(50, 2), (300, 1, 1)) == [0, 1, 2, 1]
    # Nothing is better than two on each of two servers.
    assert settled(*[replica(100, number % 2) for number in range(4)], servers=2) == [0, 1, 0, 1]
    assert settled(replica(100, 0), replica(110, 0), replica(120, 0), replica(130, 1), servers=2) == [0, 0, 1, 1]


def test_of_replicas_that_share_a_server_the_one_that_may_move_does() -> None:
    assert settled(replica(200, 0, movable=False), replica(100, 0), servers=2) == [0, 1]
    assert settled(replica(200, 0, movable=False), replica(100, 0, movable=False), servers=2) == [0, 0]
    assert settled(replica(200, 0), replica(100, 0), servers=2, limit=0) == [0, 0]


def test_one_that_conflicts_leaves_the_other() -> None:
    conflicts = (100, 1, 0, None, True, "", frozenset({1}))
    assert settled(conflicts, (50, 1, 0, None, True, "", frozenset({0})), servers=2) == [1, 0]
    assert settled(conflicts, (50, 1, 1, None, True, "", frozenset({0})), servers=2) == [0, 1]


def test_without_room_a_replica_is_swapped_with_whoever_leaves_loads_most_even() -> None:
    """There is room for 100 more: with 200 it does not fit, and with 300 the loads come apart."""
    full = [replica(400, 0), replica(400, 0), (100, 1, 0), (300, 1, 1), (400, 1, 1), (200, 1, 1)]
    assert settled(*full, servers=2) == [1, 0, 0, 1, 0, 1]
    assert settled(*full[:4], (400, 1, 1, None, False), full[5], servers=2) == [1, 0, 0, 0, 1, 1]
    fixed = [replica(400, 0, movable=False), replica(400, 0, movable=False), *full[2:]]
    assert settled(*fixed, servers=2) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(("limit", "ends"), [(2, [0, 1, 0, 0, 1, 0]), (1, [0, 0, 0, 0, 1, 1])])
def test_a_swap_takes_two_moves(limit: int, ends: list[int]) -> None:
    items = [(0, 0, None), replica(400, 0), replica(400, 0), (200, 1, 0), (600, 1, 1), (400, 1, 1)]
    assert settled(*items, servers=2, limit=limit) == ends


def test_replicas_that_must_leave_come_beside_others_only_as_long_as_they_have_as_many_with_them() -> None:
    found = settled(replica(100, 2), replica(200, 2), replica(50, 0), replica(60, 1), takes="++-")
    assert found == [2, 0, 0, 1]


def test_a_swap_that_brings_replicas_together_elsewhere_is_none() -> None:
    full = [replica(500, 0), replica(500, 0), replica(500, 1), (500, 1, 1)]
    assert settled(*full, servers=2) == [0, 0, 1, 1]
    assert settled(*full, (500, 1, 2), (500, 1, 2)) in ([2, 0, 1, 1, 0, 2], [2, 0, 1, 1, 2, 0])
