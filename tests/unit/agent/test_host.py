"""A domain on a server: how that is asked, and how often until its answer counts."""

from __future__ import annotations

import pytest

from snow_ha_plugin.agent.domains import Instance
from snow_ha_plugin.agent.host import SSH, Host
from snow_ha_plugin.agent.operation import UnknownError
from snow_ha_plugin.core.timeouts import START_MIB_S
from tests.unit.agent.conftest import HERE, THERE, Servers


def test_no_questions_and_a_cut_network_is_noticed_in_six_seconds() -> None:
    program, *options = SSH
    told = dict(option.removeprefix("-o").split("=") for option in options)
    assert (program, told["BatchMode"], told["ConnectTimeout"]) == ("ssh", "yes", "5")
    assert int(told["ServerAliveInterval"]) * int(told["ServerAliveCountMax"]) == 6


def a_look(servers: Servers) -> list[Instance]:
    return Host("web01").at_rest(servers.now + 60, absence_passes=True)


def test_each_look_at_another_server_goes_by_ssh(servers: Servers) -> None:
    servers.place(THERE, "own running", "away suspended")
    (own, away) = Host("web01", THERE).instances(servers.now + 5)
    assert (own.form, away.form) == ("", "--migratedaway")
    assert servers.commands == [(THERE, "xl list")]
    assert Host("web01").instances(servers.now + 5) == []
    assert servers.commands[1:] == [(HERE, "xl list")]


def test_a_list_that_fails_tells_nothing_and_why(servers: Servers) -> None:
    servers.silent.add(THERE)
    with pytest.raises(UnknownError, match="exited with 255"):
        Host("web01", THERE).instances(servers.now + 5)


def test_a_look_is_asked_again_until_there_is_an_answer(servers: Servers) -> None:
    servers.silent.add(HERE)
    servers.events.append((servers.now + 3, servers.silent.clear))
    assert Host("web01").first_answer(servers.now + 5) == []
    assert 3 < servers.seconds < 3.4


def test_there_is_one_look_however_little_time_is_left(servers: Servers) -> None:
    assert list(Host("web01").looks(servers.now)) == [[]]
    servers.silent.add(HERE)
    with pytest.raises(UnknownError):
        list(Host("web01").looks(servers.now))


def test_looks_end_before_the_deadline(servers: Servers) -> None:
    deadline = servers.now + 1
    looks = list(Host("web01").looks(deadline))
    assert len(looks) == 5, "each takes a tenth of a second, and so does the pause"
    assert servers.now <= deadline


def test_nothing_is_waited_for_longer_than_xl_sleeps_and_so_is_a_state_that_passes(servers: Servers) -> None:
    assert a_look(servers) == []
    assert 5 < servers.seconds < 5.5
    servers.place(HERE, "own suspended")
    began = servers.now
    assert [each.state for each in a_look(servers)] == ["suspended"]
    assert 5 < servers.now - began < 5.5


def test_absence_passes_only_where_something_should_be(servers: Servers) -> None:
    assert Host("web01").at_rest(servers.now + 60) == []
    assert servers.seconds < 0.2


def test_absence_passes_while_xl_may_create_the_domain_anew(servers: Servers) -> None:
    servers.daemons = ["77"]
    servers.at(3, HERE, "own running")
    assert [each.state for each in Host("web01").at_rest(servers.now + 60)] == ["running"]
    servers.place(HERE)
    servers.events.append((servers.now + 2, servers.daemons.clear))
    began = servers.now
    assert Host("web01").at_rest(servers.now + 60) == []
    assert 2 < servers.now - began < 2.5


@pytest.mark.parametrize("state", ["rebooting", "never scheduled"])
@pytest.mark.parametrize("memory_mib", [512, 2048])
def test_a_domain_that_is_built_has_the_time_that_its_start_has(servers: Servers, state: str, memory_mib: int) -> None:
    servers.place(HERE, f"own {state}")
    servers.on[HERE][0].memory_mib = memory_mib
    servers.at(5 + memory_mib / START_MIB_S - 0.5, HERE, "own running")
    assert [each.state for each in a_look(servers)] == ["running"]
    servers.place(HERE, f"own {state}")
    servers.on[HERE][0].memory_mib = memory_mib
    began = servers.now
    assert [each.state for each in a_look(servers)] == [state]
    assert 5 < servers.now - began - memory_mib / START_MIB_S < 5.5


def test_each_state_has_its_own_time_to_pass(servers: Servers) -> None:
    """Of one domain, and of the next one, which is in the same."""
    servers.place(HERE, "own rebooting")
    servers.at(4, HERE, "own never scheduled")
    servers.at(8, HERE, "away suspended", "own never scheduled")
    servers.at(12, HERE, "own running")
    assert [each.state for each in a_look(servers)] == ["running"]
    assert 12 < servers.seconds < 12.5


@pytest.mark.parametrize("then", [["own paused"], ["incoming running"], ["incoming paused", "own paused"], []])
def test_a_server_has_settled_when_it_has_shown_the_same_for_a_while(servers: Servers, then: list[str]) -> None:
    servers.place(THERE, "incoming paused")
    servers.at(0.6, THERE, *then)
    found = Host("web01", THERE).settled(servers.now + 60)
    assert servers.states(THERE) == [f"{each.form or 'own'} {each.state}" for each in found]
    assert len(found) == len(then)
    assert 0.6 + 0.7 < servers.seconds < 0.6 + 0.7 + 0.5


def test_a_server_that_never_settles_is_taken_as_it_is_in_the_end(servers: Servers) -> None:
    for tenth in range(1, 40):
        servers.at(tenth / 2, THERE, "own paused" if tenth % 2 else "own running")
    assert len(Host("web01", THERE).settled(servers.now + 10)) == 1
    assert 9 < servers.seconds <= 10


def test_only_what_is_given_is_destroyed(servers: Servers) -> None:
    servers.place(HERE, "own running", "incoming paused", "away suspended")
    _, *others = servers.on[HERE]
    Host("web01").destroy(others, servers.now + 10)
    assert [words for _, words in servers.commands if words != "xl list"] == ["xl destroy 2", "xl destroy 3"]
    assert servers.states(HERE) == ["own running"]
    assert servers.commands[-1] == (HERE, "xl list"), "seen to be gone"


def test_to_destroy_nothing_nobody_is_asked(servers: Servers) -> None:
    Host("web01").destroy([], servers.now + 10)
    assert servers.commands == []


def test_what_is_dying_is_not_waited_for(servers: Servers) -> None:
    servers.place(HERE, "away dying")
    Host("web01").destroy(servers.on[HERE], servers.now + 10)
    assert servers.commands == [(HERE, "xl list")]


@pytest.mark.parametrize(
    ("failing", "why"), [({"destroy"}, r"`xl destroy 1` exited with 1 \(destroy failed\)"), ((), "it is still there")]
)
def test_what_cannot_be_destroyed_is_told_with_the_reason(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, failing: set[str], why: str
) -> None:
    servers.place(HERE, "own crashed")
    servers.failing.update(failing)
    only_lists = servers._xl
    monkeypatch.setattr(servers, "_xl", lambda server, verb, words: only_lists(server, "list", []))
    with pytest.raises(UnknownError, match=f"web01 could not be destroyed: {why}"):
        Host("web01").destroy(servers.on[HERE], servers.now + 3)
    assert 2.5 < servers.seconds <= 3.2
