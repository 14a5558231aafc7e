"""Pacemaker's events as they are tended: what more is waited for, what is noted of them, and who is told."""

from __future__ import annotations

import re
import time

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import ran_twice
from snow_ha_plugin.core.reports.alerts import Alert
from snow_ha_plugin.core.reports.doubles import RanTwice
from snow_ha_plugin.errors import TryAgainError, UnavailableError
from snow_ha_plugin.model import ClusterState, ResourceState
from snow_ha_plugin.operations import events, failed_migrations
from snow_ha_plugin.system import journal, mail, pacemaker, record, spool, waiting
from tests.captures import guide_cluster
from tests.unit.operations.test_transaction import Memory
from tests.unit.system.test_waiting import Clock

OK = Alert(1000.0, "resource", "snow02", "ok", "nis01", "start", mail="root")
FAILED = OK._replace(rc=1)
TWICE = ResourceState("nis01", "Started", ("snow01", "snow02"), managed=True, failed=False, blocked=False)


class Cluster(Memory):
    """Pacemaker sees what `seen` has; `now` is what the spool gives at each look."""

    def __init__(self, mocker: MockerFixture) -> None:
        super().__init__(guide_cluster())
        self.seen = ClusterState(True, False, (), (TWICE._replace(servers=("snow02",)),))
        self.bursts: list[list[Alert]] = []
        mocker.patch.object(pacemaker, "state", side_effect=lambda tree=None: self.seen)
        mocker.patch.object(pacemaker, "is_idle", return_value=True)
        mocker.patch.object(spool, "take", side_effect=lambda: self.bursts.pop(0) if self.bursts else [])
        mocker.patch.object(journal, "reason", return_value="no room")
        mocker.patch.object(record, "read", return_value=record.Record(()))
        self.appended = mocker.patch.object(record, "append")
        self.mailed = mocker.patch.object(mail, "send")
        self.settled = mocker.patch.object(failed_migrations, "settle")
        self.looked = mocker.patch.object(failed_migrations, "look", return_value=False)

    def tend(self, *bursts: list[Alert]) -> None:
        self.bursts = list(bursts)
        events.tend(self, "snow02")


@pytest.fixture
def cluster(mocker: MockerFixture) -> Cluster:
    return Cluster(mocker)


@pytest.mark.parametrize(
    ("alert", "goes_on"),
    [
        (FAILED, True),
        (OK._replace(task="migrate_to"), True),
        (Alert(1.0, "node", "snow01", "lost"), True),
        (Alert(1.0, "fencing", "snow01"), True),
        (OK, False),
        (OK._replace(task="stop"), False),
        (Alert(1.0, "node", "snow01", "member"), False),
    ],
)
def test_what_more_belongs_to_is_waited_for(cluster: Cluster, alert: Alert, goes_on: bool) -> None:
    cluster.tend([alert], [OK._replace(resource="maui01")])
    assert len(cluster.appended.call_args_list) == 1 + goes_on
    assert bool(cluster.settled.call_count) is goes_on


def test_a_busy_pacemaker_is_looked_at_every_two_seconds_for_ten_minutes(
    cluster: Cluster, mocker: MockerFixture
) -> None:
    clock = Clock()
    mocker.patch.object(waiting, "time", clock)
    mocker.patch.object(pacemaker, "is_idle", return_value=False)
    cluster.tend([FAILED])
    assert clock.now_s == 100 + 600
    assert spool.take.call_count == 1 + 301  # type: ignore[attr-defined]
    mocker.patch.object(pacemaker, "is_idle", side_effect=lambda: clock.now_s > 707)
    cluster.tend([FAILED])
    assert clock.now_s == 708


def test_what_was_tried_again_is_followed_up(cluster: Cluster) -> None:
    cluster.looked.side_effect = [True, False]
    cluster.tend([FAILED], [], [FAILED])
    assert cluster.looked.call_count == 2
    assert cluster.settled.call_count == 2


def test_what_cannot_be_tried_again_is_recorded_and_told_all_the_same(cluster: Cluster, mocker: MockerFixture) -> None:
    mocker.patch.object(failed_migrations, "while_leaving", side_effect=UnavailableError("Pacemaker stops"))
    cluster.looked.side_effect = TryAgainError("somebody else has changed it")
    cluster.tend([FAILED])
    cluster.appended.assert_called_once()
    cluster.mailed.assert_called_once()


def test_the_log_is_asked_for_the_reason_of_a_failed_migration_alone(cluster: Cluster) -> None:
    cluster.tend([FAILED, FAILED._replace(task="migrate_to", at=1001.5), OK._replace(task="migrate_to")])
    journal.reason.assert_called_once_with("nis01", "migrate_to", 1001.5)  # type: ignore[attr-defined]
    text = cluster.mailed.call_args.args[2]
    assert "migrate_to: no room" in text


def test_notices_go_to_the_address_that_the_last_event_has(cluster: Cluster) -> None:
    cluster.tend([FAILED, FAILED._replace(mail="ada"), FAILED._replace(mail="")])
    to, subject, text = cluster.mailed.call_args.args
    assert to == "ada"
    assert subject.startswith("[snow-ha] ")
    # A day, an hour: as the log of that server has them.
    assert re.search(time.strftime("%d %b %H:%M:%S", time.localtime(1000)), text)


def test_what_a_first_look_finds_on_a_second_server_is_noted(cluster: Cluster) -> None:
    """It should have found nothing there (7)."""
    cluster.seen = cluster.seen._replace(resources=(TWICE,))
    found = OK._replace(task="monitor", rc=0, expected_rc=7, at=2_000_000_000.7)
    cluster.tend([found, OK])
    assert ran_twice.known(cluster.read()) == (RanTwice("nis01", ("snow01", "snow02"), 2_000_000_000, 2_000_000_000),)


@pytest.mark.parametrize("alert", [OK._replace(task="stop", rc=1), OK, FAILED])
def test_only_a_stop_that_worked_ends_a_double_run(cluster: Cluster, alert: Alert) -> None:
    cluster.tend([alert])
    record.read.assert_not_called()  # type: ignore[attr-defined]


def test_a_week_of_the_record_is_looked_through_for_the_beginning(cluster: Cluster) -> None:
    cluster.tend([OK._replace(task="stop")])
    (since,) = record.read.call_args.args  # type: ignore[attr-defined]
    assert abs(time.time() - 7 * 86400 - since) < 60
    assert cluster.commits == 0


def test_a_double_run_that_cannot_be_noted_is_recorded_all_the_same(cluster: Cluster, mocker: MockerFixture) -> None:
    double = RanTwice("nis01", ("snow02", "snow01"), 100, 1000)
    looked = mocker.patch.object(events.doubles, "of", return_value=[double])
    cluster.tend([OK._replace(task="stop", at=1000.12345), OK._replace(task="stop", at=900.0)])
    assert ran_twice.known(cluster.read()) == (double,)
    _, running, first_stop = looked.call_args.args
    assert first_stop == 900.0
    assert list(running) == [("nis01", "snow02")]
    assert running[("nis01", "snow02")] == cib.running_since(cluster.tree)[("nis01", "snow02")]
    mocker.patch.object(cluster, "commit", side_effect=UnavailableError("Pacemaker stops"))
    mocker.patch.object(events.doubles, "of", return_value=[double._replace(began=200)])
    cluster.appended.reset_mock()
    cluster.tend([OK._replace(task="stop")])
    cluster.appended.assert_called_once()
