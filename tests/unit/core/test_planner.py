"""What holds of every plan, whatever the cluster."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snow_ha_plugin.core.balancer import planner
from snow_ha_plugin.core.balancer.n_plus_one import stranded
from snow_ha_plugin.core.balancer.planner import Limits, Placement, plan
from snow_ha_plugin.core.balancer.problem import OVERCOMMIT, By, Item, Problem, Server, lower_bound, spread, used


@st.composite
def problems(draw: st.DrawFn, *, rules: bool = True) -> Problem:
    """Clusters of up to five servers where each domain fits on its home.

    Some are tight: full but for a tenth. With `rules` some servers take nothing, and a domain may run nowhere or
    conflict with others.
    """
    tight = draw(st.booleans())
    servers = [
        Server(
            f"snow{number:02}",
            draw(st.integers(8, 32)) * 1024,
            draw(st.integers(2, 16)),
            takes=not rules or draw(st.integers(0, 4)) > 0,
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    memory, vcpus = [server.memory_mib for server in servers], [server.vcpus * OVERCOMMIT for server in servers]
    items: list[Item] = []
    for number in range(draw(st.integers(0, 14))):
        size, count = draw(st.integers(0, 48)) * 128, draw(st.integers(0, 4))
        initial = draw(st.integers(0, len(servers) - 1))
        if size > memory[initial] or count > vcpus[initial]:
            continue
        memory[initial] -= size
        vcpus[initial] -= count
        item = Item(f"domain{number:02}", size, count, initial)
        if rules and draw(st.integers(0, 4)) == 0:
            allowed = draw(st.frozensets(st.integers(0, len(servers) - 1))) | {initial}
            item = item._replace(allowed=allowed, movable=draw(st.booleans()))
        if rules and draw(st.integers(0, 4)) == 0:
            item = item._replace(spread_group=draw(st.sampled_from(["proxy", "nis"])))
        items.append(item)
    if tight:
        servers = [
            server._replace(
                memory_mib=server.memory_mib - memory[number] * draw(st.integers(90, 100)) // 100,
                vcpus=max(1, server.vcpus - vcpus[number] // OVERCOMMIT),
            )
            if any(item.initial == number and item.memory_mib for item in items)
            else server
            for number, server in enumerate(servers)
        ]
    if rules:
        items = draw(st.sampled_from([items, with_one_barred(items), with_one_stopped(items)]))
    return Problem(tuple(servers), tuple(items), draw(st.sampled_from(list(By))))


def with_one_barred(items: list[Item]) -> list[Item]:
    """The first, from whichever do not share its server yet."""
    others = [number for number, item in enumerate(items) if items and item.initial != items[0].initial]
    return [
        item._replace(conflicts=frozenset(others if number == 0 else [0] if number in others else []))
        for number, item in enumerate(items)
    ]


def with_one_stopped(items: list[Item]) -> list[Item]:
    return [items[0]._replace(initial=None, allowed=None, movable=True, spread_group=""), *items[1:]] if items else []


def limits() -> st.SearchStrategy[Limits]:
    return st.builds(
        Limits,
        max_moves=st.none() | st.integers(0, 6),
        min_gain=st.sampled_from([0.0, 0.002, 0.05]),
        parallel=st.integers(1, 3),
    )


def at_its_end(problem: Problem, found: Placement) -> Problem:
    items = (item._replace(initial=server) for item, server in zip(problem.items, found.assignment, strict=True))
    return problem._replace(items=tuple(items))


def shared(problem: Problem, assignment: tuple[int | None, ...]) -> int:
    """How many pairs of replicas share a server."""
    where = [
        (item.spread_group, server) for item, server in zip(problem.items, assignment, strict=True) if item.spread_group
    ]
    return sum(where[:number].count(one) for number, one in enumerate(where))


@settings(deadline=None, max_examples=80)
@given(problems(rules=False), limits())
def test_a_plan_never_worsens_the_imbalance(problem: Problem, given_limits: Limits) -> None:
    found = plan(problem, given_limits)
    survives = not stranded(problem, found.assignment) and stranded(problem, problem.initial)
    before, after = (
        spread(problem, assignment).imbalance(problem.by) for assignment in (problem.initial, found.assignment)
    )
    assert survives or after <= before + 1e-9
    assert after >= found.lower_bound - 1e-9


@settings(deadline=None, max_examples=80)
@given(problems(rules=False), limits())
def test_n_plus_one_that_held_is_never_lost(problem: Problem, given_limits: Limits) -> None:
    assume(not stranded(problem, problem.initial))
    assert not stranded(problem, plan(problem, given_limits).assignment)


@settings(deadline=None, max_examples=80)
@given(problems(), limits())
def test_no_prefix_of_any_batch_overfills_a_server(problem: Problem, given_limits: Limits) -> None:
    found = plan(problem, given_limits)
    assignment = list(problem.initial)
    sums = used(problem, assignment)
    memory, vcpus = [one for one, _ in sums], [one for _, one in sums]
    for batch in found.batches:
        assert 0 < len(batch) <= given_limits.parallel
        assert len({step.item for step in batch}) == len(batch)
        for step in batch:
            item, server = problem.items[step.item], problem.servers[step.target]
            assert assignment[step.item] == step.source
            assert server.takes
            memory[step.target] += item.memory_mib
            vcpus[step.target] += item.vcpus
            assert memory[step.target] <= server.memory_mib
            assert vcpus[step.target] <= server.vcpus * OVERCOMMIT
        for step in batch:
            memory[step.source] -= problem.items[step.item].memory_mib
            vcpus[step.source] -= problem.items[step.item].vcpus
            assignment[step.item] = step.target
    # What does not run yet is placed without a migration.
    placed = [
        now if initial is not None else then
        for initial, now, then in zip(problem.initial, assignment, found.assignment, strict=True)
    ]
    assert tuple(placed) == found.assignment


@settings(deadline=None, max_examples=60)
@given(problems())
def test_a_plan_is_empty_on_its_own_result(problem: Problem) -> None:
    found = plan(problem, Limits())
    assert plan(at_its_end(problem, found), Limits()).batches == ()


@settings(deadline=None, max_examples=60)
@given(problems(), limits())
def test_rules_are_kept_and_replicas_never_come_together(problem: Problem, given_limits: Limits) -> None:
    found = plan(problem, given_limits)
    for item, server in zip(problem.items, found.assignment, strict=True):
        assert item.movable or server == item.initial
        assert item.allowed is None or server in item.allowed
        assert all(server is None or found.assignment[other] != server for other in item.conflicts)
    assert shared(problem, found.assignment) <= shared(problem, problem.initial)


@settings(deadline=None, max_examples=60)
@given(problems(rules=False), st.integers(0, 5))
def test_no_more_domains_end_up_elsewhere_than_the_limit(problem: Problem, most: int) -> None:
    found = plan(problem, Limits(max_moves=most))
    assert sum(server != initial for server, initial in zip(found.assignment, problem.initial, strict=True)) <= most


@settings(deadline=None, max_examples=20)
@given(problems())
def test_the_same_problem_has_the_same_plan(problem: Problem) -> None:
    assert plan(problem, Limits()) == plan(problem, Limits())


def cluster(capacity: int, *homes: list[int]) -> Problem:
    """Servers of one size with domains of these MiB on them."""
    servers = tuple(Server(f"snow{number:02}", capacity, 64) for number in range(len(homes)))
    sizes = [(size, number) for number, here in enumerate(homes) for size in here]
    items = tuple(Item(f"domain{number:02}", size, 1, initial) for number, (size, initial) in enumerate(sizes))
    return Problem(servers, items)


def test_the_bound_is_reached_where_sizes_allow_it() -> None:
    problem = cluster(8192, [1024, 1024, 1024, 1024], [], [2048, 1024, 1024], [])
    found = plan(problem, Limits())
    assert spread(problem, found.assignment).peak_memory == pytest.approx(0.25)
    assert lower_bound(problem) == pytest.approx(0.25)


def test_the_largest_domain_bounds_the_fullest_server() -> None:
    assert lower_bound(cluster(8192, [4096], [512])) == pytest.approx(0.5)


def test_a_swap_of_two_full_servers_goes_by_a_third() -> None:
    servers = (Server("snow01", 8192, 64), Server("snow02", 8192, 64), Server("snow03", 8192, 64))
    items = (
        Item("proxy01", 4096, 1, 0, spread_group="proxy"), Item("proxy02", 4096, 1, 0, spread_group="proxy"),
        Item("one", 4096, 1, 1), Item("other", 4096, 1, 1),
        Item("fixed", 4096, 1, 2, movable=False),
    )  # fmt: skip
    banned = tuple(item._replace(allowed=frozenset({0, 1})) if item.spread_group else item for item in items)
    found = plan(Problem(servers, banned), Limits())
    assert found.assignment[0] != found.assignment[1]
    assert found.left_out == ()


def test_n_plus_one_is_kept_where_even_loads_would_just_lose_it() -> None:
    """Three quarters of four servers are full, as one spare server leaves it: each failure needs all room there is."""
    sizes = [3072, 2560, 2048, 1536, 1024, 1024, 512, 512]
    problem = cluster(12288, sizes, sizes, sizes, [])
    assert not stranded(problem, problem.initial)
    found = plan(problem, Limits())
    assert not stranded(problem, found.assignment)
    assert spread(problem, found.assignment).peak_memory <= 0.75 * 1.01


def test_n_plus_one_is_made_where_loads_are_even_and_it_is_missing() -> None:
    """The same domains, three quarters on each of the four servers."""
    problem = cluster(12288, [3072] * 3, [2560] * 3 + [1536], [2048] * 3 + [1536] * 2, [1024] * 6 + [512] * 6)
    assert stranded(problem, problem.initial).keys() == {1, 2}
    found = plan(problem, Limits())
    assert not stranded(problem, found.assignment)
    assert spread(problem, found.assignment).peak_memory == pytest.approx(0.75)


def test_n_plus_one_counts_the_room_of_each_server_by_itself() -> None:
    problem = cluster(8192, [6144], [4096], [4096])
    assert stranded(problem, problem.initial) == {0: (0,)}


def test_a_limit_of_no_moves_moves_nothing() -> None:
    assert plan(cluster(8192, [1024, 1024], []), Limits(max_moves=0)).batches == ()


def test_nothing_moves_for_little_where_one_domain_may_be_on_one_server_alone() -> None:
    """Its server's failure costs it wherever the others are: N+1 is no reason to move them."""
    problem = cluster(65536, [8192, 8192, 4096], [8192, 8192, 4096, 1024, 1024])
    bound = problem.items[0]._replace(allowed=frozenset({0}))
    problem = problem._replace(items=(bound, *problem.items[1:]))
    assert stranded(problem, problem.initial) == {0: (0,)}
    assert plan(problem, Limits()).batches == ()


def test_a_plan_that_goes_in_a_circle_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster is known that has one."""
    problem = cluster(8192, [1024], [], [])
    circle = itertools.cycle([((1,), ()), ((2,), ())])
    asked = itertools.islice(circle, 4 * planner.ROUNDS)
    monkeypatch.setattr(planner, "_reachable", lambda problem, limits: next(asked))
    assert plan(problem, Limits()).assignment in ((1,), (2,))
