"""Differences of configurations, in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance, cluster_options, intent, location, primitive
from snow_ha_plugin.core.reports.difference import changes
from snow_ha_plugin.model import Severity
from tests.captures import domain, guide_cluster
from tests.unit.core.test_cib import with_parts

ACCEPTED = acceptance.Acceptance("no-fencing", "", Severity.ERROR, 1764340000, 1764350000, "")


def in_nis01(tree: cib.Tree, path: str) -> cib.Tree:
    return tree.find(f"configuration/resources/primitive[@id='nis01']/{path}")


def colocated(tree: cib.Tree, score: str) -> None:
    cib.add(
        cib.section(tree, "constraints"), "rsc_colocation", id="c", rsc="nis01", score=score, **{"with-rsc": "nis02"}
    )


@pytest.mark.parametrize(
    ("edit", "there", "back"),
    [
        (lambda tree: primitive.register(tree, domain("web01"), 80), "register web01", "unregister web01"),
        (lambda tree: primitive.unregister(tree, "nis01"), "unregister nis01", "register nis01"),
        (lambda tree: intent.want(tree, ["nis01"], "Stopped"), "keep nis01 stopped", "let nis01 run"),
        (
            lambda tree: intent.hold(tree, ["nis01"]),
            "keep Pacemaker's hands off nis01", "have Pacemaker look after nis01 again",
        ),
        (lambda tree: intent.leave_out(tree, ["web01"]), "leave web01 out", "leave web01 out no longer"),
        (
            lambda tree: acceptance.accept(tree, [ACCEPTED]),
            "leave no-fencing aside", "leave no-fencing aside no longer",
        ),
        (
            lambda tree: location.put(tree, [location.rule("nis01", "snow01", 100, beats_stickiness=False)]),
            "prefer snow01 for nis01 (score 50)", "prefer snow01 for nis01 no longer (score 50)",
        ),
        (
            lambda tree: location.put_apart(tree, {"nis01": "nis", "nis02": "nis"}),
            "keep nis01 and nis02 on different servers", "let nis01 and nis02 share a server",
        ),
        (
            lambda tree: cib.put_standby(tree, "snow02", on=True),
            "keep domains off snow02", "let snow02 take domains again",
        ),
        (
            lambda tree: cib.put_option(tree, cluster_options.OPTIONS_ID, "migration-limit", "4"),
            "set migration-limit to 4 (now 2)", "set migration-limit to 2 (now 4)",
        ),
        (
            lambda tree: cib.put_pairs(cib.section(tree, "op_defaults"), "meta_attributes", "x", {"record": "y"}),
            "set record of op_defaults to y", "take record of op_defaults out (now y)",
        ),
        (
            lambda tree: in_nis01(tree, "operations/op[@name='start']").set("timeout", "999s"),
            "set timeout of the operation start of nis01 to 999s (now 120s)",
            "set timeout of the operation start of nis01 to 120s (now 999s)",
        ),
        (
            lambda tree: cib.put_pairs(in_nis01(tree, "."), "instance_attributes", "x", {"password": "secret"}),
            "set password of nis01", "take password of nis01 out",
        ),
        (
            lambda tree: cib.add(cib.section(tree, "resources"), "group", id="all"),
            "put the group all back", "remove the group all",
        ),
        (
            lambda tree: cib.add(cib.section(tree, "constraints"), "rsc_order", id="o", first="nis01", then="nis02"),
            "put the rule o back", "remove the rule o",
        ),
        (
            lambda tree: cib.put_pairs(cib.section(tree, "rsc_defaults"), "meta_attributes", "x", {"migrates": "y"}),
            "set migrates of rsc_defaults to y", "take migrates of rsc_defaults out (now y)",
        ),
        (
            lambda tree: cib.put_pairs(in_nis01(tree, "."), "utilization", "x", {"gpu": "1"}),
            "set gpu of nis01 to 1", "take gpu of nis01 out (now 1)",
        ),
        (
            lambda tree: cib.add(cib.add(in_nis01(tree, "."), "operations", id="x"), "op", id="o", name="notify"),
            "put the operation notify of nis01 back", "remove the operation notify of nis01",
        ),
        (
            lambda tree: cib.add(in_nis01(tree, "."), "meta_attributes", **{"id-ref": "of-all"}),
            "put the meta_attributes of-all back", "remove the meta_attributes of-all",
        ),
        (
            lambda tree: cib.add(cib.section(tree, "resources"), "primitive", id="dummy"),
            "put the resource dummy back", "remove the resource dummy",
        ),
        (
            lambda tree: cib.add(cib.section(tree, "resources"), "clone", id="all"),
            "put the clone all back", "remove the clone all",
        ),
        (
            lambda tree: cib.add(cib.section(tree, "fencing-topology"), "fencing-level", id="first"),
            "put the fencing level first back", "remove the fencing level first",
        ),
        (
            lambda tree: cib.add(cib.section(tree, "constraints"), "rsc_location", id="by-rule", rsc="nis01"),
            "put the rule by-rule back", "remove the rule by-rule",
        ),
        (
            lambda tree: cib.add(cib.section(tree, "constraints"), "rsc_ticket", id="t", rsc="nis01"),
            "put the rule t back", "remove the rule t",
        ),
        (
            lambda tree: cib.add(cib.section(tree, "constraints"), "rsc_colocation", id="of-a-set", score="-5"),
            "put the rule of-a-set back", "remove the rule of-a-set",
        ),
        (lambda tree: colocated(tree, "0"), "put the rule c back", "remove the rule c"),
        (lambda tree: colocated(tree, "5"), "put the rule c back", "remove the rule c"),
        (
            lambda tree: colocated(tree, "-1"),
            "keep nis01 and nis02 on different servers", "let nis01 and nis02 share a server",
        ),
        (
            lambda tree: cib.add(in_nis01(tree, "."), "meta_attributes", id="empty"),
            "put the meta_attributes empty back", "remove the meta_attributes empty",
        ),
    ],
)  # fmt: skip
def test_each_change_is_told_in_both_directions(edit: Callable[[cib.Tree], object], there: str, back: str) -> None:
    before = guide_cluster()
    after = guide_cluster()
    edit(after)
    assert [change.message for change in changes(before, after)] == [there]
    assert [change.message for change in changes(after, before)] == [back]


def test_a_rule_for_all_of_a_name_is_told_with_the_name() -> None:
    before = guide_cluster()
    after = cib.clone(before)
    rule = {"id": "by-pattern", "rsc-pattern": "^nis", "node": "snow01", "score": "50"}
    cib.add(cib.section(after, "constraints"), "rsc_location", **rule)
    (comes,), (goes,) = changes(before, after), changes(after, before)
    assert (comes.target, comes.message) == ("^nis", "prefer snow01 for all that are named like ^nis (score 50)")
    assert goes.message == "prefer snow01 for all that are named like ^nis no longer (score 50)"


def test_a_rule_that_prefers_otherwise_is_told_as_it_would_be() -> None:
    before, after = guide_cluster(), guide_cluster()
    location.put(before, [location.rule("nis01", "snow01", 100, beats_stickiness=False)])
    location.put(after, [location.rule("nis01", "snow02", 100, beats_stickiness=True)])
    assert [change.message for change in changes(before, after)] == ["prefer snow02 for nis01 (score 150)"]


RULES = """<rsc_location id="l" rsc="nis01" node="snow01" score="50"/>
<rsc_colocation id="c" rsc="nis01" with-rsc="nis02" score="-10"/>"""


@pytest.mark.parametrize(
    ("rule", "name", "value", "told"),
    [
        ("l", "node", "snow02", ["prefer snow02 for nis01 (score 50)"]),
        ("l", "score", "70", ["prefer snow01 for nis01 (score 70)"]),
        ("l", "resource-discovery", "never", ["set resource-discovery of the rule l to never (now nothing)"]),
        ("c", "score", "-5", ["set score of the rule c to -5 (now -10)"]),
        ("c", "score", "-10", []),
    ],
)
def test_a_rule_that_is_another_one_now_is_told_by_what_is_new(
    rule: str, name: str, value: str, told: list[str]
) -> None:
    before, after = with_parts(constraints=RULES), with_parts(constraints=RULES)
    after.find(f"configuration/constraints/*[@id='{rule}']").set(name, value)
    assert [change.message for change in changes(before, after)] == told


def test_an_attribute_that_goes_is_set_to_nothing() -> None:
    before, after = with_parts(constraints=RULES), with_parts(constraints=RULES)
    before.find("configuration/constraints/*[@id='l']").set("resource-discovery", "never")
    (change,) = changes(before, after)
    assert change.message == "set resource-discovery of the rule l to nothing (now never)"


def test_of_a_pair_that_had_no_value_none_is_told() -> None:
    before, after = guide_cluster(), guide_cluster()
    for tree in (before, after):
        cib.put_pairs(in_nis01(tree, "."), "meta_attributes", "x", {"remark": "kept"})
    del before.find(".//nvpair[@name='remark']").attrib["value"]
    assert [change.message for change in changes(before, after)] == ["set remark of nis01 to kept"]


def test_what_has_no_id_is_told_apart_by_its_place() -> None:
    parts = "<acls><acl_role id='one'/></acls><acls><acl_role id='other'/></acls>"
    after = guide_cluster()
    after.find("configuration").extend(etree.fromstring(f"<x>{parts}</x>"))
    assert [change.message for change in changes(guide_cluster(), after)] == [
        "put the acl_role one back",
        "put the acl_role other back",
    ]


def test_what_goes_with_something_else_is_not_told_beside_it() -> None:
    inside = "<resource_set id='s'><resource_ref id='nis01'/></resource_set>"
    before = with_parts(constraints=f"<rsc_colocation id='c'>{inside}</rsc_colocation>")
    assert [change.message for change in changes(before, guide_cluster())] == ["remove the rule c"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda tree: cib.raise_epoch(tree),
        lambda tree: tree.remove(tree.find("status")),
        lambda tree: cib.put_option(tree, cib.ADMIN_OPTIONS, "last-lrm-refresh", "1764340000"),
        lambda tree: cib.section(tree, "alerts"),
    ],
)
def test_versions_states_and_what_pacemaker_notes_for_itself_are_no_difference(
    edit: Callable[[cib.Tree], object],
) -> None:
    after = guide_cluster()
    edit(after)
    assert changes(guide_cluster(), after) == changes(after, guide_cluster()) == []


def test_what_changes_beside_a_last_refresh_is_told() -> None:
    before, after = guide_cluster(), guide_cluster()
    for tree, times in ((before, "1"), (after, "2")):
        cib.put_option(tree, cib.ADMIN_OPTIONS, "last-lrm-refresh", times)
        cib.put_option(tree, cib.ADMIN_OPTIONS, "shutdown-lock", times)
    assert [change.message for change in changes(before, after)] == ["set shutdown-lock to 2 (now 1)"]


def test_a_last_refresh_that_went_on_is_no_difference() -> None:
    before, after = guide_cluster(), guide_cluster()
    cib.put_option(before, cib.ADMIN_OPTIONS, "last-lrm-refresh", "1764340000")
    cib.put_option(after, cib.ADMIN_OPTIONS, "last-lrm-refresh", "1764340001")
    assert changes(before, after) == []
