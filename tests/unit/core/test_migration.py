from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration
from snow_ha_plugin.model import Move
from tests.captures import capture
from tests.unit.core.test_cib import with_parts

MOVE = Move("web01", "snow01", "snow02", 512)
BY_HAND = '<primitive id="web01" class="ocf" provider="heartbeat" type="Xen">{}</primitive>'


def on_fail(tree: cib.Tree, domain: str) -> str | None:
    """What Pacemaker is told to do with a failed migration of a domain."""
    operation = cib.resource(tree, domain).find("operations/op[@name='migrate_to']")
    return operation.get("on-fail") or cib.pairs(operation, "meta_attributes").get("on-fail")


def test_a_moving_domain_is_pulled_and_held_and_afterwards_nothing_is_left() -> None:
    tree = cib.parse(capture("cibadmin-2.1.5-guide-domains.xml"))
    before = cib.serialize(tree)
    migration.put(tree, [Move("nis01", "snow01", "snow02", 512)])
    (rule,) = tree.findall("configuration/constraints/rsc_location[@rsc='nis01']")
    assert (rule.get("node"), rule.get("score"), on_fail(tree, "nis01")) == ("snow02", "INFINITY", "block")
    assert migration.held(tree) == {"nis01"}

    migration.release(tree)
    assert tree.findall("configuration/constraints/rsc_location[@rsc='nis01']") == []
    assert migration.held(tree) == {"nis01"}

    assert migration.remove(tree) != []
    assert cib.serialize(tree) == before
    assert migration.remove(tree) == []


@pytest.mark.parametrize(
    "operations",
    ["", "<operations/>", '<operations><op id="o" name="monitor" interval="10s"/></operations>'],
    ids=["no operations", "none", "another"],
)
def test_a_domain_by_hand_is_held_too_and_afterwards_is_as_it_was(operations: str) -> None:
    tree = with_parts(resources=BY_HAND.format(operations))
    before = cib.serialize(tree)
    migration.put(tree, [MOVE])
    assert on_fail(tree, "web01") == "block"
    migration.remove(tree)
    assert cib.serialize(tree) == before


@pytest.mark.parametrize(
    "operation",
    [
        '<op id="o" name="migrate_to" interval="0" on-fail="restart"/>',
        '<op id="o" name="migrate_to" interval="0"><meta_attributes id="m"><nvpair id="n" name="on-fail"'
        ' value="restart"/></meta_attributes></op>',
    ],
    ids=["attribute", "meta attribute"],
)
def test_what_an_administrator_wants_of_a_failed_migration_stays(operation: str) -> None:
    tree = with_parts(resources=BY_HAND.format(f"<operations>{operation}</operations>"))
    migration.put(tree, [MOVE])
    assert on_fail(tree, "web01") == "restart"
    assert migration.held(tree) == frozenset()
