"""The rules of `balance` from `disable` to the next `enable`."""

from __future__ import annotations

from typing import cast

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import kept, location
from snow_ha_plugin.core.configure.location import LocationConstraint
from snow_ha_plugin.guide import disable, rules
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.cluster import LiveCluster
from tests.captures import guide_cluster
from tests.unit.operations.test_transaction import Memory


def written(tree: cib.Tree) -> list[dict[str, str]]:
    return [dict(rule.items()) for rule in kept.rules(tree)]


@pytest.fixture
def balanced() -> cib.Tree:
    """A cluster whose every domain has a rule to stay where it is, with two that are kept apart."""
    tree = guide_cluster()
    places = {"nis01": "snow01", "nis02": "snow02"}
    location.put(tree, [location.rule(name, server, 100, beats_stickiness=False) for name, server in places.items()])
    location.put_apart(tree, dict.fromkeys(places, "nis"))
    assert len(written(tree)) == 3
    return tree


def without_rules(tree: cib.Tree) -> cib.Tree:
    for rule in kept.rules(tree):
        rule.getparent().remove(rule)
    return tree


def test_they_come_back_as_they_were(balanced: cib.Tree) -> None:
    before = written(balanced)
    kept.keep(balanced)
    cluster = Memory(without_rules(balanced))
    told: list[str] = []
    (change,) = rules.put_back(cluster, told.append)
    assert change.message == "put back 3 rules of balance from before disable"
    assert (written(cluster.tree), told) == (before, [])
    assert rules.put_back(cluster, told.append) == []


def test_without_rules_nothing_is_kept() -> None:
    tree = guide_cluster()
    before = cib.serialize(tree)
    kept.keep(tree)
    assert cib.serialize(tree) == before


def test_what_names_a_domain_or_server_that_is_gone_stays_away(balanced: cib.Tree) -> None:
    kept.keep(balanced)
    tree = without_rules(balanced)
    cib.remove_resource(tree, "nis02")
    kept.put_back(tree)
    assert [rule["rsc"] for rule in written(tree)] == ["nis01"]


def test_a_newer_rule_stays(balanced: cib.Tree) -> None:
    kept.keep(balanced)
    newer = location.rule("nis01", "snow02", 100, beats_stickiness=False)
    location.put(balanced, [newer])
    kept.put_back(balanced)
    assert [rule["node"] for rule in written(balanced) if rule["rsc"] == "nis01" and "node" in rule] == ["snow02"]


def test_rules_that_would_move_a_domain_by_now_are_told_and_dropped(balanced: cib.Tree) -> None:
    tree = without_rules(balanced)
    (other,) = {"snow01", "snow02"} - {Outlook(tree).places["nis02"]}
    location.put(tree, [LocationConstraint("snow-ha--place--nis02", "nis02", other, 500_000)])
    kept.keep(tree)
    cluster, told = Memory(without_rules(tree)), list[str]()
    rules.put_back(cluster, told.append)
    assert "the rules of balance from before disable are dropped: Pacemaker would disturb domains" in told[0]
    assert written(cluster.tree) == []
    assert rules.put_back(cluster, told.append) == []


def test_disable_keeps_them(site: Site, balanced: cib.Tree) -> None:
    cluster = Memory(balanced)
    disable._take_out(Site(**{**vars(site), "cluster": cast(LiveCluster, cluster)}))
    assert written(cluster.tree) == []
    assert len(cluster.tree.find(f"configuration/crm_config/*[@id='{kept.SET}']")) == 3
