"""Where the scheduler's answer leaves resources, in what crm_simulate shows of a cluster that it has played."""

from __future__ import annotations

import pytest

from snow_ha_plugin.model import Action, Answer, ClusterState, NodeState, ResourceState


def node(name: str, *, online: bool = True) -> NodeState:
    return NodeState(name, online=online, standby=False, maintenance=False, unclean=False)


def played(place: str, *actions: Action, online: bool = True) -> Answer:
    """web01 is on a place by what was played, in a cluster of snow01 and snow02, of which the first may be off."""
    web01 = ResourceState("web01", "Started", (place,), managed=True, failed=True, blocked=False)
    state = ClusterState(True, False, (node("snow01", online=online), node("snow02", online=False)), (web01,))
    return Answer(state, actions, {}, {}, {}, settled=state)


@pytest.mark.parametrize(
    ("actions", "after"),
    [
        ((), ("snow01",)),
        ((Action("stop", "web01", "snow01"),), ()),
        ((Action("stop", "web01", "snow01"), Action("start", "web01", "snow01")), ("snow01",)),
        ((Action("stop", "web01", "snow02"),), ("snow01",)),
        ((Action("stop", "web02", "snow01"),), ("snow01",)),
    ],
    ids=["nothing done", "stopped", "restarted", "stopped elsewhere", "another stopped"],
)
def test_what_was_stopped_is_stopped_although_its_failure_is_left_on_record(
    actions: tuple[Action, ...], after: tuple[str, ...]
) -> None:
    assert played("snow01", *actions).after == {"web01": after}


def test_a_guest_node_is_on_a_server_and_goes_with_the_last_one() -> None:
    assert played("guest01").after == {"web01": ("guest01",)}
    assert played("guest01", online=False).after == {"web01": ()}
