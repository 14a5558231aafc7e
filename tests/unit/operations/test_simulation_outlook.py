"""What a cluster's outlook says of it, by the real scheduler: sizes, loads, and what failures would mean."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports.losses import Failure
from snow_ha_plugin.errors import DataError, NoSuchObjectError, TimedOutError
from snow_ha_plugin.model import Action, Answer, ClusterState, Move, NodeState, ResourceState
from snow_ha_plugin.operations import simulation
from snow_ha_plugin.operations.simulation import Outcome, Outlook
from snow_ha_plugin.system import scheduler
from tests.captures import domain
from tests.scenarios import cluster

TWO = """
server snow01 8192 4
server snow02 16384 4
domain a 2048 1 on snow01
domain b 4096 1 on snow02
domain c 1024 1
option no-quorum-policy=stop
"""
# What Pacemaker starts anyway would only be in the way of what is asked.
RESTING = TWO.replace("domain c 1024 1", "domain c 1024 1 target-role=Stopped")


def outlook(text: str, *files: str) -> Outlook:
    return Outlook(cluster.read(text).tree, {name: domain(name, memory_mib=3000) for name in files})


def servers(*states: str, memory: int | str = 8192) -> str:
    """`-` for one that is online, or its state."""
    lines = [f"server snow{number:02} {memory} 4 {state.strip('-')}" for number, state in enumerate(states, 1)]
    return "\n".join(lines) + "\n"


# --- sizes


def test_memory_that_domains_take_is_not_free() -> None:
    now = outlook(RESTING)
    assert now.members == ["snow01", "snow02"]
    assert now.places == {"a": "snow01", "b": "snow02", "c": None}
    assert now.free_mib == {"snow01": 8192 - 2048, "snow02": 16384 - 4096}
    assert now.loads == {"snow01": 2048 / 8192, "snow02": 4096 / 16384}
    assert now.loads_of({"a": "snow02", "b": "snow02", "c": None}) == {"snow01": 0, "snow02": 6144 / 16384}


def test_a_size_that_the_cib_lacks_is_the_domain_files() -> None:
    text = RESTING + "domain d - 1 on snow01\ndomain e - - on snow01\n"
    now = outlook(text, "b", "d")
    assert now.sizes.needs == {"a": 2048, "b": 4096, "c": 1024, "d": 3000}
    assert now.free_mib["snow01"] == 8192 - 2048 - 3000
    assert now.loads["snow01"] == (2048 + 3000) / 8192


def test_a_server_without_a_capacity_has_neither_room_nor_load() -> None:
    now = outlook(servers("-") + "server snow02 - 4\ndomain a 1024 1 on snow02\ndomain b - 1 on snow01\n")
    assert now.sizes.room == {"snow01": 8192}
    assert now.free_mib == {"snow01": 8192}
    assert now.loads == {"snow01": 0}
    assert now.n_plus_1.unsized == ("snow02", "b")


def test_what_rests_need_not_have_a_size() -> None:
    assert outlook(servers("-", "-") + "domain a - 1 target-role=Stopped\n").n_plus_1.unsized == ()


# --- what is asked


def test_the_scheduler_is_asked_once_whoever_asks(mocker: MockerFixture) -> None:
    take = mocker.spy(scheduler, "take")
    now = outlook(TWO)
    with ThreadPoolExecutor(2) as pool:
        both = [each.result() for each in [pool.submit(lambda: now.now) for _ in range(2)]]
    assert both[0] is both[1]
    assert now.taken is not now.tree
    assert take.call_count == 1


@pytest.mark.parametrize("task", ["stop", "restart", "recover", "move", "migrate", "leave"])
def test_what_would_disturb_is_neither_meant_nor_about_to_happen_anyway(task: str) -> None:
    now = outlook(TWO)
    start = next(action for action in now.now.actions if action.task == "start")
    found = Action(task, "a", "snow02")
    others = [Action(other, "a", "snow02") for other in ("start", "reload", "promote")]
    assert now.disturbed([found, *others, start], ()) == [found]
    assert now.disturbed([found], [Move("a", "snow01", "snow02", 2048, task == "move")]) == (
        [] if task in ("move", "migrate") else [found]
    )
    # Another one's move, or one to elsewhere, is not what was meant.
    assert now.disturbed([found], [Move("b", "snow01", "snow02", 1), Move("a", "snow02", "snow01", 1)]) == [found]
    assert now._first
    now._first = (now.now._replace(actions=(found,)), now.taken)
    assert now.disturbed([found], ()) == []


# --- failures


def test_a_failure_moves_domains_to_the_servers_that_are_left() -> None:
    found = outlook(RESTING).failure(["snow01"])
    assert found.before == {"a": "snow01", "b": "snow02", "c": None}
    assert found.after == {"a": "snow02", "b": "snow02", "c": None}
    assert (found.serving, found.has_quorum, found.restarted) == (("snow02",), True, ())


@pytest.mark.parametrize(
    ("states", "lost", "has_quorum"),
    [
        # One of two goes on (two_node), and none of two does not.
        ("--", 1, True),
        ("--", 2, False),
        # More than half of three, and not half of four.
        ("---", 1, True),
        ("---", 2, False),
        ("----", 1, True),
        ("----", 2, False),
        ("-----", 2, True),
        ("-----", 3, False),
    ],
)
def test_a_majority_is_what_is_left_to_have_quorum(states: str, lost: int, has_quorum: bool) -> None:
    now = outlook(servers(*states) + "domain a 1024 1 on snow01\noption no-quorum-policy=stop\n")
    found = now.failure(now.members[:lost])
    assert found.has_quorum is has_quorum
    assert bool(found.after["a"]) is has_quorum
    assert now.cost(found).lost == (() if has_quorum else ("a",))


def test_a_server_that_is_lost_already_has_no_vote() -> None:
    now = outlook(servers("-", "-", "offline") + "domain a 1024 1 on snow01\n")
    assert not now.failure(["snow01"]).has_quorum
    assert list(now.n_plus_1.failures) == ["snow01", "snow02"]
    assert now.n_plus_1.serving == ("snow01", "snow02")


def test_a_server_that_joins_votes_already(mocker: MockerFixture) -> None:
    now = outlook(servers("-", "-", "offline"))
    nodes = tuple(each._replace(joining=each.name == "snow03") for each in now.now.state.nodes)
    now._first = (now.now._replace(state=now.now.state._replace(nodes=nodes)), now.taken)
    assert now._has_quorum(["snow01"])


def test_who_serves_is_neither_gone_nor_in_standby() -> None:
    now = outlook(servers("-", "-", "standby", "maintenance"))
    assert now.failure(["snow01"]).serving == ("snow02",)
    assert now.then().serving == ("snow01", "snow02")
    assert now.then().has_quorum
    assert now.n_plus_1.serving == ("snow01", "snow02")


def test_a_failure_of_nobody_that_is_there_is_told() -> None:
    now = outlook(TWO)
    for names, words in ((["snow01", "snw02"], "did you mean snow02"), (["other"], "see snow ha status")):
        with pytest.raises(NoSuchObjectError, match=f"no server {names[-1]}; the cluster has snow01, snow02; {words}"):
            now.failure(names)
        with pytest.raises(NoSuchObjectError):
            simulation.drained(now.tree, names[-1], {})


def test_after_a_failure_the_outlook_is_that_of_who_is_left() -> None:
    then = outlook(RESTING + "domain d - 1 on snow02\n", "d").after_failure(["snow01"])
    assert then.places["a"] == then.places["b"] == "snow02"
    assert then.sizes.needs["d"] == 3000
    assert list(then.n_plus_1.failures) == ["snow02"]


@pytest.mark.parametrize("by_sizes", [False, True])
def test_n_plus_1_is_what_the_failure_of_each_would_cost(by_sizes: bool) -> None:
    text = servers("-", "-", memory=4096) + "domain a 3072 1 on snow01\ndomain b 2048 1 on snow02\n"
    found = outlook(text + ("option placement-strategy=utilization\n" if by_sizes else "")).n_plus_1
    assert found.by_sizes is by_sizes
    expected = {"snow01": ("a",), "snow02": ("b",)}
    assert {server: failure.lost if by_sizes else failure.squeezed for server, failure in found.failures.items()} == (
        expected
    )


@pytest.mark.parametrize("late", [TimedOutError("late"), DataError("no answer")])
def test_a_failure_that_there_was_no_time_for_is_unasked(mocker: MockerFixture, late: Exception) -> None:
    real = scheduler.ask_each

    def ask_each(taken: cib.Tree, edits: Any, *, within_s: float) -> Any:
        assert within_s == simulation.FAILURES_WITHIN_S
        return {**real(taken, edits, within_s=within_s), "snow02": late}

    mocker.patch.object(scheduler, "ask_each", side_effect=ask_each)
    found = outlook(TWO).n_plus_1
    assert (list(found.failures), found.unasked) == (["snow01"], ("snow02",))


# --- what waits until a lost server is fenced


STATE = ResourceState("a", "Started", ("snow01",), managed=True, failed=False, blocked=False, agent="ocf:snow:Xen")
NODES = (NodeState("snow01", True, False, False, False),)


def waits(managed: bool = True, blocked: Sequence[str] = (), after: Sequence[str] = (), quorum: bool = True) -> bool:
    state = ClusterState(True, False, NODES, (STATE._replace(managed=managed),))
    answer = Answer(state, (), {}, {}, {}, blocked=frozenset(blocked))
    outcome = Outcome({"a": ("snow01",), "b": ()}, {"a": tuple(after), "b": ()}, ("snow01",), quorum)
    return simulation._waits(answer, outcome)


def test_a_stop_that_is_only_blocked_or_not_looked_after_is_not_the_end() -> None:
    assert waits(blocked=["a"])
    assert waits(managed=False)
    assert not waits()
    assert not waits(blocked=["b"])
    # It does not stop, or nothing will be fenced.
    assert not waits(blocked=["a"], after=["snow02"])
    assert not waits(blocked=["a"], quorum=False)
    assert not waits(managed=False, quorum=False)


def test_what_waits_is_asked_about_once_more(mocker: MockerFixture) -> None:
    now = outlook(RESTING)
    mocker.patch.object(simulation, "_waits", return_value=True)
    played = mocker.spy(scheduler, "carry_out")
    assert now.failure(["snow01"]).after["a"] == "snow02"
    assert played.call_count == 1
    now.after_failure(["snow01"])
    assert played.call_count == 3


# --- the losses of each, and what a drain means


def test_the_loss_of_each_server_that_is_online() -> None:
    losses = simulation.loss_of_each(outlook(RESTING), {})
    assert [(each.server, each.moved) for each in losses] == [("snow01", ("a",)), ("snow02", ("b",))]
    assert [each.fullest for each in losses] == [6144 / 16384, 6144 / 8192]
    lost_already = outlook(RESTING + servers("offline").replace("snow01", "snow03"))
    assert [each.server for each in simulation.loss_of_each(lost_already, {})] == ["snow01", "snow02"]


def test_a_domain_that_is_lost_or_stays_has_not_moved() -> None:
    only = '<rsc_location id="x" rsc="a" node="snow02" score="-INFINITY"/>'
    losses = simulation.loss_of_each(outlook(f"{RESTING}xml constraints {only}\n"), {"a": "x", "b": "x"})
    assert [(each.moved, each.cost) for each in losses] == [((), Failure(lost=("a",))), (("b",), Failure())]
    assert [[found.server for found in each.sharing] for each in losses] == [[], ["snow01"]]
    assert losses[1].harm == "a and b would share snow01" or not losses[1].sharing[0].is_harm


def test_of_servers_without_capacities_none_is_the_fullest() -> None:
    now = outlook("server snow01 - 4\nserver snow02 - 4\ndomain a 1024 1 on snow01\n")
    assert [each.fullest for each in simulation.loss_of_each(now, {})] == [0, 0]
    outcome, then = simulation.drained(now.tree, "snow01", {})
    assert simulation.consequences(now, outcome, then, {}).fullest == 0


def test_a_drain_means_what_is_so_once_all_have_gone() -> None:
    now = outlook(RESTING)
    outcome, then = simulation.drained(now.tree, "snow02", {"c": domain("c")})
    assert outcome.after == {"a": "snow01", "b": "snow01", "c": None}
    assert outcome.serving == ("snow01",)
    found = simulation.consequences(now, outcome, then, {"a": "x", "b": "x"})
    assert found.fullest == 6144 / 8192
    assert found.cost == Failure()
    assert [each.server for each in found.sharing] == ["snow01"]
    # snow01 takes all of them, and nobody takes them from it.
    assert found.n_plus_1.stranded == {"snow01": ("a", "b")}
    assert set(then.files) == {"c"}
    assert not now.tree.xpath("//nvpair[@name='standby']")
