from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer import loader
from snow_ha_plugin.errors import DataError
from tests.captures import DATA, capture, guide_cluster, unconfigured_cluster

CAPTURES = sorted(path.name for path in DATA.glob("cibadmin-*.xml"))
WHOLE = capture("cibadmin-2.1.5-guide-domains.xml")


def canonical(tree: cib.Tree) -> bytes:
    return etree.tostring(tree, method="c14n")


def with_parts(**sections: str) -> cib.Tree:
    """The guide's cluster with more elements in sections of its configuration."""
    tree = guide_cluster()
    for section, xml in sections.items():
        for element in etree.fromstring(f"<x>{xml}</x>"):
            cib.section(tree, section).append(element)
    return tree


@pytest.mark.parametrize("name", CAPTURES)
def test_reading_and_writing_loses_nothing(name: str) -> None:
    read = etree.fromstring(capture(name), etree.XMLParser(remove_blank_text=True))
    written = etree.fromstring(cib.serialize(cib.parse(capture(name))), etree.XMLParser(remove_blank_text=True))
    assert canonical(written) == canonical(read)


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff")))
def test_any_value_survives_reading_and_writing(value: str) -> None:
    tree = guide_cluster()
    cib.put_pairs(cib.section(tree, "op_defaults"), "meta_attributes", "x", {"name": value})
    again = cib.parse(cib.serialize(tree))
    assert cib.pairs(cib.section(again, "op_defaults"), "meta_attributes")["name"] == value


def test_comments_and_what_nobody_knows_of_stay() -> None:
    tree = with_parts(constraints="<!-- why --><rsc_new id='n'><deep k='v'/></rsc_new>", novelties="<a id='b'/>")
    text = cib.serialize(cib.parse(cib.serialize(tree)))
    assert b"<!-- why -->" in text
    assert b'<rsc_new id="n">' in text
    assert b'<deep k="v"/>' in text
    assert b"<novelties>" in text


@given(st.integers(0, len(WHOLE) - len("</cib>\n") - 1))
def test_a_cib_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(DataError, match=r"^/x: |/x is not whole XML"):
        cib.parse(WHOLE[:length], "/x")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not whole XML"),
        (b"\x00\xff\xfe", "not whole XML"),
        (b"not XML at all", "not whole XML"),
        (b"<cib/><cib/>", "not whole XML"),
        (b"<html/>", "root is <html>"),
        (b"<cib/>", "configuration/crm_config is missing"),
        (WHOLE.replace(b"constraints", b"constraint"), "configuration/constraints is missing"),
        (WHOLE.replace(b' epoch="', b' epoch="x'), "epoch is no number"),
        (WHOLE.replace(b' admin_epoch="0"', b' admin_epoch="-1"'), "admin_epoch is no number"),
        (b'<!DOCTYPE cib [<!ENTITY e "x">]>' + WHOLE, "document type"),
        (b'<!DOCTYPE cib SYSTEM "file:///etc/passwd">' + WHOLE, "document type"),
    ],
)
def test_what_is_no_cib_is_refused_in_one_line(data: bytes, why: str) -> None:
    with pytest.raises(DataError) as caught:
        cib.parse(data, "/x")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bomb_of_entities_is_refused_before_it_grows() -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE cib [<!ENTITY l0 "x">{levels}]><cib><configuration a="&l9;"/></cib>'
    with pytest.raises(DataError):
        cib.parse(bomb.encode())


def test_a_clone_does_not_share_anything() -> None:
    tree = guide_cluster()
    before = canonical(tree)
    cib.remove_resource(cib.clone(tree), "nis01")
    assert canonical(tree) == before


def test_the_epoch_counts_configurations() -> None:
    tree = guide_cluster()
    major, minor = cib.epoch(tree).split(".")
    cib.raise_epoch(tree)
    assert cib.epoch(tree) == f"{major}.{int(minor) + 1}"
    assert tree.get("num_updates") == "0"


def test_the_empty_cib_is_one_that_can_be_read() -> None:
    assert cib.primitives(cib.parse(cib.serialize(cib.empty()))) == ()


def test_domains_are_known_by_their_agent_wherever_they_are() -> None:
    tree = with_parts(
        resources="""
        <primitive id="byhand" class="ocf" provider="heartbeat" type="Xen"/>
        <group id="g"><primitive id="grouped" class="ocf" provider="heartbeat" type="Xen"/></group>
        <primitive id="dummy" class="ocf" provider="pacemaker" type="Dummy"/>
        <template id="t" class="ocf" provider="heartbeat" type="Xen"/>
        <primitive id="templated" template="t"/>
        """
    )
    assert {"byhand", "grouped", "templated", "nis01"} <= set(cib.domains(tree))
    assert not {"dummy", "snow-ha-floating-ip", "g", "t"} & set(cib.domains(tree))
    assert cib.domain(tree, "grouped") == cib.domains(tree)["grouped"]
    assert cib.domain(tree, "dummy") is None
    assert cib.domain(tree, "g") is None
    assert cib.domain(tree, "nobody") is None


def test_parameters_of_a_template_are_those_of_its_primitives_unless_they_have_their_own() -> None:
    tree = with_parts(
        resources="""
        <template id="t" class="ocf" provider="heartbeat" type="Xen">
          <instance_attributes id="ta"><nvpair id="ta1" name="xmfile" value="/t.cfg"/>
            <nvpair id="ta2" name="name" value="x"/></instance_attributes></template>
        <primitive id="d" template="t">
          <instance_attributes id="da"><nvpair id="da1" name="xmfile" value="/d.cfg"/></instance_attributes></primitive>
        """
    )
    found = cib.domains(tree)["d"]
    assert (found.agent, found.parameters) == ("ocf:heartbeat:Xen", {"xmfile": "/d.cfg", "name": "x"})


def test_the_last_of_two_values_counts_as_in_pacemaker() -> None:
    tree = with_parts(
        crm_config='<cluster_property_set id="z">'
        '<nvpair id="z1" name="migration-limit" value="9"/></cluster_property_set>'
    )
    assert cib.options(tree)["migration-limit"] == "9"


def test_of_two_options_that_of_the_higher_score_counts_and_is_changed() -> None:
    tree = with_parts(
        crm_config='<cluster_property_set id="z" score="5">'
        '<nvpair id="z1" name="migration-limit" value="9"/></cluster_property_set>'
    )
    assert cib.options(tree)["migration-limit"] == "9"
    assert cib.put_option(tree, "x", "migration-limit", "4")
    assert cib.options(tree)["migration-limit"] == tree.find(".//nvpair[@id='z1']").get("value") == "4"


def test_the_administrators_options_count_before_all_others() -> None:
    tree = with_parts(
        crm_config='<cluster_property_set id="cib-bootstrap-options">'
        '<nvpair id="z1" name="migration-limit" value="9"/></cluster_property_set>'
    )
    assert cib.options(tree)["migration-limit"] == "9"


@pytest.mark.parametrize("value", ["", "-1", "many", "1.5"])
def test_a_size_of_a_node_that_is_no_number_is_refused_by_the_balancer_alone(value: str) -> None:
    tree = guide_cluster()
    pair = tree.find(".//node/utilization/nvpair")
    pair.set("value", value)
    assert 0 in (cib.nodes(tree)[0].memory_mib, cib.nodes(tree)[0].cpus)
    with pytest.raises(DataError, match="utilization"):
        loader.check(tree)


def test_of_two_entries_of_a_name_the_member_has_the_state_and_remote_nodes_are_no_servers() -> None:
    tree = with_parts(nodes='<node id="99" uname="snow01"/><node id="r" uname="edge" type="remote"/>')
    assert [(node.id, node.name) for node in cib.nodes(tree)] == [("1", "snow01"), ("2", "snow02")]
    assert [(node.id, node.name) for node in cib.stale_nodes(tree)] == [("99", "snow01")]


def test_an_operation_has_the_timeout_of_its_template_unless_it_has_its_own() -> None:
    template = (
        '<template id="xen" class="ocf" provider="snow" type="Xen"><operations>'
        '<op id="xen-to" name="migrate_to" interval="0" timeout="900s"/></operations></template>'
        '<primitive id="web01" template="xen"/>'
    )
    tree = with_parts(resources=template)
    assert cib.operation_timeout_s(tree, "web01", "migrate_to", 120) == 900
    assert cib.operation_timeout_s(tree, "web01", "migrate_from", 120) == 120
    operations = cib.add(tree.find(".//primitive[@id='web01']"), "operations")
    cib.add_operation(operations, "web01-to", "migrate_to", 60)
    assert cib.operation_timeout_s(tree, "web01", "migrate_to", 120) == 60


def test_nodes_without_sizes_have_none() -> None:
    assert [(node.name, node.memory_mib, node.cpus) for node in cib.nodes(unconfigured_cluster())] == [("node1", 0, 0)]


@pytest.mark.parametrize(
    ("crmd", "online"), [("online", True), ("1700000000", True), ("offline", False), ("0", False), (None, False)]
)
def test_a_member_is_told_by_a_word_or_by_a_time(crmd: str | None, online: bool) -> None:
    tree = guide_cluster()
    state = tree.find("status/node_state")
    state.attrib.pop("crmd", None)
    if crmd is not None:
        state.set("crmd", crmd)
    assert cib.is_online(tree, state.get("uname")) == online
    assert not cib.is_online(tree, "nobody")


def test_since_when_a_domain_runs_is_the_time_of_its_last_start() -> None:
    tree = guide_cluster()
    start = tree.xpath("//lrm_rsc_op[@operation='start' and ../@id='nis01']")[0]
    since = cib.running_since(tree)
    assert since["nis01", start.get("on_node")] >= int(start.get("last-rc-change"))
    assert ("nobody", "snow01") not in since


def test_constraints_tell_their_resources() -> None:
    tree = with_parts(
        constraints="""
        <!-- why -->
        <rsc_location id="l" rsc="nis01" node="snow01" score="INFINITY"/>
        <rsc_colocation id="c" rsc="nis01" with-rsc="nis02" score="-5"/>
        <rsc_order id="o">
          <resource_set id="s"><resource_ref id="maui01"/><resource_ref id="nis01"/></resource_set></rsc_order>
        <rsc_ticket id="t" ticket="site" rsc="nis02"/>
        """
    )
    found = {constraint.id: constraint for constraint in cib.constraints(tree)}
    assert {name: constraint.resources for name, constraint in found.items()} == {
        "l": ("nis01",),
        "c": ("nis01", "nis02"),
        "o": ("maui01", "nis01"),
        "t": ("nis02",),
    }
    assert found["l"].text == "rsc=nis01 node=snow01 score=INFINITY"


def test_putting_the_same_pairs_again_changes_nothing() -> None:
    tree = guide_cluster()
    section = cib.section(tree, "rsc_defaults")
    assert cib.put_pairs(section, "meta_attributes", "x", {"a": "1"})
    before = canonical(tree)
    assert not cib.put_pairs(section, "meta_attributes", "x", {"a": "1"})
    assert canonical(tree) == before
    assert cib.put_pairs(section, "meta_attributes", "x", {"a": "2", "b": "3"})
    assert len(section.findall("meta_attributes[@id='x']/nvpair")) == 2


def test_a_domain_that_was_found_running_was_not_started() -> None:
    tree = cib.parse(capture("cibadmin-2.1.5-guide-domains.xml"))
    started = [name for name in cib.domains(tree) if any(cib.was_started(tree, name, s) for s in ("snow01", "snow02"))]
    operations = tree.xpath("//lrm_rsc_op[@operation='start' and @rc-code='0']/../@id")
    assert set(started) == set(operations) & set(cib.domains(tree))
    assert started
    for operation in tree.xpath("//lrm_rsc_op[@operation='start']"):
        operation.getparent().remove(operation)
    assert not any(cib.was_started(tree, name, s) for name in started for s in ("snow01", "snow02"))


def test_a_set_of_notes_goes_with_the_last_of_them() -> None:
    tree = guide_cluster()
    before = canonical(tree)
    assert cib.put_notes(tree, "mine", {"one": "1", "other": "2"})
    assert not cib.put_notes(tree, "mine", {"one": "1"})
    assert not cib.put_notes(tree, "another", {})
    one, other = cib.notes(tree, "mine")
    cib.drop_pair(one)
    assert [pair.get("name") for pair in cib.notes(tree, "mine")] == ["other"]
    cib.drop_pair(other)
    assert canonical(tree) == before
