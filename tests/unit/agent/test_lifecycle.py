"""start and stop to the letter: what xl is told, which time each part has, and whom a start asks before."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from snow_ha_plugin.agent import domain_file, lifecycle
from snow_ha_plugin.agent.host import SSH
from snow_ha_plugin.agent.lifecycle import start, stop
from snow_ha_plugin.agent.operation import INSTALLED, SUCCESS, OcfError, Operation
from snow_ha_plugin.agent.process import Result
from tests.unit.agent.conftest import HERE, THERE, Servers

pytestmark = pytest.mark.usefixtures("domain")


class Others:
    """The other members, asked at the same time: what each of them says instead of its list, and how long it had."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.said: dict[str, Result] = {}
        self.asked: list[str] = []
        self.given_s: list[float] = []

    def __call__(self, words: list[str]) -> SimpleNamespace:
        server = words[len(SSH)]
        self.asked.append(server)

        def result(deadline: float) -> Result:
            self.given_s.append(deadline - self.servers.now)
            return self.said.get(server) or self.servers.run(words, deadline)

        return SimpleNamespace(result=result)


@pytest.fixture
def others(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Others:
    others = Others(servers)
    monkeypatch.setattr(lifecycle, "Program", others)
    servers.programs["crm_node"] = Result(["crm_node"], 0, "snow01 snow02 snow03\n", "")
    servers.on["snow03"] = []
    return others


def within(servers: Servers, timeout_s: float) -> Operation:
    return Operation("web01", servers.now, servers.now + timeout_s)


@pytest.mark.parametrize("config", [{"name": "other"}, {}])
def test_a_domain_is_created_by_the_name_that_pacemaker_knows(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, config: dict[str, str]
) -> None:
    monkeypatch.setattr(domain_file, "read_if_host_has_all", lambda deadline: config)
    assert start(within(servers, 60)) == SUCCESS
    assert (HERE, 'xl create /web01.cfg name="web01"') in servers.commands


@pytest.mark.parametrize(("timeout_s", "expected_s"), [(60, 5), (9, (9 - 0.1) / 3)])
def test_other_servers_have_a_third_of_the_time_and_at_most_five_seconds(
    servers: Servers, others: Others, timeout_s: float, expected_s: float
) -> None:
    assert start(within(servers, timeout_s)) == SUCCESS
    at = servers.commands.index((HERE, "crm_node --partition"))
    assert servers.given_s[at] == pytest.approx(expected_s)
    assert others.given_s[0] == pytest.approx(expected_s - 0.1), "what is left of it"
    assert others.asked == [THERE, "snow03"]


@pytest.mark.parametrize("said", ["nonsense\n", ""])
def test_after_a_server_that_tells_nothing_the_next_one_is_heard(servers: Servers, others: Others, said: str) -> None:
    others.said[THERE] = Result(["xl", "list"], 0, said, "")
    servers.place("snow03", "own running")
    with pytest.raises(OcfError, match="web01 runs on snow03 already: domain 1"):
        start(within(servers, 60))


def test_this_server_is_known_by_its_name_where_pacemaker_does_not_tell_it(
    servers: Servers, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OCF_RESKEY_CRM_meta_on_node")
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="snow03"))
    servers.on["snow01"] = []
    start(within(servers, 60))
    assert others.asked == ["snow01", "snow02"]


def test_who_is_a_member_may_be_unknown(servers: Servers, others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(words: list[str], deadline: float) -> Result:
        raise OcfError(INSTALLED, "crm_node is not installed on this server")

    monkeypatch.setattr(lifecycle, "run", missing)
    assert start(within(servers, 60)) == SUCCESS
    assert others.asked == []


@pytest.mark.parametrize(
    ("given", "timeout_s", "at_s"),
    [
        # two thirds
        ("", 90, 60),
        # as many as are given, and less where ten seconds, or half of a short time, would not be left for destroying
        ("17", 90, 17),
        ("600", 60, 50),
        ("600", 16, 8),
        ("", 12, 6),
    ],
)
def test_a_guest_has_time_to_shut_down_and_xl_to_destroy_it(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, given: str, timeout_s: float, at_s: float
) -> None:
    monkeypatch.setenv("OCF_RESKEY_shutdown_timeout", given)
    servers.place(HERE, "own running")
    assert stop(within(servers, timeout_s)) == SUCCESS
    assert at_s <= servers.seconds < at_s + 0.6


def test_the_time_to_shut_down_is_a_part_of_the_whole_operation(servers: Servers) -> None:
    """Also of what passed before the agent was there."""
    servers.place(HERE, "own running")
    assert stop(Operation("web01", servers.now - 15, servers.now + 45)) == SUCCESS
    assert 35 <= servers.seconds < 35.6, "not 30, and 10 for destroying"


@pytest.mark.parametrize(("acpi", "command"), [("no", "xl shutdown 1"), ("yes", "xl trigger 1 power")])
def test_a_guest_is_asked_in_one_way_and_destroyed_by_its_id(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, acpi: str, command: str
) -> None:
    monkeypatch.setenv("OCF_RESKEY_shutdown_acpi", acpi)
    servers.place(HERE, "own running")
    assert stop(within(servers, 30)) == SUCCESS
    assert [words for _, words in servers.commands if words != "xl list"] == [command, "xl destroy 1"]


def test_each_instance_is_dealt_with_by_itself(servers: Servers) -> None:
    servers.place(HERE, "own running", "away suspended", "incoming paused")
    assert stop(within(servers, 30)) == SUCCESS
    asked = [words for _, words in servers.commands if words != "xl list"]
    assert asked == ["xl shutdown 1", "xl destroy 2", "xl destroy 3", "xl destroy 1"]


def test_a_list_that_fails_once_is_no_reason_to_give_up(servers: Servers) -> None:
    servers.silent.add(HERE)
    servers.events.append((servers.now + 3, servers.silent.clear))
    assert stop(within(servers, 30)) == SUCCESS
    assert 3 < servers.seconds < 3.5


def test_the_first_failure_is_told_and_not_what_the_end_cut_short(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.place(HERE, "own paused")
    servers.failing.add("destroy")
    servers.events.append((servers.now + 25, lambda: servers.silent.add(HERE)))
    with pytest.raises(OcfError, match=r"could not be stopped: `xl destroy 1` exited with 1 \(destroy failed\)"):
        stop(within(servers, 30))


def test_what_stays_although_nothing_failed_is_told(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.place(HERE, "own running")
    only_lists = servers._xl
    monkeypatch.setattr(servers, "_xl", lambda server, verb, words: only_lists(server, "list", []))
    with pytest.raises(OcfError, match="could not be stopped: it is still there"):
        stop(within(servers, 30))


def test_a_stop_ends_what_nobody_waits_for_first(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(lifecycle, "end_orphans", lambda name: ended.append(f"{name} {servers.calls}"))
    assert stop(within(servers, 30)) == SUCCESS
    assert ended == ["web01 []"]
