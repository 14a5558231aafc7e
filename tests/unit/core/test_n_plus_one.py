from __future__ import annotations

from hypothesis import given, settings

from snow_ha_plugin.core.balancer.n_plus_one import Survival
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
