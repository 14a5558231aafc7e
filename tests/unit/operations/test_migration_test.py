"""One domain to each server and back, on a cluster whose Pacemaker is the real scheduler."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import live
from snow_ha_plugin.errors import NoSuchObjectError, UnavailableError, UnsafeError
from snow_ha_plugin.model import Domain, Move
from snow_ha_plugin.operations import migration_test, moves
from snow_ha_plugin.operations.migration_test import Leg
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import waiting
from tests.captures import guide_cluster
from tests.unit.operations.test_live_migration import Cluster, other


@pytest.fixture
def cluster(mocker: MockerFixture) -> Cluster:
    mocker.patch.object(waiting, "POLL_S", 0)
    mocker.patch.object(moves, "SEEN_WITHIN_S", 0)
    return Cluster(guide_cluster(), mocker)


def unable(tree: cib.Tree, *names: str) -> cib.Tree:
    for name in names:
        assert live.tell(tree, Domain(name, "", 512, 1, is_pv=True), pv_migrates=False)
    return tree


def smallest(tree: cib.Tree) -> str:
    outlook = Outlook(tree)
    return min(outlook.places, key=lambda name: (outlook.sizes.needs[name], name))


def test_the_smallest_domain_that_can_migrates_there_and_back(cluster: Cluster) -> None:
    name = smallest(cluster.tree)
    planned = migration_test.plan(cluster.tree, "")
    source = cluster.place(name)
    assert source
    assert [(move.domain, move.source, move.target) for move in planned] == [
        (name, source, other(source)), (name, other(source), source),
    ]  # fmt: skip
    legs = list(migration_test.carry_out(cluster, planned, ""))
    assert [leg.move for leg in legs] == planned
    assert all(leg.took_s > 0 and leg.silent_s is None for leg in legs)
    assert cluster.place(name) == source
    assert cluster.left == []
    assert migration_test.plan(unable(guide_cluster(), name), "")[0].domain != name


def test_what_was_measured_is_the_time_of_the_agent_where_the_cib_has_it() -> None:
    tree = guide_cluster()
    (started,) = tree.xpath("status//lrm_resource[@id='deploy01']/lrm_rsc_op[@operation='start']")
    took_ms = int(started.get("exec-time", ""))
    assert cib.took_ms(tree, "deploy01", "start", started.get("on_node", "")) == took_ms > 0
    assert cib.took_ms(tree, "deploy01", "migrate_to", "snow01") == 0
    assert Leg(Move("deploy01", "x", "y", 512), 4.0, None).mib_per_s == 128


def test_a_rate_is_never_none() -> None:
    assert Leg(Move("a", "x", "y", 1), 100.0, None).mib_per_s == 1


def test_what_would_be_restarted_or_is_not_there_is_refused() -> None:
    with pytest.raises(UnsafeError, match="nis01 cannot migrate live; it would be restarted; make it a PVH guest"):
        migration_test.plan(unable(guide_cluster(), "nis01"), "nis01")
    with pytest.raises(NoSuchObjectError):
        migration_test.plan(guide_cluster(), "nobody")
    tree = guide_cluster()
    with pytest.raises(UnavailableError, match="no domain runs that can migrate live"):
        migration_test.plan(unable(tree, *cib.domains(tree)), "")


def test_without_another_server_there_is_nowhere_to_go() -> None:
    tree = guide_cluster()
    source = Outlook(tree).places["nis01"]
    cib.put_standby(tree, other(source), on=True)
    with pytest.raises(UnavailableError, match="nis01 has nowhere to go"):
        migration_test.plan(tree, "nis01")
