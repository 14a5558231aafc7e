"""start, stop and monitor against two servers that are not there: what they do, and how long they wait."""

from __future__ import annotations

import pytest

from snow_ha_plugin.agent import domain_file, lifecycle
from snow_ha_plugin.agent.domains import Instance
from snow_ha_plugin.agent.host import ABSENCE_S, Host
from snow_ha_plugin.agent.lifecycle import start, stop
from snow_ha_plugin.agent.monitor import monitor
from snow_ha_plugin.agent.operation import (
    GENERIC,
    INSTALLED,
    NOT_RUNNING,
    PATIENCE_S,
    SUCCESS,
    OcfError,
    Operation,
    UnknownError,
)
from snow_ha_plugin.agent.process import Result
from tests.unit.agent.conftest import HERE, THERE, Servers

TIMEOUT_S = 30.0

pytestmark = pytest.mark.usefixtures("domain")


@pytest.fixture
def operation(servers: Servers) -> Operation:
    return Operation("web01", servers.now, servers.now + TIMEOUT_S)


def failure(action: object, operation: Operation) -> tuple[int, str]:
    with pytest.raises(OcfError) as caught:
        action(operation)  # type: ignore[operator]
    return caught.value.status, caught.value.text


def test_a_probe_of_nothing_looks_once(servers: Servers, operation: Operation) -> None:
    assert monitor(operation) == NOT_RUNNING
    assert servers.calls == ["xl list"]


def test_where_the_name_is_doubted_nothing_is_no_absence(servers: Servers) -> None:
    doubted = Operation("web01", servers.now, servers.now + TIMEOUT_S, "storage does not answer")
    assert failure(monitor, doubted) == (
        GENERIC,
        "web01 is not here, and may have another name: storage does not answer",
    )
    servers.place(HERE, "own running")
    assert monitor(doubted) == SUCCESS


@pytest.mark.usefixtures("recurring")
def test_a_domain_that_is_gone_is_looked_for_a_while(servers: Servers, operation: Operation) -> None:
    assert monitor(operation) == NOT_RUNNING
    assert ABSENCE_S < servers.seconds < ABSENCE_S + 1


@pytest.mark.usefixtures("recurring")
def test_a_reboot_is_waited_for(servers: Servers, operation: Operation) -> None:
    servers.place(HERE, "own rebooting")
    servers.at(2, HERE)
    servers.at(3, HERE, "own never scheduled")
    servers.at(4, HERE, "own running")
    assert monitor(operation) == SUCCESS


@pytest.mark.parametrize(
    ("state", "why", "more_s"),
    [
        ("rebooting", "it is rebooting", 512 / 50),
        ("suspended", "it is suspended", 0),
        ("never scheduled", "paused before it ever ran", 512 / 50),
        ("dying", "it is dying", 0),
    ],
)
def test_a_state_that_does_not_pass_is_a_failure(
    servers: Servers, operation: Operation, state: str, why: str, more_s: float
) -> None:
    servers.place(HERE, f"own {state}")
    status, text = failure(monitor, operation)
    assert (status, why in text) == (GENERIC, True)
    assert PATIENCE_S < servers.seconds - more_s < PATIENCE_S + 1


@pytest.mark.parametrize("state", ["off", "crashed"])
def test_what_has_ended_is_a_failure_at_once(servers: Servers, operation: Operation, state: str) -> None:
    servers.place(HERE, f"own {state}")
    assert failure(monitor, operation) == (GENERIC, f"web01 does not run: it is {state}")
    assert servers.seconds < 1


def test_a_check_of_the_guest_counts(servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.place(HERE, "own running")
    servers.programs = {"/good": Result(["/good"], 0, "", ""), "/bad": Result(["/bad"], 3, "", "no answer")}
    monkeypatch.setenv("OCF_RESKEY_monitor_scripts", "/good")
    assert monitor(operation) == SUCCESS
    monkeypatch.setenv("OCF_RESKEY_monitor_scripts", "/good /bad")
    assert failure(monitor, operation) == (
        GENERIC,
        "web01 runs, but a check of it failed: `/bad` exited with 3 (no answer)",
    )


@pytest.mark.usefixtures("recurring")
def test_a_toolstack_that_is_away_is_asked_until_the_deadline(servers: Servers, operation: Operation) -> None:
    servers.place(HERE, "own running")
    servers.silent.add(HERE)
    servers.events.append((servers.now + 20, servers.silent.clear))
    assert monitor(operation) == SUCCESS
    assert servers.seconds > 20
    servers.silent.add(HERE)
    with pytest.raises(UnknownError):
        monitor(operation)
    assert TIMEOUT_S - 1 < servers.seconds <= TIMEOUT_S


def test_an_old_answer_counts_only_for_a_while(servers: Servers) -> None:
    """A list that has not been seen again by the deadline is not what is there now."""
    servers.place(HERE, "own rebooting")
    servers.events.append((servers.now + 1, lambda: servers.silent.add(HERE)))
    seen: list[list[Instance]] = []
    with pytest.raises(UnknownError):
        seen.extend(Host("web01").looks(servers.now + TIMEOUT_S))
    servers.silent.clear()
    servers.events.append((servers.now + 1, lambda: servers.silent.add(HERE)))
    assert list(Host("web01").looks(servers.now + PATIENCE_S - 1))


@pytest.mark.parametrize(
    ("found", "calls"),
    [
        ([], ["xl create /web01.cfg"]),
        (["incoming paused"], ["xl destroy 1", "xl create /web01.cfg"]),
        (["own running"], []),
        (["own paused"], []),
    ],
)
def test_start_creates_the_domain_where_it_is_not(
    servers: Servers, operation: Operation, found: list[str], calls: list[str]
) -> None:
    servers.place(HERE, *found)
    assert start(operation) == SUCCESS
    assert [call for call in servers.calls if call not in ("xl list", "crm_node --partition")] == calls


@pytest.mark.parametrize("found", ["own crashed", "away suspended", "incoming running", "own dying"])
def test_start_refuses_beside_what_it_does_not_understand(servers: Servers, operation: Operation, found: str) -> None:
    servers.place(HERE, found)
    status, text = failure(start, operation)
    assert (status, "stop it first" in text) == (GENERIC, True)
    assert set(servers.calls) == {"xl list"}


@pytest.mark.parametrize("found", ["own running", "own paused", "own rebooting", "incoming running", "away running"])
def test_start_refuses_what_runs_on_another_member(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    started: list[list[str]] = []

    class Asked:
        def __init__(self, words: list[str]) -> None:
            started.append(words)
            self.words = words

        def result(self, deadline: float) -> Result:
            assert deadline <= servers.now + 5
            return servers.run(self.words, deadline)

    monkeypatch.setattr(lifecycle, "Program", Asked)
    servers.programs["crm_node"] = Result(["crm_node"], 0, "snow01 snow02 -x\n", "")
    servers.place(THERE, found, "away suspended")
    status, text = failure(start, operation)
    assert (status, text.startswith("web01 runs on snow02 already: ")) == (GENERIC, True)
    assert "suspended" not in text
    assert [words[-3:] for words in started] == [[THERE, "xl", "list"]]
    servers.silent.add(THERE)
    assert start(operation) == SUCCESS, "what does not answer is Pacemaker's to decide on"


def test_a_guest_must_answer_a_deep_monitor(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OCF_CHECK_LEVEL", "10")
    monkeypatch.setattr(domain_file, "read_given", lambda deadline: {"vif": ["ip=10.9.0.7"]})
    servers.place(HERE, "own running")
    servers.programs["ping"] = Result(["ping"], 0, "", "")
    assert monitor(operation) == SUCCESS
    assert "ping -n -q" in servers.calls, "no name server is asked for it"
    servers.programs["ping"] = Result(["ping"], 2, "", "no route")
    assert monitor(operation) == SUCCESS
    assert "cannot be asked at 10.9.0.7" in capfd.readouterr().err
    servers.programs["ping"] = Result(["ping"], 1, "", "silence")
    status, text = failure(monitor, operation)
    assert (status, "its guest does not answer" in text) == (GENERIC, True)
    assert servers.seconds > TIMEOUT_S - 1
    servers.place(HERE, "own paused")
    operation.deadline = servers.now + TIMEOUT_S
    assert monitor(operation) == SUCCESS, "a paused guest answers nobody"


def test_a_silent_guest_is_asked_again(servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCF_CHECK_LEVEL", "10")
    monkeypatch.setattr(domain_file, "read_given", lambda deadline: {"vif": ["ip=10.9.0.7"]})
    servers.place(HERE, "own running")
    servers.programs["ping"] = Result(["ping"], 1, "", "silence")
    good = Result(["ping"], 0, "", "")
    servers.events.append((servers.now + 5, lambda: servers.programs.update(ping=good)))
    assert monitor(operation) == SUCCESS
    assert 5 < servers.seconds < 6


def test_a_domain_that_was_created_must_run(servers: Servers, operation: Operation) -> None:
    servers.events.append((servers.now + 0.35, lambda: servers.place(HERE, "own crashed")))
    status, text = failure(start, operation)
    assert (status, "was created, but does not run" in text) == (GENERIC, True)
    servers.place(HERE)
    servers.failing.add("create")
    operation.deadline = servers.now + TIMEOUT_S
    status, text = failure(start, operation)
    assert text == "web01 could not be created: `xl create /web01.cfg` exited with 1 (create failed)"


def test_stop_asks_once_and_waits(servers: Servers, operation: Operation) -> None:
    servers.place(HERE, "own running")
    servers.at(5, HERE, "own dying")
    servers.at(6, HERE)
    assert stop(operation) == SUCCESS
    assert [call for call in servers.calls if call != "xl list"] == ["xl shutdown 1"]


def test_stop_presses_the_power_button_where_it_is_told_to(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_RESKEY_shutdown_acpi", "yes")
    servers.place(HERE, "own running")
    servers.at(5, HERE)
    assert stop(operation) == SUCCESS
    assert "xl trigger 1" in servers.calls


@pytest.mark.parametrize(
    ("given", "at_s"),
    # two thirds of the timeout; what is given, but early enough to destroy it
    [("", 20), ("7", 7), ("0", 0), ("600", 20), ("soon", 20)],
)
def test_stop_destroys_what_does_not_shut_down_in_time(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch, given: str, at_s: float
) -> None:
    monkeypatch.setenv("OCF_RESKEY_shutdown_timeout", given)
    servers.place(HERE, "own running")
    assert stop(operation) == SUCCESS
    assert servers.calls.count("xl destroy 1") == 1
    assert at_s <= servers.seconds < at_s + 1
    assert ("xl shutdown 1" in servers.calls) == (at_s > 0)


@pytest.mark.parametrize("found", ["own paused", "own crashed", "incoming paused", "away suspended"])
def test_stop_destroys_at_once_what_cannot_hear(servers: Servers, operation: Operation, found: str) -> None:
    servers.place(HERE, found)
    assert stop(operation) == SUCCESS
    assert servers.calls == ["xl list", "xl destroy 1", "xl list"]


def test_a_guest_that_reboots_is_asked_when_it_is_up(servers: Servers, operation: Operation) -> None:
    servers.place(HERE, "own rebooting")
    servers.at(2, HERE, "own running")
    servers.at(4, HERE)
    assert stop(operation) == SUCCESS
    assert [call for call in servers.calls if call != "xl list"] == ["xl shutdown 1"]


def test_nothing_is_no_end_while_xl_may_start_it_anew(servers: Servers, operation: Operation) -> None:
    """In the middle of its reboot; the new one is ended, too."""
    servers.daemons = ["77"]
    servers.at(2.5, HERE, "own never scheduled")
    servers.at(3.5, HERE, "own running")
    servers.at(5, HERE)
    servers.events.append((servers.now + 5.2, servers.daemons.clear))
    assert stop(operation) == SUCCESS
    assert servers.seconds > 5.2
    assert "xl destroy 1" in servers.calls


@pytest.mark.parametrize(("timeout_s", "at_s"), [(TIMEOUT_S, 20.0), (4.0, 2.0)])
def test_xl_s_process_that_neither_ends_nor_starts_it_is_ended(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, timeout_s: float, at_s: float
) -> None:
    servers.daemons = ["77"]
    monkeypatch.setattr(lifecycle, "kill", servers.daemons.remove)
    assert stop(Operation("web01", servers.now, servers.now + timeout_s)) == SUCCESS
    assert at_s <= servers.seconds < at_s + 0.6
    assert servers.calls[-1] == "xl list", "what it did meanwhile is seen"
    monkeypatch.setenv("OCF_RESKEY_shutdown_timeout", "0")
    servers.daemons.append("78")
    began = servers.now
    assert stop(Operation("web01", began, began + timeout_s)) == SUCCESS
    assert min(ABSENCE_S, timeout_s / 2) <= servers.now - began < ABSENCE_S + 0.6


def test_each_absence_has_its_own_time_to_pass(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_RESKEY_shutdown_timeout", "0")
    servers.daemons = ["77"]
    monkeypatch.setattr(lifecycle, "kill", servers.daemons.remove)
    servers.at(3, HERE, "own running")
    assert stop(operation) == SUCCESS
    assert 3 + ABSENCE_S < servers.seconds < 3 + ABSENCE_S + 1


def test_xl_s_process_that_cannot_be_ended_is_told(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.daemons = ["77"]
    monkeypatch.setattr(lifecycle, "kill", lambda pid: None)
    assert failure(stop, operation)[1] == "web01 could not be stopped: xl may start it anew (process 77)"


def test_why_a_guest_was_not_asked_is_told_where_nothing_ends_it(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.place(HERE, "own running")
    servers.failing.add("shutdown")
    only_lists = servers._xl
    monkeypatch.setattr(servers, "_xl", lambda server, verb, words: only_lists(server, "list", []))
    assert failure(stop, operation) == (
        GENERIC,
        "web01 could not be stopped: `xl shutdown 1` exited with 1 (shutdown failed)",
    )


def test_why_nothing_is_known_is_told(servers: Servers, operation: Operation) -> None:
    servers.failing.add("list")
    status, text = failure(stop, operation)
    assert (status, text) == (GENERIC, "web01 could not be stopped: `xl list` exited with 1 (list failed)")


def test_what_lingers_is_told(servers: Servers, operation: Operation) -> None:
    servers.place(HERE, "own dying")
    assert failure(stop, operation) == (GENERIC, "web01 could not be stopped: domain 1 (dying) lingers")
    assert TIMEOUT_S - 1 < servers.seconds <= TIMEOUT_S


def test_a_domain_that_loses_its_name_while_it_stops_is_not_gone(servers: Servers, operation: Operation) -> None:
    servers.place(HERE, "own running")
    servers.at(1, HERE, "nameless dying")
    servers.at(9, HERE)
    assert stop(operation) == SUCCESS
    assert servers.seconds > 9


def test_without_xl_only_a_recurring_monitor_waits(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snow_ha_plugin.agent import host

    def missing(words: list[str], deadline: float) -> Result:
        servers.sleep(0.1)
        raise OcfError(INSTALLED, "xl is not installed on this server")

    monkeypatch.setattr(host, "run", missing)
    assert failure(monitor, operation)[0] == INSTALLED
    assert servers.seconds < 1
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_interval", "10000")
    assert failure(monitor, operation)[0] == INSTALLED
    assert servers.seconds > TIMEOUT_S - 1
