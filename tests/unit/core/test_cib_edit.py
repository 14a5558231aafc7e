"""The few ways in which a CIB is added to, and the CIB as a document."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import DataError
from tests.captures import guide_cluster
from tests.unit.core.test_cib import canonical, with_parts


def holder() -> cib.Tree:
    return cib.section(cib.empty(), "rsc_defaults")


def test_an_operation_has_its_times_in_seconds() -> None:
    operations = cib.add(holder(), "operations")
    cib.add_operation(operations, "web01", "monitor", 60, 10)
    cib.add_operation(operations, "web01", "start", 120)
    assert [operation.tag for operation in operations] == ["op", "op"]
    assert [dict(operation.attrib) for operation in operations] == [
        {"id": "snow-ha--op.monitor--web01", "name": "monitor", "interval": "10s", "timeout": "60s"},
        {"id": "snow-ha--op.start--web01", "name": "start", "interval": "0s", "timeout": "120s"},
    ]


def test_pairs_are_put_into_the_set_of_that_id_alone() -> None:
    parent = holder()
    cib.put_pairs(parent, "meta_attributes", "theirs", {"a": "1"})
    assert cib.put_pairs(parent, "meta_attributes", "x", {"a": "1", "b": "2"})
    assert cib.put_pairs(parent, "meta_attributes", "x", {"b": "3"})
    assert not cib.put_pairs(parent, "meta_attributes", "x", {"b": "3", "a": "1"})
    assert [(found.get("id"), [dict(pair.attrib) for pair in found]) for found in parent] == [
        ("theirs", [{"id": "theirs-a", "name": "a", "value": "1"}]),
        ("x", [{"id": "x-a", "name": "a", "value": "1"}, {"id": "x-b", "name": "b", "value": "3"}]),
    ]


def test_a_set_of_ours_counts_before_those_that_are_there_or_yields_to_them() -> None:
    for yields, value in ((False, "ours"), (True, "theirs")):
        parent = holder()
        assert cib.put_pairs(parent, "meta_attributes", "snow-ha--a", {"b": "alone"}, yields=yields)
        cib.put_pairs(parent, "meta_attributes", "theirs", {"a": "theirs"})
        assert cib.put_pairs(parent, "meta_attributes", "x", {"a": "ours"}, yields=yields)
        assert cib.pairs(parent, "meta_attributes") == {"a": value, "b": "alone"}


def test_one_new_value_is_a_change_whatever_comes_behind_it() -> None:
    parent = holder()
    cib.put_pairs(parent, "meta_attributes", "x", {"a": "1", "b": "2"})
    assert cib.put_pairs(parent, "meta_attributes", "x", {"a": "9", "b": "2"}) is True


def test_a_set_with_something_left_in_it_stays() -> None:
    parent = holder()
    cib.put_pairs(parent, "meta_attributes", "x", {"a": "1", "b": "2"})
    first, last = parent.find("meta_attributes")
    cib.drop_pair(first)
    assert [pair.get("name") for pair in parent.find("meta_attributes")] == ["b"]
    cib.drop_pair(last)
    assert len(parent) == 0
    cib.drop_pair(last)


def test_notes_are_those_of_one_set_of_options() -> None:
    tree = cib.empty()
    assert cib.put_notes(tree, "one", {"a": "1"}) is True
    assert cib.put_notes(tree, "one", {"a": "1"}) is False
    assert cib.put_notes(tree, "other", {"b": "2"}) is True
    assert [(pair.get("name"), pair.get("value")) for pair in cib.notes(tree, "one")] == [("a", "1")]
    assert cib.put_notes(tree, "third", {}) is False
    assert cib.notes(tree, "third") == []


def test_an_option_is_put_where_it_is_or_into_ours() -> None:
    tree = cib.empty()
    assert cib.put_option(tree, "ours", "batch-limit", "5") is True
    assert cib.put_option(tree, "another", "batch-limit", "5") is False
    assert cib.put_option(tree, "another", "batch-limit", "6") is True
    assert tree.xpath("configuration/crm_config//@id") == ["ours", "ours-batch-limit"]
    assert cib.options(tree) == {"batch-limit": "6"}


def test_of_two_sets_the_option_of_the_one_in_force_is_changed() -> None:
    tree = cib.empty()
    for set_id in ("first", "last"):
        cib.put_pairs(cib.section(tree, "crm_config"), "cluster_property_set", set_id, {"batch-limit": "5"})
    assert cib.put_option(tree, "ours", "batch-limit", "6") is True
    assert cib.options(tree) == {"batch-limit": "6"}
    assert tree.xpath("configuration/crm_config/*[@id='last']/nvpair/@value") == ["6"]


def standby_of(tree: cib.Tree) -> list[tuple[str, str]]:
    return [
        (pair.getparent().getparent().get("id"), pair.get("value"))
        for pair in tree.xpath("configuration/nodes//nvpair[@name='standby']")
    ]


def test_a_standby_is_set_in_one_servers_attributes_and_taken_out_again() -> None:
    tree = guide_cluster()
    assert cib.put_standby(tree, "snow02", on=False) is False
    assert cib.put_standby(tree, "snow02", on=True) is True
    assert standby_of(tree) == [("2", "on")]
    assert tree.find("configuration/nodes/node[@id='2']/instance_attributes[@id='nodes-2']") is not None
    assert cib.put_standby(tree, "snow02", on=True) is False
    assert cib.put_standby(tree, "snow01", on=False) is False
    assert cib.put_standby(tree, "snow02", on=False) is True
    assert standby_of(tree) == []


def test_of_several_entries_of_a_server_each_that_has_a_standby_is_changed() -> None:
    tree = with_parts(nodes='<node id="98" uname="snow02"/><node id="99" uname="snow02"/>')
    assert cib.put_standby(tree, "snow02", on=True) is True
    assert standby_of(tree) == [("99", "on")]
    entry = tree.find("configuration/nodes/node[@id='98']")
    cib.put_pairs(entry, "instance_attributes", "x", {"standby": "off"})
    assert cib.put_standby(tree, "snow02", on=True) is True
    assert standby_of(tree) == [("98", "on"), ("99", "on")]
    entry.find(".//nvpair").set("value", "off")
    assert cib.put_standby(tree, "snow02", on=False) is True
    assert standby_of(tree) == [("98", "off")]


# The document.


def test_a_configuration_is_taken_over_without_versions_and_states() -> None:
    now, then = guide_cluster(), cib.empty()
    then.set("epoch", "7")
    before, asked = canonical(now), canonical(then)
    changed = cib.reconfigured(now, then)
    assert (changed.get("epoch"), len(changed.find("status"))) == (now.get("epoch"), len(now.find("status")))
    assert cib.nodes(changed) == () and len(changed.findall("configuration")) == 1
    assert (canonical(now), canonical(then)) == (before, asked)


def test_a_version_that_is_not_written_is_the_first() -> None:
    tree = cib.empty()
    assert cib.epoch(tree) == "0.0"
    cib.raise_num_updates(tree)
    assert (tree.get("num_updates"), cib.epoch(tree)) == ("1", "0.0")
    cib.raise_epoch(tree)
    assert (tree.get("num_updates"), cib.epoch(tree)) == ("0", "0.1")
    tree.attrib.update({"admin_epoch": "3", "num_updates": "8"})
    cib.raise_num_updates(tree)
    assert (tree.get("num_updates"), cib.epoch(tree)) == ("9", "3.1")


@pytest.mark.parametrize(("value", "quorum"), [("1", True), ("0", False), (None, False)])
def test_quorum_is_as_the_cib_has_it(value: str | None, quorum: bool) -> None:
    tree = cib.empty()
    if value is not None:
        tree.set("have-quorum", value)
    assert cib.has_quorum(tree) is quorum


def test_a_cib_with_a_leader_is_the_clusters() -> None:
    tree = cib.empty()
    assert cib.is_shared(tree) is False
    tree.set("dc-uuid", "1")
    assert cib.is_shared(tree) is True


@pytest.mark.parametrize("section", ["crm_config", "nodes", "resources", "constraints"])
def test_each_section_that_every_cib_has_is_missed(section: str) -> None:
    data = cib.serialize(cib.empty()).replace(f"<{section}/>".encode(), b"")
    with pytest.raises(DataError, match=f"configuration/{section} is missing"):
        cib.parse(data)


@pytest.mark.parametrize("version", ["admin_epoch", "epoch", "num_updates"])
def test_each_version_must_be_a_number(version: str) -> None:
    tree = cib.empty()
    tree.set(version, "x")
    with pytest.raises(DataError, match=f"its {version} is no number"):
        cib.parse(cib.serialize(tree))


def test_a_missing_part_is_named() -> None:
    with pytest.raises(DataError, match="there is no configuration/tags in <cib>"):
        cib.part(cib.empty(), "configuration/tags")


def test_a_section_is_made_once() -> None:
    tree = cib.empty()
    made = cib.section(tree, "op_defaults")
    assert cib.section(tree, "op_defaults") is made
    assert cib.section(tree, "nodes") is tree.find("configuration/nodes")
    cib.drop(made)
    assert tree.find("configuration/op_defaults") is None
    cib.drop(tree)


def test_a_cib_is_written_to_be_read_by_people() -> None:
    spaced = b"<cib>\n\n <configuration><crm_config/><nodes/><resources/>\n<constraints/></configuration></cib>"
    assert cib.serialize(cib.parse(spaced)).startswith(b"<cib>\n  <configuration>\n    <crm_config/>\n    <nodes/>\n")
