from __future__ import annotations

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration
from snow_ha_plugin.model import Move
from tests.captures import capture, guide_cluster, schema_errors
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
    ids = [each.get("id") for each in cib.section(tree, "resources").iter() if each.get("id")]
    ids += [each.get("id") for each in cib.section(tree, "constraints").iter() if each.get("id")]
    assert len(ids) == len(set(ids)), "the CIB's schema takes each once"
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


def registered(*, operation: str = "") -> cib.Tree:
    """The guide's cluster; with `operation` nis01's migrate_to is that one."""
    tree = guide_cluster()
    if operation:
        (present,) = cib.resource(tree, "nis01").xpath("operations/op[@name='migrate_to']")
        present.getparent().replace(present, etree.fromstring(operation))
    return tree


def test_a_failed_migration_of_a_domain_of_ours_blocks_it_until_the_failure_timeout() -> None:
    tree = registered()
    for name in migration.OPERATIONS:
        (operation,) = cib.resource(tree, "nis01").xpath("operations/op[@name=$name]", name=name)
        # As an attribute of the operation it would never run out (block_failure in Pacemaker).
        assert operation.get("on-fail") is None
        assert cib.pairs(operation, "meta_attributes")["on-fail"] == "block"
    assert migration.held(tree) == set()
    assert not migration.block(cib.resource(tree, "nis01"))
    assert schema_errors(tree) == ""


def test_what_somebody_wants_of_a_failed_migration_stays() -> None:
    tree = registered(operation='<op id="theirs" name="migrate_to" interval="0s" on-fail="restart"/>')
    assert not migration.block(cib.resource(tree, "nis01"))
    assert on_fail(tree, "nis01") == "restart"


def test_a_verb_takes_a_blocked_domain_into_its_hands_and_leaves_it_blocked() -> None:
    tree = registered()
    before = cib.serialize(tree)
    migration.hold(tree, "nis01")
    assert migration.held(tree) == {"nis01"} and schema_errors(tree) == ""
    migration.remove(tree)
    assert cib.serialize(tree) == before
    # One that somebody else wants blocked is nobody's to release.
    theirs = registered(operation='<op id="theirs" name="migrate_to" interval="0s" on-fail="block"/>')
    migration.hold(theirs, "nis01")
    assert migration.held(theirs) == set()


def test_a_domain_that_may_not_stay_is_stopped_instead_and_migrates_again_afterwards() -> None:
    tree = registered()
    before = cib.serialize(tree)
    assert [change.target for change in migration.end_live(tree, ["nis01", "gone"])] == ["nis01"]
    assert migration.end_live(tree, ["nis01"]) == []
    assert cib.meta(tree, "nis01", "allow-migrate", "") == "false"
    assert migration.passing(tree) == ["nis01"] and schema_errors(tree) == ""
    migration.remove(tree)
    assert migration.passing(tree) == ["nis01"], "another verb's end is not the server's"
    assert [change.target for change in migration.end_passing(tree)] == ["nis01"]
    assert cib.serialize(tree) == before
