"""From a CIB and what the scheduler says of it to the balancer's problem."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer import loader
from snow_ha_plugin.core.balancer.problem import By, Item, Server
from snow_ha_plugin.core.cib.values import INFINITY
from snow_ha_plugin.model import (
    Action,
    Amounts,
    Answer,
    ClusterState,
    Domain,
    NodeState,
    Primitive,
    ResourceState,
    Severity,
)
from tests.scenarios import cluster

TWO = "server snow01 16384 4\nserver snow02 8192 8\n"
LIKED = {"snow01": 0, "snow02": 0}
RESTARTED = "it would be restarted instead of migrated; snow ha move does that"


def node(
    name: str, *, online: bool = True, standby: bool = False, maintenance: bool = False, unclean: bool = False
) -> NodeState:
    return NodeState(name, online, standby, maintenance, unclean)


def resource(
    name: str, *servers: str, managed: bool = True, failed: bool = False, blocked: bool = False, pending: str = ""
) -> ResourceState:
    return ResourceState(name, "Started", servers, managed, failed, blocked, pending)


def answer(
    *resources: ResourceState,
    nodes: tuple[NodeState, ...] = (node("snow01"), node("snow02")),
    maintenance: bool = False,
    actions: tuple[Action, ...] = (),
    scores: Amounts | None = None,
    sizes: Amounts | None = None,
    capacities: Amounts | None = None,
) -> Answer:
    """By itself no server is liked more than another."""
    state = ClusterState(True, maintenance, nodes, resources)
    return Answer(state, actions, {"a": LIKED, "b": LIKED} if scores is None else scores, sizes or {}, capacities or {})


def build(
    text: str,
    now: Answer,
    advice: Answer | None = None,
    *,
    files: dict[str, Domain] | None = None,
    groups: dict[str, str] | None = None,
    by: By = By.BOTH,
    status: bool = True,
) -> loader.Instance:
    tree = cluster.read(text).tree
    if not status:
        cib.drop(cib.part(tree, "status"))
    return loader.build(tree, now, advice or now, files or {}, groups or {}, by)


def stays(found: loader.Instance) -> dict[str, str]:
    """Why each domain stays that cannot move."""
    return {one.subject: one.message.partition(": ")[2] for one in found.findings if one.id == "domain-stays"}


def test_a_cib_is_servers_with_their_sizes_and_domains_with_theirs_where_they_run() -> None:
    text = f"{TWO}domain b 1024 1 on snow02\ndomain a 4096 2 on snow01\ndomain c 512 1 target-role=Stopped\n"
    found = build(text, answer(resource("a", "snow01"), resource("b", "snow02"), resource("c")), by=By.VCPUS)
    assert found.problem == (
        (Server("snow01", 16384, 4), Server("snow02", 8192, 8)),
        (Item("a", 4096, 2, 0), Item("b", 1024, 1, 1)),
        By.VCPUS,
    )
    assert found == (found.problem, (), {"a": 100, "b": 100, "c": 100}, {"a": LIKED, "b": LIKED}, (), ())


def test_servers_and_domains_are_in_the_order_of_their_names() -> None:
    text = "server snow02 8192 8\nserver snow01 16384 4\ndomain b 1 1 on snow01\ndomain a 1 1 on snow02\n"
    found = build(text, answer(resource("b", "snow01"), resource("a", "snow02"))).problem
    assert [server.name for server in found.servers] == ["snow01", "snow02"]
    assert [(item.name, item.initial) for item in found.items] == [("a", 1), ("b", 0)]


@pytest.mark.parametrize(
    ("nodes", "takes"),
    [
        ((node("snow01"), node("snow02")), True),
        ((node("snow01"),), False),
        ((node("snow01"), node("snow02", standby=True)), False),
        ((node("snow01"), node("snow02", online=False)), False),
    ],
)
def test_a_server_takes_domains_that_pacemaker_could_start_some_on(
    nodes: tuple[NodeState, ...], *, takes: bool
) -> None:
    assert build(TWO, answer(nodes=nodes)).problem.servers[1].takes == takes


def test_a_configuration_that_no_cluster_has_run_has_all_its_servers() -> None:
    assert all(server.takes for server in build(TWO, answer(nodes=()), status=False).problem.servers)
    assert not any(server.takes for server in build(TWO, answer(nodes=())).problem.servers)


def test_a_server_has_the_memory_that_pacemaker_counts_with_and_none_takes_nothing() -> None:
    text = "server snow01 16384 4\nserver snow02 - 8\ndomain a 1 1 on snow02\n"
    found = build(text, answer(resource("a", "snow02"), capacities={"snow01": {"hv_memory": 12000, "cpu": 99}}))
    assert found.problem.servers == (Server("snow01", 12000, 4), Server("snow02", 0, 8, takes=False))
    assert found.unsized == ("snow02",)
    assert [(one.id, one.severity, one.subject) for one in found.findings] == [
        ("server-size-unknown", Severity.WARNING, "snow02"),
        ("domain-stays", Severity.INFO, "a"),
    ]
    assert stays(found) == {"a": "its server is held"}


@pytest.mark.parametrize(
    ("cpus", "standby", "by", "ends"),
    [
        ("-", False, By.BOTH, By.MEMORY), ("-", False, By.VCPUS, By.MEMORY), ("-", False, By.MEMORY, By.MEMORY),
        ("8", False, By.BOTH, By.BOTH), ("-", True, By.BOTH, By.BOTH),
    ],
)  # fmt: skip
def test_only_memory_counts_where_a_server_that_takes_domains_has_unknown_cpus(
    cpus: str, by: By, ends: By, *, standby: bool
) -> None:
    found = build(
        f"server snow01 16384 4\nserver snow02 8192 {cpus}\n",
        answer(nodes=(node("snow01"), node("snow02", standby=standby))),
        by=by,
    )
    assert found.problem.by == ends
    assert [(one.id, one.severity) for one in found.findings] == [("cpus-unknown", Severity.WARNING)] * (by != ends)
    assert found.unsized == (() if cpus == "8" else ("snow02",))


def test_a_domain_that_does_not_run_counts_where_pacemaker_is_about_to_start_it() -> None:
    text = f"{TWO}domain a 512 1\ndomain b 512 1\ndomain c 512 1\ndomain d 512 1 target-role=Stopped\n"
    actions = (Action("start", "a", "snow02"), Action("start", "b", "elsewhere"))
    found = build(text, answer(resource("a"), resource("b"), resource("c"), resource("d"), actions=actions))
    assert [(item.name, item.initial, item.movable) for item in found.problem.items] == [
        ("a", 1, False),
        ("b", None, False),
    ]
    assert found.idle == ("c",)
    assert stays(found) == {"a": "it does not run yet"}


def test_what_pacemaker_has_no_state_of_counts_by_what_it_is_about_to_do() -> None:
    found = build(f"{TWO}domain a 512 1\n", answer(actions=(Action("start", "a", "snow01"),)))
    assert [(item.initial, item.movable) for item in found.problem.items] == [(0, False)]


@pytest.mark.parametrize(
    ("domain", "now", "why"),
    [
        ("512 1", resource("a", "snow01"), ""),
        ("512 1 allow-migrate=false", resource("a", "snow01"), RESTARTED),
        ("512 1 agent=ocf:heartbeat:Xen allow-migrate=true", resource("a", "snow01"), ""),
        ("512 1", resource("a", "snow01", managed=False), "Pacemaker does not manage it"),
        ("512 1", resource("a", "snow01", failed=True), "it has failed"),
        ("512 1", resource("a", "snow01", blocked=True), "it has failed"),
        ("512 1", resource("a", "snow01", pending="Migrating"), "something is under way with it"),
        ("512 1", resource("a", "snow01", "snow02"), "something is under way with it"),
        ("- 1", resource("a", "snow01"), "its size is unknown; run snow ha sync"),
        ("512 1 resource-stickiness=INFINITY", resource("a", "snow01"), "its stickiness is infinite"),
        ("512 1 resource-stickiness=999999", resource("a", "snow01"), ""),
    ],
)  # fmt: skip
def test_a_domain_stays_for_a_reason_that_is_said(domain: str, now: ResourceState, why: str) -> None:
    found = build(f"{TWO}domain a {domain} on snow01\n", answer(now))
    assert stays(found) == ({"a": why} if why else {})
    assert [(item.initial, item.movable) for item in found.problem.items] == [(0, not why)]
    assert {one.severity for one in found.findings} == ({Severity.INFO} if why else set())


@pytest.mark.parametrize(
    ("agent", "migrates", "moves"),
    [("snow", None, True), ("snow", "no", False), ("heartbeat", None, False), ("heartbeat", "yes", True)],
)
def test_a_domain_migrates_by_our_agent_or_where_it_is_said(agent: str, migrates: str | None, *, moves: bool) -> None:
    tree = cluster.read(f"{TWO}domain a 512 1 on snow01 agent=ocf:{agent}:Xen\n").tree
    for pair in tree.xpath("//nvpair[@name='allow-migrate']"):
        cib.drop_pair(pair)
    if migrates:
        cib.put_pairs(
            cib.part(tree, "configuration/resources/primitive"), "meta_attributes", "x", {"allow-migrate": migrates}
        )
    now = answer(resource("a", "snow01"))
    assert loader.build(tree, now, now, {}, {}, By.BOTH).problem.items[0].movable == moves


def test_a_domain_in_a_group_stays() -> None:
    tree = cluster.read(f"{TWO}domain a 512 1 on snow01\nxml resources <group id='g'/>\n").tree
    cib.part(tree, "configuration/resources/group").append(cib.part(tree, "configuration/resources/primitive"))
    now = answer(resource("a", "snow01"))
    assert stays(loader.build(tree, now, now, {}, {}, By.BOTH)) == {"a": "it belongs to a group or clone"}


@pytest.mark.parametrize("state", [{"maintenance": True}, {"unclean": True}])
def test_what_is_on_a_server_under_maintenance_or_unclean_stays(state: dict[str, bool]) -> None:
    now = answer(resource("a", "snow01"), resource("b", "snow02"), nodes=(node("snow01"), node("snow02", **state)))
    found = build(f"{TWO}domain a 512 1 on snow01\ndomain b 512 1 on snow02\n", now)
    assert stays(found) == {"b": "its server is held"}


def test_what_is_on_a_server_in_standby_leaves_and_under_maintenance_of_all_nothing_does() -> None:
    text = f"{TWO}domain b 512 1 on snow02\n"
    standby = (node("snow01"), node("snow02", standby=True))
    assert build(text, answer(resource("b", "snow02"), nodes=standby)).problem.items[0].movable
    assert stays(build(text, answer(resource("b", "snow02"), maintenance=True))) == {"b": "its server is held"}


def test_a_domain_on_a_server_that_the_cluster_does_not_know_is_nowhere() -> None:
    found = build(f"{TWO}domain a 512 1 on snow01\n", answer(resource("a", "snow07")))
    assert [(item.initial, item.movable) for item in found.problem.items] == [(None, False)]
    assert found.findings == ()


def test_where_pacemaker_says_nothing_of_a_domain_it_stays_and_rules_none_out() -> None:
    found = build(f"{TWO}domain a 512 1 on snow01\n", answer(resource("a", "snow01"), scores={}))
    assert stays(found) == {"a": "Pacemaker does not say where it may run"}
    assert found.problem.items[0].allowed is None


@pytest.mark.parametrize(
    ("scores", "stickiness", "allowed"),
    [
        ({"snow01": 0, "snow02": 0, "snow03": 0}, 0, None),
        ({"snow01": 50, "snow02": 50, "snow03": 50}, 0, None),
        ({"snow01": 0, "snow02": 50, "snow03": 50}, 0, {1, 2}),
        # It sticks to where it is, as far as its stickiness goes.
        ({"snow01": 0, "snow02": 50, "snow03": 0}, 49, {1}),
        ({"snow01": 0, "snow02": 50, "snow03": 0}, 50, {0, 1}),
        ({"snow01": -INFINITY, "snow02": 50, "snow03": 0}, 5000, {1}),
        ({"snow02": 0, "snow03": 0}, 5000, {1, 2}),
        ({"snow01": 0, "snow02": 0}, 0, {0, 1}),
        ({"snow01": 0, "snow02": -INFINITY, "snow03": -INFINITY}, 0, {0}),
        # One that takes nothing now does not count as the best, unless others are as good.
        ({"snow01": 0, "snow02": 0, "snow03": 0, "snow04": 70}, 0, {0, 1, 2}),
        ({"snow01": 0, "snow02": 10, "snow03": 0, "snow04": 10}, 0, {1, 3}),
        ({"snow01": -INFINITY, "snow02": -INFINITY, "snow03": -INFINITY}, 0, set()),
        ({"snow04": 0}, 0, set()),
    ],
)  # fmt: skip
def test_a_domain_may_go_where_pacemaker_likes_it_best_and_stay_where_it_sticks(
    scores: dict[str, int], stickiness: int, allowed: set[int] | None
) -> None:
    text = (
        f"{TWO}server snow03 8192 4\nserver snow04 8192 4\ndomain a 512 1 on snow01 resource-stickiness={stickiness}\n"
    )
    nodes = (node("snow01"), node("snow02"), node("snow03"), node("snow04", standby=True))
    if allowed is None or "snow04" not in scores:
        # As liked as the best of those that take domains, or not at all.
        scores = {**scores, "snow04": max(scores.values()) if allowed is None else -INFINITY}
    found = build(text, answer(resource("a", "snow01"), nodes=nodes, scores={"a": scores}))
    assert found.problem.items[0].allowed == (None if allowed is None else frozenset(allowed))
    assert found.scores == {"a": scores}
    barred = allowed == set()
    assert [(one.id, one.severity, one.subject) for one in found.findings] == [
        ("no-server-allowed", Severity.WARNING, "a"), ("domain-stays", Severity.INFO, "a"),
    ] * barred  # fmt: skip
    assert stays(found) == ({"a": "no server may have it"} if barred else {})
    assert found.problem.items[0].movable == (not barred)


def test_the_scores_are_of_what_the_administrator_wants_and_the_state_is_of_now() -> None:
    now = answer(
        resource("a", "snow01"),
        scores={"a": {"snow01": 0}},
        sizes={"a": {"hv_memory": 1}},
        capacities={"snow01": {"hv_memory": 1}},
    )
    advice = answer(
        scores={"a": {"snow02": 0}}, sizes={"a": {"hv_memory": 700}}, capacities={"snow01": {"hv_memory": 9000}}
    )
    found = build(f"{TWO}domain a 512 1 on snow01\n", now, advice)
    assert found.problem.items == (Item("a", 700, 1, 0, allowed=frozenset({1})),)
    assert found.problem.servers[0].memory_mib == 9000
    assert found.scores == {"a": {"snow02": 0}}


def test_replicas_and_what_must_never_meet_are_named_by_their_numbers() -> None:
    apart = [
        '<rsc_colocation id="1" rsc="c" with-rsc="a" score="-INFINITY"/>',
        '<rsc_colocation id="2" rsc="a" with-rsc="b" score="-1000"/>',
        '<rsc_colocation id="3" rsc="b" with-rsc="b" score="-INFINITY"/>',
        '<rsc_colocation id="4" rsc="b" with-rsc="other" score="-INFINITY"/>',
        '<rsc_colocation id="5" rsc="c" with-rsc="d" score="-INFINITY"/>',
        '<rsc_colocation id="6" rsc="a" with-rsc="b" score="INFINITY"/>',
    ]
    text = TWO + "".join(f"domain {name} 512 1 on snow01\n" for name in "abcd")
    text += "".join(f"xml constraints {one}\n" for one in apart)
    scores = dict.fromkeys("abcd", LIKED)
    found = build(text, answer(*[resource(name, "snow01") for name in "abcd"], scores=scores), groups={"b": "proxy"})
    assert [item.conflicts for item in found.problem.items] == [{2}, set(), {0, 3}, {2}]
    assert [item.spread_group for item in found.problem.items] == ["", "proxy", "", ""]


FILE = Domain("a", "/sNow/a.cfg", 2048, 3)


@pytest.mark.parametrize(
    ("seen", "written", "file", "found"),
    [
        ({"hv_memory": 700, "cpu": 5}, {"hv_memory": "512", "cpu": "1"}, FILE, (700, 5)),
        ({}, {"hv_memory": "512", "cpu": "1"}, FILE, (512, 1)),
        ({}, {"hv_memory": "0", "cpu": "0"}, FILE, (0, 0)),
        ({"hv_memory": 700}, {"cpu": "1"}, FILE, (700, 1)),
        ({"cpu": 5}, {}, FILE, (2048, 5)),
        ({}, {"hv_memory": "512"}, FILE, (512, 3)),
        ({}, {}, FILE, (2048, 3)),
        ({}, {"hv_memory": "512"}, None, (512, None)),
        ({}, {}, None, (None, None)),
    ],
)
def test_a_size_is_as_pacemaker_sees_it_or_as_it_is_written_or_as_in_the_domain_file(
    seen: dict[str, int], written: dict[str, str], file: Domain | None, found: tuple[int | None, int | None]
) -> None:
    assert loader.size(Primitive("a", "ocf:snow:Xen", utilization=written), file, seen) == found


def test_a_domain_without_a_size_takes_no_room_and_is_told_and_its_file_gives_it_one() -> None:
    text = f"{TWO}domain a - - on snow01\ndomain b 512 - on snow01\n"
    now = answer(resource("a", "snow01"), resource("b", "snow01"))
    found = build(text, now)
    assert [item[:3] for item in found.problem.items] == [("a", 0, 0), ("b", 512, 0)]
    assert found.unsized == ("a",)
    found = build(text, now, files={"a": FILE})
    assert [item[:3] for item in found.problem.items] == [("a", 2048, 3), ("b", 512, 0)]
    assert found.unsized == ()
