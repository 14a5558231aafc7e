"""What migrations leave in the CIB while they last: whose failure blocks whom, and which rules pull."""

from __future__ import annotations

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration
from snow_ha_plugin.model import Change, Move
from tests.captures import guide_cluster, schema_errors
from tests.unit.core.test_cib import with_parts

MOVE = Move("web01", "snow01", "snow02", 512)
OPERATIONS = '<operations><op id="web01-{0}" name="{0}" interval="0s" timeout="900s">{1}</op></operations>'
PRIMITIVE = '<primitive id="web01" class="ocf" provider="heartbeat" {1}>{0}</primitive>'
META = '<meta_attributes id="m"><nvpair id="m-1" name="{}" value="{}"/></meta_attributes>'
SINCE = 1795878700


def by_hand(operations: str = "", kind: str = 'type="Xen"', *, template: str = "") -> cib.Tree:
    parts = '<template id="t" class="ocf" provider="heartbeat" type="Xen">{}</template>' if template else ""
    return with_parts(resources=parts.format(template) + PRIMITIVE.format(operations, kind))


def web(tree: cib.Tree) -> cib.Tree:
    found = cib.resource(tree, "web01")
    assert found is not None
    return found


def about(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.action, change.target) for change in changes]


@pytest.mark.parametrize("name", ["migrate_to", "migrate_from"])
def test_either_side_of_a_migration_blocks_and_that_is_a_change_once(name: str) -> None:
    primitive = web(by_hand(OPERATIONS.format(name, "")))
    assert migration.block(primitive) is True
    assert migration.block(primitive) is False
    (operation,) = primitive.findall("operations/op")
    assert cib.pairs(operation, "meta_attributes") == {"on-fail": "block"}
    (of_it,) = operation.findall("meta_attributes")
    assert of_it.get("id") == f"snow-ha--op.{name}.meta--web01"
    assert migration.blocks(primitive.getroottree().getroot()) >= {"web01"}


@pytest.mark.parametrize("name", ["start", "stop", "monitor"])
def test_other_failures_are_pacemakers_to_answer(name: str) -> None:
    primitive = web(by_hand(OPERATIONS.format(name, "")))
    assert migration.block(primitive) is False
    assert primitive.findall("operations/op/meta_attributes") == []


def test_a_meta_attribute_of_another_name_is_no_answer_to_a_failure() -> None:
    primitive = web(by_hand(OPERATIONS.format("migrate_to", META.format("timeout", "60s"))))
    assert migration.block(primitive) is True


def test_what_somebody_has_said_of_its_failure_in_a_meta_attribute_stays() -> None:
    tree = by_hand(OPERATIONS.format("migrate_to", META.format("on-fail", "restart")))
    before = cib.serialize(tree)
    assert migration.block(web(tree)) is False
    assert cib.serialize(tree) == before


def test_domains_that_somebody_else_has_blocked_are_not_told() -> None:
    tree = by_hand(OPERATIONS.format("migrate_to", META.format("on-fail", "block")))
    assert "web01" not in migration.blocks(tree)
    assert migration.blocks(tree) == set(cib.domains(guide_cluster()))


class TestWhileAServerShutsDown:
    def test_a_failed_migration_is_tried_again_at_once(self) -> None:
        tree = guide_cluster()
        before = cib.serialize(tree)
        assert about(migration.retry(tree, {"nis01": 1, "gone": 1, "nis02": 2}, SINCE)) == [
            ("retry", "nis01"),
            ("retry", "nis02"),
        ]
        assert cib.meta(tree, "nis01", "failure-timeout", "") == "1s"
        assert cib.meta(tree, "nis01", "allow-migrate", "") == "true"
        assert migration.retry(tree, {"nis01": 1}, SINCE) == []
        assert about(migration.retry(tree, {"nis01": 2}, SINCE)) == [("retry", "nis01")], "Pacemaker is to look again"
        assert sorted(migration.passing(tree)) == ["nis01", "nis02"]
        assert sorted(about(migration.end_passing(tree))) == [("live", "nis01"), ("live", "nis02")]
        assert cib.serialize(tree) == before

    def test_what_cannot_migrate_is_stopped_and_its_failures_run_out_as_well(self) -> None:
        tree = guide_cluster()
        assert about(migration.end_live(tree, ["nis01"])) == [("cold", "nis01")]
        assert cib.meta(tree, "nis01", "failure-timeout", "") == "1s"
        assert cib.meta(tree, "nis01", "allow-migrate", "") == "false"

    def test_it_counts_more_than_what_the_domain_has_for_good(self) -> None:
        tree = guide_cluster()
        migration.retry(tree, {"nis01": 1}, SINCE)
        (found,) = tree.xpath("//primitive[@id='nis01']/meta_attributes[@score]")
        assert (found.get("id"), found.get("score")) == ("snow-ha--cold--nis01", "1")

    def test_the_shutdown_keeps_its_first_date(self) -> None:
        tree = guide_cluster()
        assert migration.leaving_since(tree) == 0
        migration.retry(tree, {"nis02": 1}, SINCE + 60)
        migration.retry(tree, {"nis01": 1}, SINCE)
        assert migration.leaving_since(tree) == SINCE
        migration.end_live(tree, ["nis01"])
        assert migration.leaving_since(tree) == SINCE
        migration.end_passing(tree)
        assert migration.leaving_since(tree) == 0

    def test_nothing_of_it_is_there_before(self) -> None:
        assert migration.passing(guide_cluster()) == []
        assert migration.end_passing(guide_cluster()) == []


class TestMoves:
    def test_each_is_a_rule_stronger_than_anything_finite(self) -> None:
        tree = guide_cluster()
        done = migration.put(tree, [Move("nis01", "snow01", "snow02", 512), Move("nis02", "snow02", "snow01", 512)])
        assert about(done) == [("move", "nis01"), ("move", "nis02")]
        rules = tree.xpath("configuration/constraints/rsc_location[starts-with(@id, 'snow-ha--move--')]")
        assert [dict(rule.attrib) for rule in rules] == [
            {"id": "snow-ha--move--nis01", "rsc": "nis01", "node": "snow02", "score": "INFINITY"},
            {"id": "snow-ha--move--nis02", "rsc": "nis02", "node": "snow01", "score": "INFINITY"},
        ]
        assert tree.xpath(migration.RULES) == rules

    def test_one_by_a_restart_has_no_migration_to_fail(self) -> None:
        tree = guide_cluster()
        done = migration.put(
            tree, [Move("nis01", "snow01", "snow02", 512, restarts=True), MOVE._replace(domain="nis02")]
        )
        assert [change.message for change in done] == [
            "bring nis01 from snow01 to snow02 by a restart", "migrate nis02 from snow01 to snow02",
        ]  # fmt: skip
        assert migration.held(tree) == {"nis02"}

    def test_what_ends_one_is_told_of_its_domain(self) -> None:
        tree = guide_cluster()
        migration.put(tree, [Move("nis02", "snow01", "snow02", 512), Move("nis01", "snow01", "snow02", 512)])
        assert about(migration.release(tree)) == [("moved", "nis02"), ("moved", "nis01")]
        assert tree.xpath(migration.RULES) == []
        assert tree.xpath(migration.ALL) != []
        assert about(migration.remove(tree)) == [("moved", "nis01"), ("moved", "nis02")]
        assert tree.xpath(migration.ALL) == []

    def test_of_what_is_in_no_cib_nothing_is_held(self) -> None:
        tree = guide_cluster()
        before = cib.serialize(tree)
        migration.hold(tree, "gone")
        assert cib.serialize(tree) == before


class TestHold:
    def operation(self, tree: cib.Tree) -> cib.Tree:
        (found,) = web(tree).findall("operations/op[@name='migrate_to']")
        return found

    def test_an_operation_that_is_there_keeps_its_time(self) -> None:
        tree = by_hand(OPERATIONS.format("migrate_to", ""))
        before = cib.serialize(tree)
        migration.hold(tree, "web01")
        found = self.operation(tree)
        assert (found.get("id"), found.get("timeout"), found.get("on-fail")) == ("web01-migrate_to", "900s", None)
        assert cib.pairs(found, "meta_attributes") == {"on-fail": "block"}
        assert found.find("meta_attributes").get("id") == "snow-ha--move.hold--web01"
        migration.remove(tree)
        assert cib.serialize(tree) == before

    def test_one_of_its_own_is_there_only_as_long(self) -> None:
        tree = by_hand()
        migration.hold(tree, "web01")
        assert dict(self.operation(tree).attrib) == {
            "id": "snow-ha--move.op--web01", "name": "migrate_to", "interval": "0s",
        }  # fmt: skip
        assert schema_errors(tree) == ""

    def test_it_hides_none_of_what_its_template_says(self) -> None:
        operations = OPERATIONS.format("migrate_to", META.format("record-pending", "true"))
        tree = by_hand(kind='template="t"', template=operations.replace("web01-", "t-"))
        web(tree).attrib.pop("class")
        web(tree).attrib.pop("provider")
        before = cib.serialize(tree)
        migration.hold(tree, "web01")
        found = self.operation(tree)
        assert dict(found.attrib) == {
            "id": "snow-ha--move.op--web01", "name": "migrate_to", "interval": "0s", "timeout": "900s",
        }  # fmt: skip
        assert cib.pairs(found, "meta_attributes") == {"record-pending": "true", "on-fail": "block"}
        migration.remove(tree)
        assert cib.serialize(tree) == before

    def test_what_its_template_wants_of_a_failure_stays(self) -> None:
        operations = OPERATIONS.format("migrate_to", META.format("on-fail", "restart"))
        tree = by_hand(kind='template="t"', template=operations.replace("web01-", "t-"))
        migration.hold(tree, "web01")
        assert migration.held(tree) == frozenset()

    def test_what_is_in_a_meta_attribute_of_the_operation_is_not_written_twice(self) -> None:
        tree = by_hand(OPERATIONS.format("migrate_to", META.format("record-pending", "true")))
        migration.hold(tree, "web01")
        (ours,) = self.operation(tree).findall("meta_attributes[@id='snow-ha--move.hold--web01']")
        assert [pair.get("name") for pair in ours] == ["on-fail"]

    @pytest.mark.parametrize("op", [OPERATIONS, OPERATIONS.replace("{0}", "stop")], ids=["there", "missing"])
    @pytest.mark.parametrize("by", ["itself", "template"])
    def test_operations_that_stand_for_others_are_held_where_they_are(self, by: str, op: str) -> None:
        lent = op.format("migrate_to", "").replace("<operations>", '<operations id="shared">').replace("web01", "db01")
        reference = '<operations id-ref="shared"/>'
        tree = by_hand(lent).getroottree().getroot()
        web(tree).set("id", "db01")
        resources = (
            PRIMITIVE.format(reference, 'type="Xen"')
            if by == "itself"
            else f'<template id="t" class="ocf" provider="heartbeat" type="Xen">{reference}</template>'
            '<primitive id="web01" template="t"/>'
        )
        cib.section(tree, "resources").extend(etree.fromstring(f"<x>{resources}</x>"))
        before = cib.serialize(tree)
        migration.hold(tree, "web01")
        assert web(tree).find("operations[@id]") is None
        (found,) = tree.xpath("//operations[@id='shared']/op[@name='migrate_to']")
        assert cib.pairs(found, "meta_attributes") == {"on-fail": "block"}
        assert migration.held(tree) == {"web01"} and schema_errors(tree) == ""

        migration.hold(tree, "db01")
        assert migration.held(tree) == {"web01", "db01"} and schema_errors(tree) == ""
        assert about(migration.remove(tree)) == [("moved", "db01"), ("moved", "web01")]
        assert cib.serialize(tree) == before
