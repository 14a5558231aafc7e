"""After a migration that did not end well: what is left in the end, for all that it can have left."""

from __future__ import annotations

import pytest

from snow_ha_plugin.agent.host import Host
from snow_ha_plugin.agent.operation import SUCCESS, OcfError
from snow_ha_plugin.agent.recovery import recover
from tests.unit.agent.conftest import HERE, THERE, Servers

STARTED = "migration target: Got permission, starting domain."
STILL = "still runs here"


def recovered(servers: Servers, said: str = "") -> str:
    """What `recover` says; "" where the domain runs on the target."""
    try:
        assert recover(Host("web01"), Host("web01", THERE), said, "the reason", servers.now + 60) == SUCCESS
    except OcfError as error:
        return error.text
    return ""


@pytest.mark.parametrize(
    ("here", "there", "said", "left_here", "left_there", "text"),
    [
        (["own running"], ["incoming never scheduled"], "", ["own running"], [], STILL),
        (["own paused"], ["own crashed"], "", ["own paused"], ["own crashed"], STILL),
        (["own suspended"], ["incoming never scheduled"], "", ["own running"], [], STILL),
        (["own suspended"], [], STARTED, ["own running"], [], STILL),
        (["away suspended"], ["own running"], "", [], ["own running"], ""),
        (["away suspended"], ["incoming never scheduled"], "", [], ["own running"], ""),
        (["away suspended"], [], "", ["own running"], [], STILL),
        (["away suspended"], [], STARTED, ["--migratedaway suspended"], [], "neither side"),
        (["away suspended"], ["own crashed"], "", ["--migratedaway suspended"], ["own crashed"], "neither side"),
        (["away suspended"], ["incoming off"], "", ["--migratedaway suspended"], [], "neither side"),
        ([], ["own running"], "", [], ["own running"], ""),
        ([], ["incoming never scheduled"], "", [], [], "neither side"),
        ([], [], "", [], [], "neither side"),
        (["own crashed"], ["own paused"], "", [], ["own paused"], ""),
    ],
)
def test_in_the_end_it_runs_in_one_place_or_the_administrator_is_told(
    servers: Servers,
    here: list[str],
    there: list[str],
    said: str,
    left_here: list[str],
    left_there: list[str],
    text: str,
) -> None:
    servers.place(HERE, *here)
    servers.place(THERE, *there)
    told = recovered(servers, said)
    assert text in told if text else told == ""
    assert "the reason" in told or not told
    assert (servers.states(HERE), servers.states(THERE)) == (left_here, left_there)
    assert servers.seconds < 60


def test_what_cannot_be_run_on_the_target_is_taken_back(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.place(THERE, "incoming never scheduled")
    servers.failing.add("unpause")
    assert STILL in recovered(servers)
    assert (servers.states(HERE), servers.states(THERE)) == (["own running"], [])


@pytest.mark.parametrize("here", ["away suspended", "own crashed"])
def test_a_target_that_does_not_answer_leaves_everything_as_it_is(servers: Servers, here: str) -> None:
    servers.place(HERE, here)
    servers.place(THERE, "own running")
    servers.silent.add(THERE)
    before = servers.states(HERE)
    assert "nobody knows whether web01 runs there" in recovered(servers)
    assert servers.states(HERE) == before


def test_where_it_goes_on_here_a_silent_target_may_wait(servers: Servers) -> None:
    servers.place(HERE, "own suspended")
    servers.silent.add(THERE)
    assert STILL in recovered(servers)
    assert servers.states(HERE) == ["own running"]
    assert servers.seconds < 15


def test_a_target_is_believed_when_it_has_settled(servers: Servers) -> None:
    """Its receiver gives up only now."""
    servers.place(HERE, "away suspended")
    servers.place(THERE, "own never scheduled")
    servers.at(0.5, THERE)
    assert STILL in recovered(servers)
    assert (servers.states(HERE), servers.states(THERE)) == (["own running"], [])


def test_what_cannot_be_resumed_is_told(servers: Servers) -> None:
    servers.place(HERE, "own suspended")
    servers.failing.add("migrate")
    assert "is frozen here and cannot be resumed: `xl migrate" in recovered(servers)
