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


def commands(servers: Servers, server: str) -> list[str]:
    return [words for where, words in servers.commands if where == server and words != "xl list"]


def test_the_whole_domain_is_run_on_the_target_by_its_id_and_not_beside_another(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.place(THERE, "incoming never scheduled")
    assert recovered(servers) == ""
    script = 'xl rename 1 web01; test "$(xl domid web01)" = 1 && xl unpause 1'
    assert commands(servers, THERE) == [script]
    assert commands(servers, HERE) == ["xl destroy 1"]


def test_a_guest_that_is_frozen_under_another_name_gets_its_own_and_goes_on(servers: Servers) -> None:
    """By a sender whose receiver hangs up: xl has no other way."""
    servers.place(HERE, "incoming paused", "away suspended")
    assert STILL in recovered(servers)
    rename, resume = commands(servers, HERE)
    assert rename == "xl rename 2 web01"
    assert resume.startswith("xl migrate -s  2 printf 'xl migration receiver ready, send binary domain data.")


def test_a_guest_that_has_its_name_keeps_it(servers: Servers) -> None:
    servers.place(HERE, "own suspended")
    assert STILL in recovered(servers)
    assert [words.split()[1] for words in commands(servers, HERE)] == ["migrate"]


def test_why_a_name_could_not_be_given_back_is_told(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.failing.update(("rename", "migrate"))
    assert "is frozen here and cannot be resumed: `xl rename 1 web01` exited with 1" in recovered(servers)
    assert 55 < servers.seconds < 60.2


def test_a_target_has_two_thirds_of_the_time_to_answer(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.place(THERE, "own running")
    servers.silent.add(THERE)
    servers.events.append((servers.now + 38, servers.silent.clear))
    assert recovered(servers) == "", "it has answered"
    servers.place(HERE, "away suspended")
    servers.silent.add(THERE)
    began = servers.now
    servers.events.append((began + 42, servers.silent.clear))
    assert "nobody knows" in recovered(servers)
    assert 39 < servers.now - began <= 40


def test_the_target_has_half_of_the_time_to_run_it(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.place(THERE, "incoming never scheduled")
    servers.failing.add("unpause")
    assert STILL in recovered(servers)
    assert 29 < servers.seconds < 34


def test_what_the_receiver_runs_meanwhile_counts(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.place(THERE, "incoming never scheduled")
    servers.failing.add("unpause")
    servers.at(5, THERE, "own running")
    assert recovered(servers) == ""
    assert 5 < servers.seconds < 6
    assert (servers.states(HERE), servers.states(THERE)) == ([], ["own running"])


def test_a_domain_that_ran_on_the_target_and_is_gone_does_not_go_on_here(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.place(THERE, "incoming never scheduled")
    servers.failing.add("unpause")
    servers.at(5, THERE, "own crashed")
    assert "runs on neither side" in recovered(servers)
    assert servers.states(HERE) == ["--migratedaway suspended"]


def test_a_target_that_falls_silent_while_it_is_to_run_it_leaves_everything_as_it_is(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.place(THERE, "incoming never scheduled")
    servers.failing.add("unpause")
    servers.events.append((servers.now + 5, lambda: servers.silent.add(THERE)))
    assert "exited with 255" in recovered(servers)
    assert servers.states(HERE) == ["--migratedaway suspended"]
    assert not any("destroy" in call for call in servers.calls)


def test_where_it_goes_on_here_a_target_has_ten_seconds_to_be_cleared(
    servers: Servers, capfd: pytest.CaptureFixture[str]
) -> None:
    servers.place(HERE, "own running")
    servers.place(THERE, "incoming paused")
    servers.silent.add(THERE)
    assert STILL in recovered(servers)
    assert 9.5 < servers.seconds <= 10.2
    assert "an incoming web01 may be left on snow02" in capfd.readouterr().err


def test_of_the_target_only_the_incoming_domain_is_cleared_away(servers: Servers) -> None:
    servers.place(HERE, "own running")
    servers.place(THERE, "incoming paused", "away suspended")
    assert STILL in recovered(servers)
    assert commands(servers, THERE) == ["xl destroy 1"]


def test_what_is_paused_on_the_target_is_waited_for_until_it_runs(servers: Servers) -> None:
    servers.place(HERE, "away suspended")
    servers.place(THERE, "incoming never scheduled")
    servers.failing.add("unpause")
    servers.at(5, THERE, "own paused")
    servers.at(8, THERE, "own running")
    assert recovered(servers) == ""
    assert 8 < servers.seconds < 9
