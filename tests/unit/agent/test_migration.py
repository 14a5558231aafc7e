"""migrate_to and migrate_from: what is asked before, and who is ended when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snow_ha_plugin.agent import migration
from snow_ha_plugin.agent.migration import migrate_from, migrate_to
from snow_ha_plugin.agent.operation import ARGS, GENERIC, PATIENCE_S, SUCCESS, OcfError, Operation, UnknownError
from snow_ha_plugin.agent.process import Result
from snow_ha_plugin.agent.progress import Progress
from tests.unit.agent.conftest import HERE, THERE, TIMEOUT_S, TRANSPORT, Sender, Servers


def failure(operation: Operation) -> tuple[int, str]:
    with pytest.raises(OcfError) as caught:
        migrate_to(operation)
    return caught.value.status, caught.value.text


def test_a_migration_that_ends_well_is_asked_for_nothing_more(
    servers: Servers, operation: Operation, sender: Sender, capfd: pytest.CaptureFixture[str]
) -> None:
    assert migrate_to(operation) == SUCCESS
    assert sender.words[:3] == ["xl", "migrate", "-s"]
    assert sender.words[-2:] == ["web01", THERE]
    assert "512 MiB in 3.0 s" in capfd.readouterr().err
    assert servers.calls == ["xl list", servers.scripts[0]]
    assert "'/it'\\''s here'" in servers.scripts[0]


def test_a_migration_that_takes_too_long_loses_its_transport_while_there_is_time(
    servers: Servers, operation: Operation, sender: Sender, ended: list[int]
) -> None:
    sender.takes_s = 1000
    status, text = failure(operation)
    assert (status, "still runs here" in text) == (GENERIC, True)
    assert ended == [TRANSPORT[1]]
    assert 0 < sender.given_s <= 4
    assert TIMEOUT_S - 25 <= servers.seconds < TIMEOUT_S - 15


def test_of_a_short_time_half_is_for_recovery(servers: Servers, operation: Operation, sender: Sender) -> None:
    sender.takes_s = 1000
    operation.deadline = servers.now + 20
    failure(operation)
    assert 10 <= servers.seconds < 20


@pytest.mark.parametrize("number", [15, 2, 1])
def test_a_signal_ends_the_migration_and_not_the_agent(
    servers: Servers, operation: Operation, sender: Sender, ended: list[int], number: int
) -> None:
    sender.takes_s = 1000
    handlers = migration.signal.handlers  # type: ignore[attr-defined]
    servers.events.append((servers.now + 5, lambda: handlers[number](number, None)))
    assert "the migration of web01 is interrupted" in failure(operation)[1]
    assert ended == [TRANSPORT[1]]
    assert 5 <= servers.seconds < 15


def test_an_xl_that_fails_is_recovered_from(servers: Servers, operation: Operation, sender: Sender) -> None:
    sender.status = 1
    servers.events.append((servers.now + 1, lambda: servers.place(THERE, "incoming never scheduled")))
    assert "`xl migrate` exited with 1" in failure(operation)[1]
    assert servers.states(THERE) == []


@pytest.mark.parametrize("found", [[], ["own paused"], ["own running", "incoming paused"]])
def test_only_what_runs_alone_is_migrated(
    servers: Servers, operation: Operation, sender: Sender, found: list[str]
) -> None:
    servers.place(HERE, *found)
    assert "cannot be migrated from here" in failure(operation)[1]
    assert not sender.words


@pytest.mark.parametrize(
    ("there", "facts", "missing", "why"),
    [
        (["own crashed"], None, "", "snow02 has web01 already: domain 1 (crashed)"),
        (["incoming running"], None, "", "has web01 already"),
        ([], None, "/a\n/b\n", "snow02 has no readable /a, /b"),
        (["incoming paused"], None, "/a\n", "snow02 has no readable /a"),
        ([], "free_memory : 511\nxen_commandline : dom0_mem=1G\n", "", "too little free memory for the 512 MiB"),
    ],
)
def test_a_target_that_cannot_take_it_is_refused_before(
    servers: Servers,
    operation: Operation,
    sender: Sender,
    there: list[str],
    facts: str | None,
    missing: str,
    why: str,
) -> None:
    servers.place(THERE, *there)
    before = servers.states(THERE)
    servers.facts, servers.missing = facts or servers.facts, missing
    status, text = failure(operation)
    assert (status, why in text) == (GENERIC, True), text
    assert not sender.words
    assert servers.states(THERE) == before


def test_what_an_earlier_migration_left_goes_and_gives_its_memory_back(
    servers: Servers, operation: Operation, sender: Sender
) -> None:
    servers.place(THERE, "incoming paused")
    servers.facts = "free_memory : 0\nxen_commandline : dom0_mem=1G\n"
    assert migrate_to(operation) == SUCCESS
    assert servers.states(THERE) == []


def test_a_server_that_ssh_does_not_reach_is_not_asked_again(
    servers: Servers, operation: Operation, sender: Sender
) -> None:
    servers.silent.add(THERE)
    with pytest.raises(UnknownError, match="snow02 does not answer"):
        migrate_to(operation)
    assert servers.seconds < 1


def test_a_toolstack_that_is_away_is_asked_for_a_third_of_the_time(
    servers: Servers, operation: Operation, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(words: list[str], deadline: float) -> Result:
        servers.sleep(0.1)
        return Result(words, 1, "", "no xenstored")

    monkeypatch.setattr(migration, "run", away)
    with pytest.raises(UnknownError, match="no xenstored"):
        migrate_to(operation)
    assert 24 < servers.seconds < 27


@pytest.mark.parametrize("named_after_s", [3, 60])
def test_a_target_that_has_lost_names_is_asked_again(
    servers: Servers, operation: Operation, sender: Sender, named_after_s: float
) -> None:
    """A domain there that is just going has none for a moment; of one that stays so nobody knows whose it is."""
    servers.place(THERE, "nameless running")
    servers.at(named_after_s, THERE)
    if named_after_s < 30:
        assert migrate_to(operation) == SUCCESS
    else:
        with pytest.raises(UnknownError, match="no name of domain 1"):
            migrate_to(operation)
        assert sender.words == []
        assert 24 < servers.seconds < 27


@pytest.mark.parametrize("target", ["", "-oProxyCommand=x", "a b"])
def test_a_target_that_is_no_name_is_refused(
    operation: Operation, sender: Sender, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_migrate_target", target)
    assert failure(operation)[0] == ARGS


@pytest.mark.parametrize(("answer", "target"), [("10.9.0.2\n", "10.9.0.2"), ("(null)\n", THERE), ("", THERE)])
def test_a_node_attribute_may_have_the_address(
    servers: Servers, operation: Operation, sender: Sender, monkeypatch: pytest.MonkeyPatch, answer: str, target: str
) -> None:
    monkeypatch.setenv("OCF_RESKEY_node_ip_attribute", "ip")
    servers.programs["crm_attribute"] = Result(["crm_attribute"], 0, answer, "")
    servers.on["10.9.0.2"] = []
    assert migrate_to(operation) == SUCCESS
    assert sender.words[-1] == target


def test_progress_is_noted_each_second_and_gone_in_the_end(
    servers: Servers, sender: Sender, capfd: pytest.CaptureFixture[str]
) -> None:
    noted = Progress("web01", THERE, 512)
    file = Path(noted.path)
    noted.note("77")
    assert not file.exists(), "a second has not passed"
    for _ in range(2):
        servers.sleep(2)
        noted.note("77")
    assert json.loads(file.read_text()) == {"target": THERE, "sent_mib": 240, "memory_mib": 512, "mib_per_s": 60}
    assert capfd.readouterr().err == ""
    servers.sleep(7)
    noted.note("77")
    assert "660 of 512 MiB sent, 60 MiB/s" in capfd.readouterr().err
    noted.end()
    assert list(file.parent.iterdir()) == []
    noted.end()


def test_migrate_from_waits_for_what_is_on_its_way(servers: Servers, operation: Operation, sender: Sender) -> None:
    servers.place(HERE, "incoming paused")
    servers.at(60, HERE, "own running")
    assert migrate_from(operation) == SUCCESS


def test_migrate_from_does_not_wait_for_nothing(servers: Servers, operation: Operation, sender: Sender) -> None:
    servers.place(HERE)
    with pytest.raises(OcfError, match="did not arrive: nothing of it is here"):
        migrate_from(operation)
    assert PATIENCE_S < servers.seconds < PATIENCE_S + 1
