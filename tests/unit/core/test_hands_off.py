from __future__ import annotations

from dataclasses import replace

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports import hands_off
from snow_ha_plugin.model import ClusterState
from tests.captures import guide_cluster
from tests.unit.core.test_findings import resource, state

UNMANAGED = resource("nis01", managed=False)


def held(tree: cib.Tree) -> None:
    intent.hold(tree, ["nis01"])


def paused(tree: cib.Tree) -> None:
    intent.pause(tree, ["nis01"])


def as_it_is(tree: cib.Tree) -> None:
    """Nothing of the domain itself."""


@pytest.mark.parametrize(
    ("cluster", "edit", "remedy"),
    [
        (state(UNMANAGED), held, "snow ha release nis01"),
        (state(UNMANAGED), paused, "crm resource maintenance nis01 off"),
        (state(UNMANAGED, maintenance=True), held, "crm configure property maintenance-mode=false"),
        (state(UNMANAGED), as_it_is, "see crm_resource --why --resource nis01"),
    ],
    ids=["held", "paused", "the-cluster", "by-a-default"],
)
def test_each_reason_has_its_own_remedy(cluster: ClusterState, edit, remedy: str) -> None:  # type: ignore[no-untyped-def]
    tree = guide_cluster()
    edit(tree)
    found = hands_off.of(tree, cluster, "nis01")
    assert found and found.remedy == remedy


@pytest.mark.parametrize("edit", [as_it_is, held])
def test_a_domain_of_a_server_in_maintenance_comes_back_with_that(edit) -> None:  # type: ignore[no-untyped-def]
    tree, calm = guide_cluster(), state(UNMANAGED)
    edit(tree)
    (node,) = calm.nodes
    cluster = ClusterState(True, False, (type(node)(**{**node.__dict__, "maintenance": True}),), calm.resources)
    found = hands_off.of(tree, cluster, "nis01")
    assert found == hands_off.HandsOff("snow01 is in maintenance", "crm node ready snow01", is_wider=True)


def test_of_what_pacemaker_manages_there_is_none() -> None:
    assert hands_off.of(guide_cluster(), state(resource("nis01")), "nis01") is None


def test_a_server_in_maintenance_is_no_reason_for_a_domain_of_another() -> None:
    tree, calm = guide_cluster(), state(resource("nis01", managed=False, servers=("snow02",)), maintenance=False)
    intent.hold(tree, ["nis01"])
    (node,) = calm.nodes
    cluster = ClusterState(True, False, (replace(node, maintenance=True),), calm.resources)
    found = hands_off.of(tree, cluster, "nis01")
    assert found and found.remedy == "snow ha release nis01"
