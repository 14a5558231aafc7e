"""What a layout says of a placement, beside the same counted anew."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from snow_ha_plugin.core.balancer.problem import OVERCOMMIT, By, Item, Problem, Server, spread, used
from snow_ha_plugin.core.balancer.search.state import SMALL, Layout

Assignment = list[int | None]


def layout(
    servers: list[tuple[int, int]], items: list[tuple[Any, ...]], by: By = By.BOTH, limit: int | None = None
) -> Layout:
    """Servers by MiB and CPUs, domains by MiB, vcpus, home and their rules."""
    return Layout(
        Problem(
            tuple(Server(f"snow{number:02}", *size) for number, size in enumerate(servers)),
            tuple(Item(f"domain{number:02}", *item) for number, item in enumerate(items)),
            by,
        ),
        0.0,
        limit,
    )


def check(layout: Layout, problem: Problem, assignment: Assignment, limit: int | None) -> None:
    """All that a layout says, against the measures of `problem`."""
    found, sums = spread(problem, assignment), used(problem, assignment)
    lead, rest = (1, 0) if problem.by == By.VCPUS else (0, 1)
    deviations, peaks = (found.deviation_memory, found.deviation_vcpus), (found.peak_memory, found.peak_vcpus)
    assert layout.assignment == assignment
    assert layout.lead_used == [one[lead] for one in sums]
    assert layout.rest_used == [one[rest] for one in sums]
    assert [sorted(on) for on in layout.on] == [
        [number for number, there in enumerate(assignment) if there == server] for server in range(len(sums))
    ]
    both = problem.by == By.BOTH
    assert layout.deviation == pytest.approx(deviations[lead] + (deviations[rest] if both else 0))
    assert layout.lead_peak == pytest.approx(peaks[lead])
    assert layout.rest_peak == pytest.approx(peaks[rest] if both else 0)
    away = sum(
        there != item.initial for item, there in zip(problem.items, assignment, strict=True) if item.initial is not None
    )
    assert layout.left == (len(problem.items) if limit is None else limit) - away
    for server in layout.counted:
        assert layout.free_mib(server) == problem.servers[server].memory_mib - sums[server][0]


def room_left(problem: Problem, assignment: Assignment, server: int) -> bool:
    memory, vcpus = used(problem, assignment)[server]
    found = problem.servers[server]
    return memory <= found.memory_mib and vcpus <= found.vcpus * OVERCOMMIT


def keeps_rules(problem: Problem, before: Assignment, after: Assignment, one: int) -> bool:
    """Whether a domain that goes from where it was `before` is allowed there, and with no more replicas than then."""
    item, server = problem.items[one], after[one]
    together = [
        sum(
            other != one and there == placed[one] and problem.items[other].spread_group == item.spread_group
            for other, there in enumerate(placed)
        )
        for placed in (before, after)
    ]
    return (
        (item.allowed is None or server in item.allowed)
        and all(after[other] != server for other in item.conflicts)
        and (not item.spread_group or before[one] is None or together[1] <= together[0])
    )


# Two servers of different sizes and one that takes nothing; each kind of rule, and a domain that runs nowhere.
SERVERS = (
    Server("snow01", 8192, 4),
    Server("snow02", 4096, 3),
    Server("snow03", 6144, 5),
    Server("old", 9999, 7, takes=False),
)
ITEMS = (
    Item("plain", 1024, 2, 0), Item("like-it", 1024, 2, 0), Item("large", 3072, 1, 0), Item("small", 256, 7, 1),
    Item("proxy01", 512, 1, 0, spread_group="proxy"), Item("proxy02", 640, 2, 1, spread_group="proxy"),
    Item("proxy03", 768, 1, 2, spread_group="proxy"), Item("nis01", 512, 3, 2, spread_group="nis"),
    Item("tied", 2048, 2, 2, allowed=frozenset({0, 2})), Item("fixed", 1280, 1, 1, movable=False),
    Item("barred", 896, 4, 1, conflicts=frozenset({0, 11})), Item("barred-too", 1152, 1, 3, conflicts=frozenset({10})),
    Item("new", 1536, 5, None), Item("left-behind", 384, 2, 3),
)  # fmt: skip


def walks(problem: Problem, steps: int) -> Iterator[Assignment]:
    """Where domains are after some are put anywhere, also where they have no room."""
    chance, assignment = random.Random(1), list(problem.initial)
    for _ in range(steps):
        for _ in range(chance.randint(0, 3)):
            assignment[chance.randrange(len(assignment))] = chance.choice([None, 0, 0, 1, 1, 2, 2])
        yield list(assignment)


@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize("by", By)
def test_after_any_moves_all_is_as_counted_anew(by: By, limit: int | None) -> None:
    problem = Problem(SERVERS, ITEMS, by)
    layout, before = Layout(problem, 0.0, limit), list(problem.initial)
    check(layout, problem, before, limit)
    for assignment in walks(problem, 12):
        change = [(item, assignment[item]) for item in range(len(ITEMS)) if assignment[item] != before[item]]
        outcome = layout.outcome(change)
        check(layout, problem, before, limit)
        layout.put(change)
        check(layout, problem, assignment, limit)
        assert outcome == pytest.approx((layout.deviation, layout.lead_peak))
        before = assignment


@pytest.mark.parametrize("by", By)
def test_what_fits_is_what_leaves_room_and_keeps_the_rules(by: By) -> None:
    problem = Problem(SERVERS, ITEMS, by)
    layout, answers = Layout(problem, 0.0, None), Counter[bool]()
    for home in [list(problem.initial), *walks(problem, 12)]:
        layout.put(list(enumerate(home)))
        for one, target in itertools.product(range(len(ITEMS)), layout.counted):
            if target == home[one]:
                continue
            there = [*home[:one], target, *home[one + 1 :]]
            fits = room_left(problem, there, target) and keeps_rules(problem, home, there, one)
            assert layout.fits(one, target) == fits
            source = home[one]
            for other in layout.on[target] if source in layout.counted else ():
                swapped = [*there[:other], source, *there[other + 1 :]]
                fits = (
                    all(room_left(problem, swapped, server) for server in (source, target))
                    and keeps_rules(problem, home, swapped, one)
                    and keeps_rules(problem, home, swapped, other)
                )
                assert layout.swap_fits(one, source, other, target) == fits
                answers[fits] += 1
    assert answers[True] > 20
    assert answers[False] > 20


def test_putting_all_back_leaves_alone_what_ran_nowhere() -> None:
    problem = Problem(SERVERS, ITEMS)
    layout = Layout(problem, 0.0, None)
    kept, left = list(layout.assignment), layout.left
    layout.put(((0, 1), (12, 2), (7, 0), (3, 1)))
    layout.restore(kept)
    assert layout.assignment == [*kept[:12], 2, *kept[13:]]
    assert layout.left == left


def test_away_from_home_costs_a_move_and_the_way_back_returns_it() -> None:
    home_away = layout([(8192, 4)] * 3, [(1024, 1, 0), (1024, 1, None)])
    assert [home_away.cost(0, server) for server in (0, 1, None)] == [0, 1, 1]
    assert [home_away.cost(1, server) for server in (0, 1, None)] == [0, 0, 0]
    home_away.put(((0, 1),))
    assert [home_away.cost(0, server) for server in (0, 1, 2, None)] == [-1, 0, 0, 0]


def test_the_three_fullest_and_busiest_of_those_that_take_domains_are_known_in_their_order() -> None:
    items = tuple(Item(f"d{number}", size, vcpus, number) for number, (size, vcpus) in enumerate(
        [(1024, 3), (3072, 1), (2048, 4), (512, 2), (8192, 9)]
    ))  # fmt: skip
    servers = tuple(Server(f"snow{number:02}", 8192, 4, takes=number < 4) for number in range(5))
    layout = Layout(Problem(servers, items), 0.0, None)
    assert (layout.fullest, layout.busiest) == ([1, 2, 0], [2, 0, 3])
    assert layout.spacious() == [3, 1, 0, 2]


def test_crowded_is_who_is_above_the_middle_in_memory_or_vcpus_and_below_counts_nothing() -> None:
    """Middles: a half of memory, and one vcpu a CPU. The last is far below, which makes it no more crowded."""
    found = layout([(1000, 10)] * 4, [(150, 14, 0), (1000, 9, 1), (50, 8, 2), (800, 9, 3)])
    assert found.lead_middle == pytest.approx(0.5)
    assert found.rest_middle == pytest.approx(1.0)
    assert found.crowded() == [1, 0, 3, 2]
    assert found.spacious() == [2, 0, 3, 1]


def test_a_replica_goes_to_others_of_its_group_from_where_there_are_as_many_and_from_nowhere_always() -> None:
    proxy = (None, True, "proxy")
    found = layout([(8192, 4)] * 3, [(1, 1, home, *proxy) for home in (0, 0, 0, 1, 1, 2, 2, 2, None)] + [(1, 1, 0)])
    assert [found.replicas(0, server) for server in range(3)] == [2, 2, 3]
    assert [found.replicas(0, server, without=5) for server in range(3)] == [2, 2, 2]
    assert [found.fits(0, server) for server in (1, 2)] == [True, False]
    assert [found.fits(6, server) for server in (0, 1)] == [False, True]
    assert [found.fits(8, server) for server in range(3)] == [True] * 3
    assert [found.replicas(9, server) for server in range(3)] == [0] * 3


def test_one_domain_of_each_kind_and_home_is_enough_to_look_at_and_one_with_rules_is_its_own_kind() -> None:
    same = (512, 2)
    found = layout(
        [(8192, 4)] * 2,
        [
            (*same, 0), (*same, 0), (512, 3, 0), (640, 2, 0), (*same, 1), (*same, 0, None, False),
            (*same, 0, frozenset({0, 1})), (*same, 0, None, True, "nis"), (*same, 0, None, True, "nis"),
            (*same, 0, None, True, "", frozenset({4})),
        ],
    )  # fmt: skip
    assert found.movable(0) == [0, 2, 3, 6, 7, 8, 9]
    assert found.movable(1) == [4]
    found.put(((4, 0), (2, 1)))
    assert found.movable(0) == [0, 3, 6, 7, 8, 9, 4]
    assert found.movable(1) == [2]


def test_a_layout_without_servers_that_take_domains_has_no_load() -> None:
    found = Layout(Problem((Server("old", 8192, 4, takes=False),), (Item("one", 1024, 1, 0),)), 0.0, None)
    assert (found.counted, found.fullest, found.busiest) == ([], [], [])
    assert (found.lead_peak, found.rest_peak, found.deviation) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("by", [By.VCPUS, By.BOTH])
def test_a_server_of_unknown_cpus_is_as_loaded_as_one_with_a_single_one(by: By) -> None:
    found = layout([(8192, 0), (8192, 4)], [(1024, 3, 0), (1024, 8, 1)], by)
    assert (found.lead_peak if by == By.VCPUS else found.rest_peak) == pytest.approx(3.0)


def test_a_server_that_takes_nothing_has_no_room() -> None:
    found = Layout(
        Problem((Server("old", 8192, 4, takes=False),), (Item("a", 1, 0, None), Item("b", 0, 1, None))), 0, None
    )
    assert not found.fits(0, 0)
    assert not found.fits(1, 0)


@pytest.mark.parametrize(("more", "small"), [(0, True), (1, False)])
def test_a_cluster_is_small_by_how_many_pairs_of_domain_and_taking_server_there_are(more: int, *, small: bool) -> None:
    servers = tuple(Server(f"snow{number:02}", 8192, 4, takes=number < 3) for number in range(5))
    items = tuple(Item(f"d{number}", 1, 0, 0) for number in range(SMALL // 3 + more))
    assert Layout(Problem(servers, items), 0.0, None).is_small == small
