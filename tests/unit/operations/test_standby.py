"""How long a server is waited for until it is empty, and by what it counts as empty."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration
from snow_ha_plugin.errors import TimedOutError, TryAgainError
from snow_ha_plugin.model import ClusterState, FailedAction, ResourceState
from snow_ha_plugin.operations import moves, standby
from snow_ha_plugin.system import pacemaker
from tests.captures import guide_cluster
from tests.unit.operations.test_transaction import Memory
from tests.unit.system.test_waiting import Clock

HERE = ResourceState("nis01", "Started", ("snow02",), managed=True, failed=False, blocked=False, agent="ocf:snow:Xen")
GONE = HERE._replace(servers=("snow01",))


def looks(mocker: MockerFixture, clock: Clock, until_s: float, *first: ResourceState) -> None:
    """What Pacemaker shows before and after so many seconds."""

    def state(tree: cib.Tree) -> ClusterState:
        resources = first if clock.now_s < 100 + until_s else (GONE,)
        return ClusterState(True, False, (), resources, (FailedAction("nis01", "snow02", "migrate_to", "no route", 1),))

    mocker.patch.object(pacemaker, "state", side_effect=state)


@pytest.mark.parametrize(
    ("resource", "counts"),
    [
        (HERE, True),
        (HERE._replace(servers=("snow02", "snow01")), True),
        (GONE, False),
        # Pacemaker does not look after these: they stay.
        (HERE._replace(managed=False), False),
        (HERE._replace(id="a-device"), False),
    ],
)
def test_what_is_left_is_each_domain_that_pacemaker_looks_after(
    mocker: MockerFixture, clock: Clock, resource: ResourceState, counts: bool
) -> None:
    looks(mocker, clock, 10, resource)
    assert standby.left_on(guide_cluster(), "snow02") == ({"nis01"} if counts else set())


def test_it_is_waited_for_as_long_as_any_domain_is_there(mocker: MockerFixture, clock: Clock) -> None:
    looks(mocker, clock, 30, HERE, HERE._replace(id="maui01"))
    waited: list[list[str]] = []
    assert (
        standby._wait_until_empty(Memory(guide_cluster()), "snow02", 60, lambda _, left: waited.append([*left])) == {}
    )
    assert clock.now_s == 130
    assert waited == [["maui01", "nis01"]] * 3


def test_it_is_given_the_time_that_was_promised(mocker: MockerFixture, clock: Clock) -> None:
    looks(mocker, clock, 1000, HERE)
    with pytest.raises(TimedOutError, match="snow02 is not empty yet; after 60 s"):
        standby._wait_until_empty(Memory(guide_cluster()), "snow02", 60, moves.in_silence)
    assert clock.now_s == 160


def test_one_that_failed_ends_the_wait_with_what_the_agent_said(mocker: MockerFixture, clock: Clock) -> None:
    looks(mocker, clock, 1000, HERE._replace(blocked=True))
    cluster = Memory(guide_cluster())
    migration.hold(cluster.tree, "nis01")
    assert standby._wait_until_empty(cluster, "snow02", 60, moves.in_silence) == {"nis01": "no route"}


@pytest.mark.parametrize(("all_s", "within_s"), [(100, 3600), (3601, 3601)])
def test_it_has_an_hour_or_the_time_of_all_its_migrations(mocker: MockerFixture, all_s: int, within_s: int) -> None:
    """What cannot migrate live is stopped, and started elsewhere, one after the other."""
    cluster = Memory(guide_cluster())
    mocker.patch.object(moves, "arrived_within_s", return_value=all_s)
    wait = mocker.patch.object(standby, "_wait_until_empty", return_value={})
    standby.empty(cluster, "snow02", ["nis01"])
    assert wait.call_args.args[2] == within_s
    assert cluster.tree.xpath("//node[@uname='snow02']//nvpair[@name='standby' and @value='on']")


def test_a_server_that_takes_domains_again_is_told_so_once(mocker: MockerFixture) -> None:
    cluster = Memory(guide_cluster())
    end = mocker.patch.object(pacemaker, "end_standby_until_reboot")
    (told,) = standby.put(cluster, "snow02", on=True, held=["nis01"])
    assert told.message == "keep domains off snow02"
    assert migration.held(cluster.tree) == {"nis01"}
    assert standby.put(cluster, "snow02", on=True, held=["maui01"]) == []
    assert migration.held(cluster.tree) == {"nis01"}
    (told,) = standby.put(cluster, "snow02", on=False)
    assert told.message == "let snow02 take domains again"
    end.assert_not_called()


def test_domains_that_would_go_where_they_are_expected_are_no_reason_to_stop() -> None:
    cluster = Memory(guide_cluster())
    expected = standby.simulation.drained(cluster.tree, "snow02", {})[0].after
    with pytest.raises(TryAgainError, match="the cluster has changed meanwhile"):
        standby.put(cluster, "snow02", on=True, expected={**expected, "nis01": "snow02"})
    assert standby.put(cluster, "snow02", on=True, expected=expected)
