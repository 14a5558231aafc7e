"""migrate_to and migrate_from in time: how long each part may take, and what they say to whom."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from snow_ha_plugin.agent import domain_file, migration
from snow_ha_plugin.agent.host import SSH
from snow_ha_plugin.agent.migration import migrate_from, migrate_to
from snow_ha_plugin.agent.operation import ARGS, GENERIC, SUCCESS, OcfError, Operation, UnknownError
from snow_ha_plugin.agent.process import Program, Result, children_of
from tests.unit.agent.conftest import HERE, THERE, TIMEOUT_S, Sender, Servers
from tests.unit.agent.test_migration import failure


def test_xl_reaches_the_target_as_the_agent_does(servers: Servers, operation: Operation, sender: Sender) -> None:
    assert migrate_to(operation) == SUCCESS
    assert sender.words == ["xl", "migrate", "-s", " ".join(SSH), "web01", THERE]


@pytest.mark.parametrize(("timeout_s", "at_s", "ending_s"), [(100, 75, 4), (60, 35, 4), (20, 10, 2.5)])
def test_of_the_time_a_part_is_for_recovery_and_of_that_a_part_for_xl_s_own_end(
    servers: Servers, operation: Operation, sender: Sender, timeout_s: float, at_s: float, ending_s: float
) -> None:
    """25 s, or half of a short time; of these 4 s, or a quarter."""
    sender.takes_s = 1000
    operation.deadline = servers.now + timeout_s
    stopped = []
    result = sender.result

    def seen(deadline: float) -> Result:
        stopped.append(servers.seconds)
        return result(deadline)

    sender.result = seen  # type: ignore[method-assign]
    failure(operation)
    assert stopped == [pytest.approx(at_s, abs=0.11)]
    assert sender.given_s == pytest.approx(ending_s, abs=0.06)


def test_an_xl_that_ends_is_not_waited_for_any_longer(servers: Servers, operation: Operation, sender: Sender) -> None:
    sender.takes_s = 0.25
    assert migrate_to(operation) == SUCCESS
    assert servers.seconds < 0.2 + 0.25 + 0.1


def test_a_migration_can_be_followed_while_it_lasts(
    servers: Servers, operation: Operation, sender: Sender, tmp_path: Path
) -> None:
    noted: list[dict[str, object]] = []
    servers.events.append(
        (servers.now + 2.5, lambda: noted.append(json.loads((tmp_path / "web01.migration").read_text())))
    )
    assert migrate_to(operation) == SUCCESS
    assert [(each["target"], each["memory_mib"], bool(each["sent_mib"])) for each in noted] == [(THERE, 512, True)]
    assert not list(tmp_path.iterdir())


def test_only_one_domain_of_the_name_is_migrated(servers: Servers, operation: Operation, sender: Sender) -> None:
    servers.place(HERE, "own running", "own running")
    assert "cannot be migrated from here: domain 1 (running), domain 2 (running)" in failure(operation)[1]


def test_a_domain_whose_file_has_another_name_by_now_is_not_migrated(
    operation: Operation, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other server would look for the new one, and a stop there leave the old one running."""
    monkeypatch.setattr(migration, "name_elsewhere", lambda deadline: "web02")
    assert failure(operation) == (
        GENERIC,
        f"web01 is web02 by its file now, as {THERE} would have it: no migration until it is restarted",
    )
    assert sender.words == []


def test_the_address_is_asked_of_the_target_s_own_attributes(
    servers: Servers, operation: Operation, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_RESKEY_node_ip_attribute", "ip")
    servers.programs["crm_attribute"] = Result(["crm_attribute"], 0, "", "")
    migrate_to(operation)
    assert (HERE, f"crm_attribute --type nodes --node {THERE} -n ip -G -q") in servers.commands


def test_without_a_target_no_attribute_is_asked_for(
    servers: Servers, operation: Operation, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_RESKEY_node_ip_attribute", "ip")
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_migrate_target", "")
    assert failure(operation)[0] == ARGS
    assert servers.commands == []


def test_a_file_that_cannot_be_read_is_no_reason_to_leave_the_domain_where_it_is(
    servers: Servers, operation: Operation, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs without it; the target's own xl says what it lacks."""

    def unreadable(deadline: float) -> dict[str, object]:
        raise OcfError(5, "the domain file cannot be used")

    monkeypatch.setattr(domain_file, "read_given", unreadable)
    assert migrate_to(operation) == SUCCESS
    assert "for path in ; do" in servers.scripts[0]


def test_a_toolstack_that_comes_back_in_time_is_believed(
    servers: Servers, operation: Operation, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away_for_a_while(words: list[str], deadline: float) -> Result:
        if servers.seconds > 20:
            return servers.run(words, deadline)
        servers.sleep(0.1)
        return Result(words, 1, "", "no xenstored")

    monkeypatch.setattr(migration, "run", away_for_a_while)
    assert migrate_to(operation) == SUCCESS
    assert 20 < servers.seconds < 24


def test_what_an_earlier_migration_left_and_does_not_go_ends_this_one(
    servers: Servers, operation: Operation, sender: Sender
) -> None:
    servers.place(THERE, "incoming paused")
    servers.failing.add("destroy")
    with pytest.raises(UnknownError, match="could not be destroyed"):
        migrate_to(operation)
    assert not sender.words


@pytest.mark.parametrize("state", ["own crashed", "own off"])
def test_migrate_from_waits_for_a_domain_that_is_there_until_the_end(
    servers: Servers, operation: Operation, sender: Sender, state: str
) -> None:
    servers.place(HERE, state)
    with pytest.raises(OcfError, match=r"web01 did not arrive: domain 1") as caught:
        migrate_from(operation)
    assert caught.value.status == GENERIC
    assert TIMEOUT_S - 1 < servers.seconds < TIMEOUT_S + 0.2


def test_migrate_from_bears_an_absence_of_five_seconds(servers: Servers, operation: Operation, sender: Sender) -> None:
    servers.place(HERE)
    servers.at(4.9, HERE, "own running")
    assert migrate_from(operation) == SUCCESS
    servers.place(HERE)
    with pytest.raises(OcfError):
        migrate_from(operation)
    assert 9.9 < servers.seconds < 10.5


def test_the_transport_is_the_first_process_that_xl_starts_and_is_ended_by_its_descriptor() -> None:
    xl = Program(["sh", "-c", "sleep 60 & sleep 60 & wait"])
    transport = None
    until = time.monotonic() + 30
    while len(children_of(str(xl.pid))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    first, second = children_of(str(xl.pid))
    transport = migration._transport_of(xl)
    assert transport is not None and transport[0] == first
    migration._end(transport[1])
    assert select.select([transport[1]], [], [], 30)[0], "it has ended"
    os.kill(int(second), signal.SIGKILL)
    xl.result(until)
    migration._end(transport[1])
    os.close(transport[1])


def test_an_xl_that_has_started_nothing_has_no_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    xl = SimpleNamespace(pid=os.getpid())
    monkeypatch.setattr(migration, "children_of", lambda pid: [])
    assert migration._transport_of(xl) is None  # type: ignore[arg-type]
    monkeypatch.setattr(migration, "children_of", lambda pid: [str(2**22 + 1)])
    assert migration._transport_of(xl) is None, "it has ended meanwhile"  # type: ignore[arg-type]
