"""Migrations that are waited for: by the timeouts in force, and whatever others do with the domains meanwhile."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, primitive
from snow_ha_plugin.errors import NoSuchObjectError, TimedOutError
from snow_ha_plugin.model import ClusterState, Move, ResourceState
from snow_ha_plugin.operations import moves
from snow_ha_plugin.system import pacemaker, waiting
from tests.captures import domain, guide_cluster
from tests.unit.operations.test_transaction import Memory

NIS, MAUI = Move("nis01", "snow01", "snow02", 512), Move("maui01", "snow01", "snow02", 2048)
WAITING = ResourceState("", "Started", ("snow01",), managed=True, failed=False, blocked=False, agent="ocf:snow:Xen")


def state(**servers: str) -> ClusterState:
    return ClusterState(True, False, (), tuple(WAITING._replace(id=n, servers=(at,)) for n, at in servers.items()))


@pytest.fixture(autouse=True)
def impatient(mocker: MockerFixture) -> None:
    mocker.patch.object(waiting, "POLL_S", 0)


def limited(to: str, **timeouts: str) -> cib.Tree:
    tree = guide_cluster()
    cib.put_option(tree, cluster_options.OPTIONS_ID, "migration-limit", to)
    for name, timeout in timeouts.items():
        for operation in ("migrate_to", "migrate_from"):
            cib.resource(tree, name).find(f"operations/op[@name='{operation}']").set("timeout", timeout)
    return tree


@pytest.mark.parametrize(
    ("limit", "timeouts", "within"),
    [
        ("2", ("100s", "200s", "300s", "400s"), 800 + 400),
        ("1", ("100s", "200s", "300s", "400s"), 200 + 400 + 600 + 800),
        ("8", ("100s", "200s", "300s", "400s"), 800),
        ("-1", ("100s", "200s", "300s", "400s"), 800 + 400),
        ("2", ("2min", "120000ms", "1h", "2h"), 14400 + 240),
    ],
)
def test_a_batch_has_the_time_of_all_its_waves(limit: str, timeouts: tuple[str, ...], within: int) -> None:
    names = ("nis01", "nis02", "maui01", "deploy01")
    tree = limited(limit, **dict(zip(names, timeouts, strict=True)))
    assert moves.arrived_within_s(tree, names) == within + moves.MARGIN_S


@pytest.mark.parametrize(("limit", "migrate_s"), [("1", 1700), ("2", 3340), ("4", 6620), ("-1", 3340), ("", 3340)])
def test_a_domain_is_given_its_share_of_the_link(limit: str, migrate_s: int) -> None:
    tree = limited(limit)
    primitive.register(tree, domain("web01", memory_mib=65536), 80)
    assert cib.operation_timeout_s(tree, "web01", "migrate_to", 0) == migrate_s


def test_a_domain_that_somebody_unregisters_meanwhile_keeps_no_other_waiting(mocker: MockerFixture) -> None:
    cluster = Memory(guide_cluster())
    before = cluster.read()
    primitive.unregister(cluster.tree, "nis01")
    # Pacemaker still runs it, without a configuration.
    orphaned = state(nis01="snow01", maui01="snow01"), state(nis01="snow01", maui01="snow02")
    seen = mocker.patch.object(pacemaker, "state", side_effect=[*orphaned])
    told: list[tuple[str, str]] = []
    failed = moves._wait(
        cluster, before, [NIS, MAUI], lambda move, how: told.append((move.domain, how)), moves.in_silence
    )
    assert list(failed) == [NIS]
    assert told == [("nis01", "failed"), ("maui01", "done")]
    assert seen.call_count == 2
    assert isinstance(moves._failure(cluster, failed), NoSuchObjectError)


def test_a_domain_that_pacemaker_has_forgotten_is_no_traceback(mocker: MockerFixture) -> None:
    cluster = Memory(guide_cluster())
    mocker.patch.object(pacemaker, "state", return_value=state(maui01="snow02"))
    failed = moves._wait(cluster, cluster.read(), [NIS, MAUI], lambda move, how: None, moves.in_silence)
    assert list(failed) == [NIS]
    mocker.patch.object(moves, "SEEN_WITHIN_S", 0)
    assert "nis01 could not be migrated to snow02" in str(moves._failure(cluster, failed))


def test_what_does_not_arrive_in_time_is_told(mocker: MockerFixture) -> None:
    cluster = Memory(guide_cluster())
    mocker.patch.object(pacemaker, "state", return_value=state(nis01="snow01"))
    mocker.patch.object(moves, "MARGIN_S", -100_000)
    with pytest.raises(TimedOutError, match="nis01 did not arrive"):
        moves._wait(cluster, cluster.read(), [NIS], lambda move, how: None, moves.in_silence)
