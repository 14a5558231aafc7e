"""What `balance` makes of a plan: moves, rules, priorities, and what still is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.decision import LARGE, Decision, Enforced, Wishes, decide
from snow_ha_plugin.core.balancer.loader import Instance
from snow_ha_plugin.core.balancer.planner import Limits
from snow_ha_plugin.core.balancer.problem import By, Item, Problem, Server
from snow_ha_plugin.core.configure.location import PULL
from snow_ha_plugin.errors import TryAgainError
from snow_ha_plugin.model import Amounts, Finding, Move, Severity
from tests.scenarios import cluster

WISHES = Wishes()
SERVERS = (Server("snow01", 8192, 8), Server("snow02", 8192, 8))
# Half of what is on the first should go to the second.
SKEWED = (Item("b", 2048, 1, 0), Item("a", 2048, 1, 0))


def decided(
    items: tuple[Item, ...] = SKEWED,
    servers: tuple[Server, ...] = SERVERS,
    wishes: Wishes = WISHES,
    *,
    groups: dict[str, str] | None = None,
    scores: Amounts | None = None,
    stickiness: int = 1000,
    roles: Mapping[str, tuple[str, ...]] | None = None,
    idle: tuple[str, ...] = (),
    unsized: tuple[str, ...] = (),
    told: tuple[Finding, ...] = (),
    **how: Any,
) -> Decision:
    found = Instance(
        Problem(servers, items), idle, {item.name: stickiness for item in items}, scores or {}, unsized, told
    )
    return decide(tree(items, servers), found, roles or {}, groups or {}, wishes, **how)


def tree(items: tuple[Item, ...] = SKEWED, servers: tuple[Server, ...] = SERVERS) -> cib.Tree:
    lines = [f"server {name} {memory} {cpus}" for name, memory, cpus, _ in servers]
    lines += [f"domain {item.name} {item.memory_mib} {item.vcpus}" for item in items]
    return cluster.read("\n".join(lines) + "\n").tree


def places(rules: tuple[Any, ...]) -> dict[str, tuple[str, int]]:
    assert [rule.rsc for rule in rules] == sorted(rule.rsc for rule in rules)
    return {rule.rsc: (rule.node, rule.score) for rule in rules}


def test_a_plan_is_moves_by_name_and_where_they_end() -> None:
    found = decided()
    assert found.batches == ((Move("a", "snow01", "snow02", 2048),),)
    assert found.targets == {"a": "snow02"}
    assert found.violations == ()
    assert (found.groups, found.priorities, found.enforced) == ({}, {"a": 0, "b": 0}, Enforced.SIZES)


def test_a_domain_goes_by_a_third_server_in_two_moves_and_its_target_is_the_last() -> None:
    servers = tuple(Server(f"snow0{number}", 1000, 9) for number in (1, 2, 3))
    items = (
        Item("a", 500, 1, 0, frozenset({0, 1}), spread_group="nis"),
        Item("b", 400, 1, 0, movable=False, spread_group="nis"),
        Item("c", 400, 1, 1, frozenset({0, 1, 2})), Item("d", 400, 1, 1, movable=False),
        Item("e", 300, 1, 2, movable=False), Item("f", 300, 1, 2, movable=False),
    )  # fmt: skip
    found = decided(items, servers)
    assert [move.target for batch in found.batches for move in batch if move.domain == "c"] == ["snow03", "snow01"]
    assert found.targets == {"a": "snow02", "c": "snow01"}


def test_while_domains_move_their_rules_outweigh_what_holds_them_and_afterwards_only_say_where_they_start() -> None:
    found = decided()
    assert places(found.moving) == {"a": ("snow02", 1000 + PULL), "b": ("snow01", PULL)}
    assert places(found.resting) == places(found.final) == {"a": ("snow02", PULL), "b": ("snow01", PULL)}


def test_with_failback_the_last_rules_outweigh_what_holds_domains_and_those_at_rest_do_not() -> None:
    found = decided(wishes=Wishes(failback=True))
    assert places(found.final) == {"a": ("snow02", 1000 + PULL), "b": ("snow01", 1000 + PULL)}
    assert places(found.moving) == places(found.final)
    assert places(found.resting) == {"a": ("snow02", PULL), "b": ("snow01", PULL)}


@pytest.mark.parametrize(
    ("scores", "more"),
    [
        ({"snow01": 30, "snow02": 10}, 20),
        ({"snow01": 30}, 30),
        ({"snow02": 10}, 0),
        ({"snow01": -30, "snow02": -10}, 0),
        ({}, 0),
    ],
)
def test_a_move_away_from_a_server_that_is_liked_better_has_that_much_more_of_a_rule(
    scores: dict[str, int], more: int
) -> None:
    assert places(decided(scores={"a": scores}).moving)["a"] == ("snow02", 1000 + PULL + more)


def test_without_stickiness_a_rule_outweighs_all_the_replicas_that_are_kept_apart() -> None:
    """Each takes 10 from a server's score."""
    found = decided(groups={"a": "proxy", "other": "proxy", "third": "nis"}, stickiness=0)
    assert places(found.resting) == {"a": ("snow02", PULL + 20), "b": ("snow01", PULL)}


def test_who_starts_somewhere_for_the_first_time_has_a_rule_and_no_move() -> None:
    found = decided((Item("a", 2048, 1, None), Item("b", 2048, 1, 0)))
    assert found.batches == ()
    assert places(found.moving) == {"a": ("snow02", PULL), "b": ("snow01", PULL)}


def test_who_is_where_nobody_wants_it_or_nowhere_has_no_rule() -> None:
    nowhere = (
        Item("a", 9000, 1, None),
        Item("b", 2048, 1, 0, frozenset({1}), movable=False),
        Item("c", 10, 1, 1, frozenset({1})),
    )
    assert places(decided(nowhere).resting) == {"c": ("snow02", PULL)}


def test_domains_that_are_fixed_stay_and_others_that_cannot_move_still_cannot() -> None:
    assert decided(fixed=["a"]).targets == {"b": "snow02"}
    found = decided(fixed=["a", "b"])
    assert found.targets == {}
    assert [item.movable for item in found.instance.problem.items] == [False, False]
    assert decided((SKEWED[0]._replace(movable=False), SKEWED[1]), fixed=["a"]).targets == {}


def test_wishes_count_both_without_limits_and_nothing_returns_by_itself_unless_it_is_said() -> None:
    assert Wishes() == (By.BOTH, Limits(), frozenset(), False)
    assert decided(wishes=Wishes(limits=Limits(max_moves=0))).targets == {}


def test_priorities_are_by_role_and_largest_first_by_size_alone() -> None:
    items = (Item("a", 512, 1, 0), Item("b", 4096, 1, 0), Item("deploy01", 1024, 1, 1), Item("d", 4096, 1, 1))
    roles = {"a": ("slurm-master",)}
    assert decided(items, roles=roles).priorities == {"a": 20, "b": 0, "deploy01": 30, "d": 0}
    assert decided(items, roles=roles, large_first=True).priorities == {
        "a": 0, "b": 2 * LARGE, "deploy01": LARGE, "d": 2 * LARGE,
    }  # fmt: skip
    # One step of size is more than all roles together.
    assert max(decided(items, roles=roles).priorities.values()) < LARGE


def test_all_of_a_plan_but_the_moves_is_written_into_a_cib() -> None:
    found, into = decided(groups={"a": "proxy", "b": "proxy"}, roles={"a": ("deploy",)}), tree()
    changes = found.edit(into, found.final)
    assert {(change.action, change.target) for change in changes} >= {
        ("place", "a"), ("place", "b"), ("apart", "a"), ("option", "placement-strategy"),
    }  # fmt: skip
    assert cib.options(into)["placement-strategy"] == "balanced"
    assert cib.metas(into, "priority", "0") == {"a": "30", "b": "0"}
    assert all(cib.overcommits(into, node) for node in cib.nodes(into))
    assert found.edit(into, found.final) == []


@pytest.mark.parametrize(
    ("enforced", "unsized", "memory", "goes"),
    [
        (Enforced.SIZES, (), 8192, True), (Enforced.MEMORY, (), 8192, True), (Enforced.NOTHING, (), 8192, False),
        (Enforced.SIZES, ("a",), 8192, False), (Enforced.SIZES, (), 3000, False),
    ],
)  # fmt: skip
def test_sizes_are_put_in_force_where_they_are_asked_for_and_known_and_fit(
    enforced: Enforced, unsized: tuple[str, ...], memory: int, *, goes: bool
) -> None:
    servers = (Server("snow01", memory, 8), Server("snow02", memory, 8, takes=memory > 4096))
    found, into = decided(servers=servers, enforced=enforced, unsized=unsized), tree()
    found.edit(into, found.final)
    assert cib.goes_by_sizes(into) == goes


def test_where_memory_alone_is_in_force_each_server_may_hold_all_the_vcpus_that_there_are() -> None:
    many = tuple(item._replace(vcpus=30) for item in SKEWED)
    capacities = []
    for enforced in (Enforced.SIZES, Enforced.MEMORY):
        found, into = decided(many, enforced=enforced), tree(many)
        found.edit(into, found.final)
        capacities.append({pair.get("value") for pair in into.xpath("//node/utilization[@score]/nvpair[@name='cpu']")})
    assert capacities == [{"32"}, {"60"}]


def test_a_plan_for_a_domain_that_is_gone_is_not_written() -> None:
    found, into = decided(), tree(SKEWED[:1])
    with pytest.raises(TryAgainError, match="removed a"):
        found.edit(into, found.final)


GROUPED = (("a", "nis"), ("b", "proxy"), ("c", "nis"), ("d", ""))
GONE = Server("snow01", 8192, 8, takes=False)
TOLD = Finding(Severity.INFO, "domain-stays", "a stays where it is", subject="a")


@pytest.mark.parametrize(
    ("items", "servers", "how", "expected"),
    [
        (SKEWED, SERVERS, {"idle": ("c", "d")}, [(Severity.ERROR, "no-room", "c"), (Severity.ERROR, "no-room", "d")]),
        (SKEWED, SERVERS, {"told": (TOLD,)}, [(Severity.INFO, "domain-stays", "a")]),
        (
            (Item("a", 4096, 1, 0), Item("b", 4097, 1, 0)), (SERVERS[0],), {},
            [(Severity.ERROR, "server-overfull", "snow01")],
        ),
        ((Item("a", 4096, 1, 0), Item("b", 4096, 1, 0)), (SERVERS[0],), {}, []),
        # Of a server of no known size nobody knows.
        ((Item("a", 4096, 1, 0, movable=False),), (Server("snow01", 0, 8, takes=False),), {}, []),
        ((Item("a", 4096, 1, 0),), (GONE,), {}, [(Severity.ERROR, "cannot-leave", "a")]),
        ((Item("a", 4096, 1, 0, movable=False),), (GONE,), {}, []),
        (
            tuple(Item(name, 100, 1, 0, spread_group=group) for name, group in GROUPED), (SERVERS[0],),
            {"idle": ("x",), "told": (TOLD,)},
            [
                (Severity.ERROR, "no-room", "x"), (Severity.WARNING, "replicas-together", "a c"),
                (Severity.INFO, "domain-stays", "a"),
            ],
        ),
        (tuple(Item(name, 9999, 1, None, spread_group="nis") for name in "ab"), (SERVERS[0],), {}, []),
    ],
)  # fmt: skip
def test_what_is_not_as_it_should_be_after_the_moves_is_told(
    items: tuple[Item, ...], servers: tuple[Server, ...], how: dict[str, Any], expected: list[tuple[Severity, str, str]]
) -> None:
    found = decided(items, servers, **how).violations
    assert [(one.severity, one.id, one.subject) for one in found] == expected


def test_an_overfull_server_is_told_with_what_it_has_and_holds_and_replicas_with_their_server() -> None:
    group = "nis"
    items = (Item("a", 4096, 1, 0, spread_group=group), Item("b", 4097, 1, 0, spread_group=group))
    overfull, together = decided(items, SERVERS[:1]).violations
    assert "snow01 has 8193 of 8192 MiB" in overfull.message
    assert overfull.remedy
    assert "a and b share snow01" in together.message


def test_a_domain_that_no_order_of_moves_brings_to_its_server_is_told() -> None:
    """Both servers are full, and there is no third one to go by."""
    servers = (Server("snow01", 1000, 8), Server("snow02", 1000, 8))
    items = (*(Item(name, 500, 1, 0, spread_group="nis") for name in "ab"), *(Item(name, 500, 1, 1) for name in "cd"))
    found = decided(items, servers)
    assert found.targets == {}
    assert [(one.severity, one.id, one.subject) for one in found.violations] == [
        (Severity.WARNING, "left-out", "a"), (Severity.WARNING, "left-out", "b"),
        (Severity.WARNING, "replicas-together", "a b"),
    ]  # fmt: skip
