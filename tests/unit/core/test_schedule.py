"""In which order moves are made, and which fit at no moment."""

from __future__ import annotations

from typing import Any

import pytest

from snow_ha_plugin.core.balancer.problem import OVERCOMMIT, Item, Problem, Server
from snow_ha_plugin.core.balancer.schedule import Migration, order


def problem(*servers: int, items: list[tuple[Any, ...]]) -> Problem:
    """Servers by MiB, each with 4 CPUs; domains by MiB, vcpus, home and their rules."""
    return Problem(
        tuple(Server(f"snow{number:02}", size, 4) for number, size in enumerate(servers)),
        tuple(Item(f"d{number}", *item) for number, item in enumerate(items)),
    )


def test_what_stays_and_what_runs_nowhere_needs_no_migration() -> None:
    found = order(problem(1000, 1000, items=[(100, 1, 0), (100, 1, None), (100, 1, 1)]), (0, 1, None), 2)
    assert found == ((), ())


def test_a_batch_has_as_many_moves_as_may_be_made_at_once() -> None:
    five = problem(1000, 1000, items=[(100, 1, 0)] * 5)
    assert [len(batch) for batch in order(five, (1,) * 5, 2).batches] == [2, 2, 1]
    assert [len(batch) for batch in order(five, (1,) * 5, 1).batches] == [1] * 5
    assert order(five, (1, 0, 0, 0, 0), 2).batches == ((Migration(0, 0, 1),),)


def test_first_go_the_largest_of_the_fullest_server_and_of_alike_ones_the_first() -> None:
    found = order(
        problem(1000, 2000, 3000, items=[(500, 1, 1), (100, 1, 0), (300, 1, 0), (300, 1, 0), (400, 1, 1)]),
        (2, 2, 2, 2, 2), 1,
    )  # fmt: skip
    # Full to 0.7 and 0.45; then 0.4; then the other is the fuller one.
    assert [batch[0].item for batch in found.batches] == [2, 0, 3, 4, 1]


def test_who_is_on_a_server_that_takes_nothing_leaves_first() -> None:
    servers = (
        Server("full", 1000, 4),
        Server("old", 9000, 4, takes=False),
        Server("unknown", 0, 4),
        Server("new", 3000, 4),
    )
    items = (Item("one", 900, 1, 0), Item("other", 100, 1, 1), Item("third", 200, 1, 2))
    found = order(Problem(servers, items), (3, 3, 3), 1)
    assert [batch[0].item for batch in found.batches] == [2, 1, 0]


@pytest.mark.parametrize(
    ("size", "vcpus", "fits"),
    [(600, 1, True), (601, 1, False), (1, 2 * OVERCOMMIT, True), (1, 2 * OVERCOMMIT + 1, False)],
)
def test_a_move_needs_room_for_both_memory_and_vcpus(size: int, vcpus: int, *, fits: bool) -> None:
    servers = (Server("snow01", 1000, 4), Server("snow02", 1000, 4))
    items = (Item("one", size, vcpus, 0), Item("there", 400, 2 * OVERCOMMIT, 1))
    found = order(Problem(servers, items), (1, 1), 2)
    assert found == ((((Migration(0, 0, 1),),), ()) if fits else ((), (0,)))


def test_while_a_domain_migrates_both_servers_hold_it() -> None:
    """Each of three waits for the one before to have left its server."""
    found = order(problem(1000, 1000, 1000, 1000, items=[(600, 9, 0), (600, 9, 1), (600, 9, 2)]), (1, 2, 3), 3)
    assert found.batches == ((Migration(2, 2, 3),), (Migration(1, 1, 2),), (Migration(0, 0, 1),))


@pytest.mark.parametrize(("size", "vcpus"), [(500, 1), (1, 2 * OVERCOMMIT)])
def test_what_comes_together_has_room_together(size: int, vcpus: int) -> None:
    found = order(problem(1000, 1000, 1000, items=[(size, vcpus, home) for home in range(3)]), (2, 2, 0), 3)
    assert found.batches == ((Migration(0, 0, 2), Migration(2, 2, 0)), (Migration(1, 1, 2),))


def test_vcpus_are_held_on_both_servers_too() -> None:
    full = 4 * OVERCOMMIT
    found = order(problem(1000, 1000, 1000, items=[(1, full, 0), (1, full, 1)]), (1, 2), 2)
    assert found.batches == ((Migration(1, 1, 2),), (Migration(0, 0, 1),))


def test_a_swap_that_does_not_fit_goes_by_the_third_server_with_the_most_room_and_the_smallest_waits_there() -> None:
    items = [(800, 1, 0), (700, 1, 1), (300, 1, 2), (300, 1, 4, None, False)]
    found = order(problem(1000, 1000, 1100, 1400, 1500, items=items), (1, 0, 2, 4), 2)
    assert found.blocked == ()
    assert found.batches == ((Migration(1, 1, 3),), (Migration(0, 0, 1),), (Migration(1, 3, 0),))


@pytest.mark.parametrize(("third", "fourth", "by"), [(1400, 1500, 3), (1500, 1500, 2), (1500, 1400, 2)])
def test_where_two_servers_have_as_much_room_the_first_is_gone_by(third: int, fourth: int, by: int) -> None:
    found = order(problem(1000, 1000, third, fourth, items=[(800, 1, 0), (700, 1, 1)]), (1, 0), 2)
    assert found.batches == ((Migration(1, 1, by),), (Migration(0, 0, 1),), (Migration(1, by, 0),))


def test_the_room_on_the_way_is_what_its_domains_leave_of_it() -> None:
    found = order(problem(1000, 1000, 2000, 1500, items=[(800, 1, 0), (700, 1, 1), (600, 1, 2)]), (1, 0, 2), 2)
    assert found.batches[0] == (Migration(1, 1, 3),)


@pytest.mark.parametrize("size", [690, 0])
def test_a_swap_without_a_way_is_blocked(size: int) -> None:
    assert order(problem(1000, 1000, size, items=[(800, 1, 0), (700, 1, 1)]), (1, 0), 2) == ((), (0, 1))


def test_a_server_of_no_known_size_is_no_way_for_a_domain_of_none_either() -> None:
    servers = (Server("snow01", 1000, 1), Server("snow02", 1000, 1), Server("snow03", 0, 4))
    items = (Item("one", 0, 3, 0), Item("other", 0, 3, 1))
    assert order(Problem(servers, items), (1, 0), 2).blocked == (0, 1)


def test_what_fits_is_made_though_the_rest_is_blocked() -> None:
    found = order(problem(1000, 1000, items=[(800, 1, 0), (700, 1, 1), (100, 1, 0)]), (1, 0, 1), 2)
    assert found == (((Migration(2, 0, 1),),), (0, 1))


def test_nobody_waits_where_a_rule_forbids_it() -> None:
    both = frozenset({0, 1})
    assert order(problem(1000, 1000, 1000, items=[(800, 1, 0, both), (700, 1, 1, both)]), (1, 0), 2).blocked == (0, 1)
    found = order(problem(1000, 1000, 1000, items=[(800, 1, 0), (700, 1, 1, both)]), (1, 0), 2)
    assert found.batches[0] == (Migration(0, 0, 2),)


def test_a_domain_goes_round_once_alone() -> None:
    """Wherever the smaller one waits, the larger one finds no room: it is not sent about for ever."""
    items = [(800, 1, 0), (300, 1, 1), (300, 1, 1, None, False)]
    found = order(problem(1000, 1000, 400, 400, items=items), (1, 0, 1), 2)
    assert found == (((Migration(1, 1, 2),),), (0, 1))


def test_one_that_conflicts_comes_when_the_other_has_left_and_neither_meets_the_other_on_the_way() -> None:
    one, other = frozenset({1}), frozenset({0})
    found = order(
        problem(1000, 1000, 1000, items=[(100, 1, 0, None, True, "", one), (100, 1, 1, None, True, "", other)]),
        (1, 2),
        2,
    )
    assert found.batches == ((Migration(1, 1, 2),), (Migration(0, 0, 1),))


def test_two_that_conflict_never_come_to_one_server_at_once() -> None:
    one, other = frozenset({1}), frozenset({0})
    items = [(100, 1, 0, None, True, "", one), (100, 1, 1, None, True, "", other)]
    found = order(problem(1000, 1000, 1000, items=items), (2, 2), 2)
    assert found.batches[0] == (Migration(0, 0, 2),)
    assert found.blocked == (1,)
