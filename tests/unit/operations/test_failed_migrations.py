"""Migrations that Pacemaker began and that failed: who looks at them, how often, and what of a server that leaves.

The CIB is what Pacemaker 2.1.5 had in a lab: snow02 in standby, a01 blocked there; its own crm_mon judges it.
"""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration, ran_twice
from snow_ha_plugin.core.reports import findings
from snow_ha_plugin.core.reports.alerts import Alert
from snow_ha_plugin.core.reports.doubles import RanTwice
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.overview import overview
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.operations import events, failed_migrations, holding, moves
from snow_ha_plugin.operations.failed_migrations import ATTEMPTS
from snow_ha_plugin.system import command, journal, mail, pacemaker, record, scheduler, spool, waiting
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.command import Result
from tests.captures import capture
from tests.unit.operations.test_transaction import Memory
from tests.unit.system.test_waiting import Clock

FAILED = Alert(1795878635.0, "resource", "snow02", "error", "a01", "migrate_to", 1, 0, 6.3, "root")


def failed_cluster() -> cib.Tree:
    tree = cib.parse(capture("cibadmin-2.1.5-migration-failed.xml"))
    # It was over ten minutes after that.
    (timeout,) = tree.xpath("//nvpair[@name='failure-timeout']")
    timeout.set("value", "0")
    return tree


def leave(tree: cib.Tree, server: str = "snow02") -> cib.Tree:
    (states,) = tree.xpath("status/node_state[@uname=$n]/transient_attributes/instance_attributes", n=server)
    cib.add(states, "nvpair", id="shutdown", name="shutdown", value="1795878700")
    return tree


def stay_alone(tree: cib.Tree) -> cib.Tree:
    """snow01, the other server, is lost."""
    (state,) = tree.xpath("status/node_state[@uname='snow01']")
    for name, value in {"in_ccm": "false", "crmd": "offline", "join": "down"}.items():
        state.set(name, value)
    return tree


@pytest.fixture(autouse=True)
def looks(mocker: MockerFixture) -> list[tuple[str, str]]:
    """Which domain is looked at anew on which server, in that order."""
    found: list[tuple[str, str]] = []
    mocker.patch.object(pacemaker, "forget", side_effect=lambda domain, server: found.append((domain, server)))
    mocker.patch.object(pacemaker, "wait_idle")
    return found


def test_a_failed_migration_is_looked_at_anew_at_its_source_last(looks: list[tuple[str, str]]) -> None:
    assert failed_migrations.look(Memory(failed_cluster()), [FAILED], "snow02")
    assert looks == [("a01", "snow01"), ("a01", "snow02")]


@pytest.mark.parametrize(
    ("seen", "here"),
    [([], "snow02"), ([FAILED], "snow01"), ([FAILED] * ATTEMPTS, "snow02")],
    ids=["nothing failed now", "another server's", "too often"],
)
def test_what_is_left_alone(looks: list[tuple[str, str]], seen: list[Alert], here: str) -> None:
    cluster = Memory(failed_cluster())
    assert not failed_migrations.look(cluster, seen, here)
    assert (looks, cluster.commits) == ([], 0)


def test_what_a_verb_holds_is_that_verbs(looks: list[tuple[str, str]]) -> None:
    tree = failed_cluster()
    migration.hold(tree, "a01")
    assert not failed_migrations.look(Memory(tree), [FAILED], "snow02")
    assert looks == []


def test_what_somebody_else_wants_blocked_is_theirs(looks: list[tuple[str, str]]) -> None:
    tree = failed_cluster()
    (operation,) = cib.resource(tree, "a01").xpath("operations/op[@name='migrate_to']")
    for name in migration.OPERATIONS:
        (block,) = cib.resource(tree, "a01").xpath("operations/op[@name=$name]/meta_attributes", name=name)
        cib.drop(block)
    operation.set("on-fail", "block")
    assert [each.id for each in pacemaker.state(tree).resources if each.blocked] == ["a01"]
    assert not failed_migrations.look(Memory(tree), [FAILED], "snow02")
    assert looks == []


def test_a_domain_that_would_be_stopped_as_soon_as_it_is_found_stays(looks: list[tuple[str, str]]) -> None:
    assert not failed_migrations.look(Memory(stay_alone(failed_cluster())), [FAILED], "snow02")
    assert looks == []


def would(tree: cib.Tree) -> list[tuple[str, str]]:
    """What Pacemaker then does with a01."""
    return [(action.task, action.node) for action in scheduler.ask(tree).actions if action.resource == "a01"]


def recorded(mocker: MockerFixture, *, failures: int, at: float = 1795878701) -> None:
    """The record of a shutdown that began at 1795878700."""
    found = [Event(at, Kind.FAILURE, "a01", "snow02", ok=False)] * failures
    others = [Event(at, Kind.FAILURE, "a01", "snow01", ok=False), Event(at, Kind.STOP, "a01", "snow02")] * ATTEMPTS
    mocker.patch.object(
        record,
        "read",
        side_effect=lambda since: record.Record(tuple(e for e in (*found, *others) if e.at >= since), 0, ""),
    )


def test_on_a_server_that_shuts_down_pacemaker_tries_again_by_itself(
    looks: list[tuple[str, str]], mocker: MockerFixture
) -> None:
    cluster = Memory(leave(failed_cluster()))
    assert would(cluster.tree) == []
    recorded(mocker, failures=1)
    failed_migrations.while_leaving(cluster, cluster.read(), [FAILED], "snow02")
    # Without its history the server would leave it behind.
    assert looks == []
    assert would(cluster.tree) == [("migrate", "snow01")]
    recorded(mocker, failures=ATTEMPTS, at=1795878600)
    failed_migrations.while_leaving(cluster, cluster.read(), [FAILED], "snow02")
    assert would(cluster.tree) == [("migrate", "snow01")], "what failed before the shutdown counts"
    assert not failed_migrations.look(cluster, [FAILED], "snow02")
    assert looks == []


def test_attempts_count_from_the_shutdown_s_beginning_though_pacemaker_dates_it_anew(mocker: MockerFixture) -> None:
    """A server that waits says again that it wants to go, whenever Pacemaker has nothing to do."""
    cluster = Memory(leave(failed_cluster()))
    recorded(mocker, failures=1)
    failed_migrations.while_leaving(cluster, cluster.read(), [FAILED], "snow02")
    (date,) = cluster.tree.xpath("status//nvpair[@name='shutdown']")
    for count in range(2, ATTEMPTS + 1):
        assert would(cluster.tree) == [("migrate", "snow01")]
        date.set("value", str(int(date.get("value")) + 120))
        recorded(mocker, failures=count)
        failed_migrations.while_leaving(cluster, cluster.read(), [FAILED], "snow02")
    assert would(cluster.tree) == [("move", "snow01")]


def test_each_attempt_has_pacemaker_look_at_what_has_run_out(mocker: MockerFixture) -> None:
    """It would do so by itself after two minutes."""
    cluster = Memory(leave(failed_cluster()))
    for count in (1, 2):
        recorded(mocker, failures=count)
        failed_migrations.while_leaving(cluster, cluster.read(), [FAILED], "snow02")
        assert cluster.commits == count


@pytest.mark.parametrize(
    ("guests", "then"),
    [
        (["Domain-0", "b01"], [("move", "snow01")]),
        (["Domain-0", "a01"], [("migrate", "snow01")]),
        (["Domain-0", "a01--migratedaway"], [("migrate", "snow01")]),
        (["Domain-0", "(null)"], [("migrate", "snow01")]),
        (UnavailableError("xl does not answer"), [("migrate", "snow01")]),
    ],
)
def test_a_domain_that_has_died_is_not_tried_to_be_migrated_again(
    mocker: MockerFixture, guests: list[str] | Exception, then: list[tuple[str, str]]
) -> None:
    cluster = Memory(leave(failed_cluster()))
    mocker.patch.object(Memory, "guests", side_effect=[guests])
    recorded(mocker, failures=1)
    failed_migrations.while_leaving(cluster, cluster.read(), [FAILED], "snow02")
    assert would(cluster.tree) == then


def test_a_server_that_shuts_down_gives_its_domain_up_after_some_attempts(
    looks: list[tuple[str, str]], mocker: MockerFixture
) -> None:
    cluster = Memory(leave(failed_cluster()))
    recorded(mocker, failures=ATTEMPTS)
    failed_migrations.while_leaving(cluster, cluster.read(), [FAILED], "snow02")
    assert looks == []
    assert would(cluster.tree) == [("move", "snow01")]
    # It stays so until that server is gone.
    failed_migrations.settle(cluster)
    assert migration.passing(cluster.tree) == ["a01"]
    (state,) = cluster.tree.xpath("status/node_state[@uname='snow02']")
    state.remove(state.find("transient_attributes"))
    failed_migrations.settle(cluster)
    assert migration.passing(cluster.tree) == []


def test_a_server_that_stays_lets_no_failure_run_out() -> None:
    cluster = Memory(failed_cluster())
    failed_migrations.while_leaving(cluster, cluster.read(), [FAILED], "snow02")
    assert cluster.commits == 0


def test_a_verb_looks_at_nothing_on_a_server_that_shuts_down(looks: list[tuple[str, str]]) -> None:
    moves.look_anew(Memory(leave(failed_cluster())), ["a01"])
    assert looks == [("a01", "snow01")]


def looked_at(tree: cib.Tree) -> cib.Tree:
    """As after `look_anew`: the histories have nothing but a probe, which finds a01 on snow02."""
    for operation in tree.xpath("status//lrm_resource[@id='a01']/lrm_rsc_op[not(@id='a01_last_0')]"):
        cib.drop(operation)
    for probe in tree.xpath("status//lrm_resource[@id='a01']/lrm_rsc_op"):
        code = "0" if probe.get("on_node") == "snow02" else "7"
        magic = f"0:{code};{probe.get('transition-key')}"
        probe.attrib.update({"operation": "monitor", "rc-code": code, "transition-magic": magic})
        probe.set("operation_key", "a01_monitor_0")
    return tree


def test_pacemaker_then_migrates_it() -> None:
    assert would(looked_at(failed_cluster())) == [("migrate", "snow01")]


def test_release_has_it_tried_again(looks: list[tuple[str, str]]) -> None:
    cluster = Memory(failed_cluster())
    assert holding.release(cluster, ["b01"]) == [] and looks == []
    assert holding.release(cluster, ["a01"], dry_run=True) != [] and looks == []
    (told,) = holding.release(cluster, ["a01"])
    assert (told.action, told.target) == ("release", "a01")
    assert looks == [("a01", "snow01"), ("a01", "snow02")]


def test_it_is_no_double_run_but_a_failed_migration() -> None:
    (found,) = (f for f in findings.of_state(pacemaker.state(failed_cluster()), failed_cluster()) if "a01" in f.message)
    assert found.id == "migration-failed"
    assert "snow ha release a01" in found.remedy


def test_status_shows_it_where_it_was() -> None:
    tree = failed_cluster()
    (a01,) = (found for found in overview(tree, pacemaker.state(tree), None, {}).domains if found.name == "a01")
    assert (a01.state, a01.server) == ("blocked", "snow02")


# as snow-ha-events.service does it


@pytest.fixture
def appended(mocker: MockerFixture) -> MagicMock:
    return mocker.patch.object(record, "append")


@pytest.fixture
def mailed(mocker: MockerFixture) -> MagicMock:
    return mocker.patch.object(mail, "send")


@pytest.fixture
def cluster(mocker: MockerFixture, appended: MagicMock, mailed: MagicMock) -> Memory:
    cluster = Memory(failed_cluster())
    real = pacemaker.state
    mocker.patch.object(pacemaker, "state", side_effect=lambda tree=None: real(cluster.tree if tree is None else tree))
    mocker.patch.object(pacemaker, "is_idle", return_value=True)
    mocker.patch.object(journal, "reason", return_value="no room")
    return cluster


def test_a_burst_of_failures_is_one_mail_and_each_is_on_record(
    cluster: Memory, mocker: MockerFixture, looks: list[tuple[str, str]], appended: MagicMock, mailed: MagicMock
) -> None:
    mocker.patch.object(spool, "take", side_effect=[[FAILED], [], [FAILED], [], [FAILED], []])
    events.tend(cluster, "snow02")
    assert len(looks) == 2 * (ATTEMPTS - 1)
    assert [len(call.args) for call in appended.call_args_list] == [1, 1, 1]
    mailed.assert_called_once()
    to, subject, text = mailed.call_args.args
    assert (to, subject) == ("root", "[snow-ha] a01 could not be migrated")
    assert f"a01 on snow02: migrate_to: no room ({ATTEMPTS} times)\n" in text


def test_a_server_that_leaves_gives_up_while_pacemaker_tries_on(
    cluster: Memory, mocker: MockerFixture, looks: list[tuple[str, str]]
) -> None:
    leave(cluster.tree)
    told: list[Event] = []
    mocker.patch.object(record, "append", side_effect=lambda *events: told.extend(events))
    mocker.patch.object(record, "read", side_effect=lambda since: record.Record(tuple(told), 0, ""))
    # It never has nothing to do: what has failed is tried again at once.
    mocker.patch.object(pacemaker, "is_idle", return_value=False)
    late = FAILED._replace(at=1795878701.0)
    bursts = iter([[late]] * ATTEMPTS)
    mocker.patch.object(spool, "take", side_effect=lambda: next(bursts, []))
    mocker.patch.object(events, "QUIET_S", 0)
    events.tend(cluster, "snow02")
    assert migration.passing(cluster.tree) == ["a01"]
    assert would(cluster.tree) == [("move", "snow01")]
    assert looks == []


def test_each_event_gives_a_busy_pacemaker_its_whole_time_anew(
    cluster: Memory, mocker: MockerFixture, appended: MagicMock, mailed: MagicMock
) -> None:
    clock = Clock()
    mocker.patch.object(waiting, "time", clock)
    mocker.patch.object(pacemaker, "is_idle", return_value=False)
    mocker.patch.object(failed_migrations, "look", return_value=False)
    taken = iter([[FAILED]])

    def take() -> list[Alert]:
        is_late = clock.now_s >= 100 + events.QUIET_S - 10 and appended.call_count == 1
        return [FAILED] if is_late else next(taken, [])

    mocker.patch.object(spool, "take", side_effect=take)
    events.tend(cluster, "snow02")
    assert appended.call_count == 2
    assert clock.now_s == 100 + events.QUIET_S - 10 + events.QUIET_S
    mailed.assert_called_once()


def test_a_double_run_is_noted_where_its_stop_is_seen(cluster: Memory, mocker: MockerFixture) -> None:
    past = [
        Event(50.0, Kind.START, "a01", "snow02"),
        Event(100.0, Kind.START, "a01", "snow01"),
        Event(1000.0, Kind.STOP, "a01", "snow02"),
    ]
    mocker.patch.object(record, "read", return_value=record.Record(tuple(past)))
    mocker.patch.object(spool, "take", return_value=[Alert(1000.0, "resource", "snow02", "ok", "a01", "stop")])
    events.tend(cluster, "snow02")
    assert ran_twice.known(cluster.read()) == (RanTwice("a01", ("snow02", "snow01"), 100, 1000),)


def test_what_needs_no_care_ends_at_once(cluster: Memory, mocker: MockerFixture, mailed: MagicMock) -> None:
    take = mocker.patch.object(
        spool, "take", return_value=[Alert(1.0, "resource", "snow02", resource="a01", task="start")]
    )
    events.tend(cluster, "snow02")
    take.assert_called_once()
    mailed.assert_not_called()


def test_without_an_address_nothing_is_sent(cluster: Memory, mocker: MockerFixture, mailed: MagicMock) -> None:
    silent = [FAILED._replace(mail="")] * ATTEMPTS
    mocker.patch.object(spool, "take", side_effect=[silent, []])
    events.tend(cluster, "snow02")
    mailed.assert_not_called()


def test_a_cluster_that_stops_costs_no_record(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result(("crm_mon",), 102, b"", b"not connected"))
    mocker.patch.object(pacemaker, "is_idle", return_value=True)
    send = mocker.patch.object(mail, "send")
    append = mocker.patch.object(record, "append")
    mocker.patch.object(spool, "take", side_effect=[[FAILED], []])
    events.tend(LiveCluster(), "snow02")
    assert [len(call.args) for call in append.call_args_list] == [1]
    # Where it is nobody knows.
    assert "down" not in send.call_args.args[2]
