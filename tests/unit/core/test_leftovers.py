from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import leftovers
from tests.captures import guide_cluster
from tests.unit.core.test_cib import with_parts

PREFER = '<rsc_location id="cli-prefer-nis01" rsc="nis01" role="Started" node="snow01" score="INFINITY"/>'
BAN = '<rsc_location id="cli-ban-nis01-on-snow01" rsc="nis01" node="snow01" score="-INFINITY"/>'
FOR_A_TIME = """<rsc_location id="cli-prefer-nis01" rsc="nis01"><rule id="r" score="INFINITY">
    <date_expression id="d" operation="lt" end="2099-01-01"/></rule></rsc_location>"""


def test_the_rule_of_a_move_is_removed() -> None:
    tree = with_parts(constraints=PREFER + BAN)
    (done,) = leftovers.finished_move("cli-prefer-nis01", tree)
    assert (done.target, done.message) == ("nis01", "remove cli-prefer-nis01, by which nis01 was moved once")
    assert [each.id for each in cib.constraints(tree)] == ["cli-ban-nis01-on-snow01"]
    assert leftovers.finished_move("cli-prefer-nis01", tree) == []


@pytest.mark.parametrize(
    ("rule", "named"),
    [(BAN, "cli-ban-nis01-on-snow01"), (FOR_A_TIME, "cli-prefer-nis01"), (PREFER, "cli-prefer-web01")],
)
def test_what_may_be_meant_or_ends_by_itself_stays(rule: str, named: str) -> None:
    tree = with_parts(constraints=rule)
    assert leftovers.finished_move(named, tree) == []
    assert len(tree.findall("configuration/constraints/rsc_location")) == 1


def test_only_the_entry_of_a_server_that_does_not_count_is_removed() -> None:
    tree = guide_cluster()
    entries = tree.findall("configuration/nodes/node")
    ids = [node.get("id") for node in entries]
    cib.add(cib.section(tree, "nodes"), "node", id="99", uname="snow01")
    away = cib.clone(tree)
    (done,) = leftovers.second_entry("snow01", tree)
    assert done.message == "remove the second entry of snow01, with the id 99"
    assert [node.get("id") for node in tree.iterfind("configuration/nodes/node")] == ids
    assert leftovers.second_entry("snow01", tree) == leftovers.second_entry("snow02", tree) == []
    # Which one counts only a server says that is there.
    for state in away.iterfind("status/node_state[@uname='snow01']"):
        state.set("crmd", "offline")
    assert leftovers.second_entry("snow01", away) == []
