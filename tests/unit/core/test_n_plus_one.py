from __future__ import annotations

import pytest
from hypothesis import given, settings

from snow_ha_plugin.core.balancer.n_plus_one import Survival, stranded
from snow_ha_plugin.core.balancer.problem import Problem
from tests.unit.core.test_planner import cluster, problems


@settings(deadline=None, max_examples=80)
@given(problems(rules=False))
def test_a_rule_that_allows_every_server_changes_nothing(problem: Problem) -> None:
    everywhere = frozenset(range(len(problem.servers)))
    ruled = problem._replace(items=tuple(item._replace(allowed=everywhere) for item in problem.items))
    by_size, by_rules = Survival(problem), Survival(ruled)
    assert by_size.stranded(problem.initial) == by_rules.stranded(problem.initial)
    assert by_size.shortage(problem.initial) == by_rules.shortage(problem.initial)


def test_what_is_missing_is_counted_where_there_is_the_most_room() -> None:
    problem = cluster(8192, [6144], [4096], [3072])
    assert Survival(problem).stranded(problem.initial) == {0: (0,)}
    assert Survival(problem).shortage(problem.initial) == 6144 - 5120


def test_a_domain_that_no_other_server_may_have_is_missing_as_a_whole() -> None:
    problem = cluster(8192, [2048], [])
    pinned = problem._replace(items=(problem.items[0]._replace(allowed=frozenset({0})),))
    assert Survival(pinned).shortage(pinned.initial) == 2048


def test_with_more_memory_in_use_than_the_smaller_servers_have_n_plus_one_is_impossible() -> None:
    assert Survival(cluster(8192, [4096], [4096])).is_possible((0, 1))
    assert not Survival(cluster(8192, [4096], [4224])).is_possible((0, 1))


def test_the_largest_choose_first_each_the_server_with_the_most_room() -> None:
    """Free are 3000 and 2500, which is enough if the smaller four did not go one to each in turn."""
    problem = cluster(8000, [1000, 1500, 1000, 1000, 1000], [5000], [5500])
    assert Survival(problem).stranded(problem.initial) == {0: (4,), 1: (5,), 2: (6,)}


def test_of_domains_of_one_size_the_first_choose_first() -> None:
    assert Survival(cluster(1000, [300, 300, 300], [400])).stranded((0, 0, 0, 1)) == {0: (2,), 1: (3,)}


@pytest.mark.parametrize("ruled", [False, True])
@pytest.mark.parametrize(("size", "missing"), [(600, 0), (601, 1), (700, 100)])
def test_a_domain_fits_into_exactly_the_room_that_there_is(size: int, missing: int, *, ruled: bool) -> None:
    problem = cluster(1000, [size], [400], [500])
    if ruled:
        problem = problem._replace(items=tuple(item._replace(allowed=frozenset({0, 1, 2})) for item in problem.items))
    assert Survival(problem).shortage((0, 1, 2)) == missing
    assert stranded(problem, (0, 1, 2)) == ({0: (0,)} if missing else {})


def test_on_a_server_that_holds_too_much_already_all_of_a_domain_is_missing() -> None:
    problem = cluster(1000, [400], [1300])
    ruled = problem._replace(items=tuple(item._replace(allowed=frozenset({0, 1})) for item in problem.items))
    assert [Survival(each).shortage((0, 1)) for each in (problem, ruled)] == [400 + 1300 - 600] * 2


def test_without_another_server_that_takes_domains_each_is_missing_as_a_whole() -> None:
    problem = cluster(1000, [400, 300], [])
    alone = problem._replace(servers=(problem.servers[0], problem.servers[1]._replace(takes=False)))
    assert Survival(alone).shortage((0, 0)) == 700
    assert Survival(alone).stranded((0, 0)) == {0: (0, 1)}
    # Those that are there may be lost all the same, and find room.
    assert Survival(alone).shortage((1, 1)) == 0
    assert Survival(alone).shortage((None, None)) == 0


def test_rules_leave_a_domain_only_the_servers_that_it_may_have_and_that_hold_none_that_it_conflicts_with() -> None:
    problem = cluster(1000, [300, 200], [100], [600])
    items = list(problem.items)
    items[0] = items[0]._replace(allowed=frozenset({0, 2}))
    items[1] = items[1]._replace(conflicts=frozenset({2}))
    items[2] = items[2]._replace(conflicts=frozenset({1}))
    survival = Survival(problem._replace(items=tuple(items)))
    # The first finds 300 on the third, and then 100 is all that is left there for the other, which may not go to 2.
    assert survival.stranded(problem.initial) == {0: (1,)}
    assert survival.shortage(problem.initial) == 100


def test_two_that_conflict_do_not_go_to_one_server_after_a_failure() -> None:
    """They may share the one that fails."""
    problem = cluster(1000, [300, 200], [100], [200])
    one, other = (problem.items[n]._replace(conflicts=frozenset({1 - n})) for n in (0, 1))
    assert Survival(problem._replace(items=(one, other, *problem.items[2:]))).shortage(problem.initial) == 0
    crowded = cluster(1000, [300, 200], [100], [900])
    one, other = (crowded.items[n]._replace(conflicts=frozenset({1 - n})) for n in (0, 1))
    assert Survival(crowded._replace(items=(one, other, *crowded.items[2:]))).stranded(crowded.initial) == {0: (1,)}


def test_n_plus_one_is_possible_where_all_but_the_largest_server_have_the_memory_of_all_that_run() -> None:
    problem = cluster(1000, [600], [300], [700])
    larger = problem._replace(servers=(*problem.servers[:2], problem.servers[2]._replace(memory_mib=5000)))
    assert Survival(larger).is_possible((0, 1, 2))
    assert Survival(problem).is_possible((0, 1, None))
    assert Survival(problem._replace(servers=())).is_possible((None, None, None))
