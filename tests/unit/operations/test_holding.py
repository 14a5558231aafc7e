"""Domains held and released: which, and that they are looked at anew before Pacemaker decides about them again."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.operations import holding
from tests.captures import guide_cluster
from tests.unit.core.test_cib import with_parts
from tests.unit.operations.test_transaction import BAN, Memory


class Cluster(Memory):
    """`done`: what Pacemaker was asked to forget, and how long it was waited for."""

    def __init__(self, tree: cib.Tree) -> None:
        super().__init__(tree)
        self.done: list[str | int] = []

    def forget(self, resource: str, node: str = "") -> None:
        assert resource in self.in_nobodys_hands, "Pacemaker would act on what it finds"
        self.done.append(resource)

    def wait_idle(self, timeout_s: int) -> None:
        self.done.append(timeout_s)

    @property
    def in_nobodys_hands(self) -> list[str]:
        return [name for name in cib.domains(self.tree) if intent.is_held(self.tree, name)]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(guide_cluster())


def test_those_that_are_named_are_held_or_all(cluster: Cluster) -> None:
    assert [done.target for done in holding.hold(cluster, ["nis01", "maui01"])] == ["nis01", "maui01"]
    assert sorted(cluster.in_nobodys_hands) == ["maui01", "nis01"]
    assert len(holding.hold(cluster, [])) == 6
    assert cluster.in_nobodys_hands == list(cib.domains(cluster.tree))


def test_a_dry_run_holds_and_releases_nothing(cluster: Cluster) -> None:
    assert len(holding.hold(cluster, [], dry_run=True)) == 8
    assert cluster.commits == 0
    holding.hold(cluster, ["nis01"])
    assert [done.target for done in holding.release(cluster, [], dry_run=True)] == ["nis01"]
    assert (cluster.commits, cluster.done) == (1, [])


def test_what_is_released_is_looked_at_anew_first(cluster: Cluster) -> None:
    holding.hold(cluster, ["nis01", "maui01", "nis02"])
    assert [done.target for done in holding.release(cluster, ["nis01"])] == ["nis01"]
    assert cluster.done == ["nis01", 120]
    assert [done.target for done in holding.release(cluster, [])] == ["maui01", "nis02"]
    assert cluster.done[2:] == ["maui01", "nis02", 120]
    assert cluster.in_nobodys_hands == []


def test_where_nothing_is_held_nobody_is_asked(cluster: Cluster) -> None:
    assert holding.release(cluster, []) == []
    assert (cluster.commits, cluster.done) == (0, [])


def test_what_pacemaker_would_move_stays_held() -> None:
    cluster = Cluster(with_parts(constraints=BAN.format("nis01", "snow02")))
    intent.hold(cluster.tree, ["nis01"])
    with pytest.raises(UnsafeError, match="nis01"):
        holding.release(cluster, ["nis01"])
    assert cluster.in_nobodys_hands == ["nis01"]
