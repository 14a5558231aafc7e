"""Ids of ours are a name space: whatever domains and servers are called, no two things share one."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from snow_ha_plugin.core import cib, domainfile
from snow_ha_plugin.core.cib import former_ids, ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.configure import agents, cluster_options, fencing, location, migration, primitive
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.model import Hypervisor, Move, Network
from snow_ha_plugin.system import scheduler
from tests.captures import capture, domain, schema_errors
from tests.unit.core.test_cib import canonical

SPEED = 80

# Names that are made of the words of our own ids, of this version's and of the former one's.
WORDS = sorted({
    *(part for kind in Kind for part in re.split(r"[-.]", kind) if part),
    "a", "b", "1", "moving", "floating", "ip", "location", "utilization", "start", "migrate_to", "hold", "snow", "ha",
    "xmfile", "cpu", "sbd", "ipmi", "fencing",
})  # fmt: skip
words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)
names = st.builds("".join, st.tuples(words.map("-".join), st.sampled_from(["", ".1", "-1", "_b"])))
names = names.filter(lambda name: bool(domainfile.DOMAIN_NAME.match(name)))
# The owner's host names may hold what a domain's may not.
servers = st.one_of(names, st.sampled_from(["a--b", "a--cpu", "xn--1"]))
TWO = st.lists(servers, min_size=2, max_size=2, unique=True)


def bare(members: list[str]) -> cib.Tree:
    tree = cib.empty()
    tree.attrib.update({"validate-with": "pacemaker-3.9", "crm_feature_set": "3.16.1", "have-quorum": "1"})
    tree.attrib.update({"admin_epoch": "0", "epoch": "1", "num_updates": "0"})
    for number, name in enumerate(members, 1):
        cib.add(cib.section(tree, "nodes"), "node", id=str(number), uname=name)
    return tree


def write_all(tree: cib.Tree, members: list[str], domains: list[str]) -> None:
    """Whatever snow-ha may ever have in a CIB at the same time."""
    cluster_options.put_options(tree, without_fencing=True)
    cluster_options.put_floating_ip(tree, Network("xsnow0", "10.1.0.254", 16))
    cluster_options.put_capacities(tree, {name: Hypervisor(65536, 8, migrates_pv=True) for name in members})
    fencing.put(tree, members, Timing(15), {name: f"{name}-bmc" for name in members})
    for name in domains:
        primitive.register(tree, domain(name), SPEED)
        fencing.put_tested(tree, members[0], "2026-01-01T00:00:00Z")
    location.put(tree, [location.rule(name, members[0], 100, beats_stickiness=False) for name in domains])
    location.put_apart(tree, dict.fromkeys(domains, "one role"))
    location.put_sizes_in_force(tree, vcpus=True)
    location.put_meta(tree, dict.fromkeys(domains, 5))
    agents.hold(tree, domains)
    migration.put(tree, [Move(name, members[0], members[1], 512) for name in domains])


@settings(max_examples=40, deadline=None)
@given(TWO, st.lists(names, min_size=1, max_size=4, unique=True))
def test_no_two_things_share_an_id(members: list[str], domains: list[str]) -> None:
    tree = bare(members)
    write_all(tree, members, domains)
    found: Counter[str] = Counter(tree.xpath("configuration//@id"))
    assert [each for each, count in found.items() if count > 1] == []
    assert len(tree.findall("configuration/constraints/rsc_colocation")) == len(domains) * (len(domains) - 1) // 2


@settings(max_examples=30, deadline=None)
@given(TWO, st.lists(names, min_size=2, max_size=4, unique=True))
def test_taking_one_out_touches_nothing_of_another(members: list[str], domains: list[str]) -> None:
    tree, without = bare(members), bare(members)
    write_all(tree, members, domains)
    write_all(without, members, domains[1:])
    primitive.unregister(tree, domains[0])
    for each in (tree, without):
        # What the servers may hold counts the domains, and the order in which things came tells nothing.
        for overcommit in each.xpath("configuration/nodes/node/utilization"):
            overcommit.getparent().remove(overcommit)
    assert sorted(map(canonical, tree.iter("primitive"))) == sorted(map(canonical, without.iter("primitive")))
    assert sorted(tree.xpath("configuration//@id")) == sorted(without.xpath("configuration//@id"))


@settings(max_examples=30, deadline=None)
@given(st.lists(names, min_size=2, max_size=4, unique=True))
def test_what_a_migration_leaves_is_its_own(domains: list[str]) -> None:
    tree = bare(["a", "b"])
    for name in domains:
        primitive.register(tree, domain(name), SPEED)
    before = canonical(tree)
    migration.put(tree, [Move(domains[0], "a", "b", 512)])
    assert migration.held(tree) == {domains[0]}
    migration.remove(tree)
    assert canonical(tree) == before


def test_a_domain_called_as_our_words_is_as_valid_as_any() -> None:
    tree = bare(["a", "b"])
    write_all(tree, ["a", "b"], ["moving-1", "moving-a", "a", "a-b", "b-c", "c", "floating-ip", "options"])
    assert schema_errors(tree) == ""


def test_no_domain_is_called_as_the_primitives_of_ours() -> None:
    assert not domainfile.DOMAIN_NAME.match(fencing.SBD_ID)
    assert not domainfile.DOMAIN_NAME.match(cluster_options.FLOATING_IP_ID)


def test_no_domain_has_a_name_that_could_end_an_id_early() -> None:
    assert not domainfile.DOMAIN_NAME.match("a--b")
    assert all("--" not in kind for kind in Kind)


@pytest.mark.parametrize("kind", Kind)
def test_no_kind_begins_as_another(kind: Kind) -> None:
    assert [other for other in Kind if ids.is_a(ids.of(other, "a"), kind)] == [kind]


# --- ids of version 0.1.0


FORMER = """<cib validate-with="pacemaker-3.9" crm_feature_set="3.16.1" admin_epoch="0" epoch="1" num_updates="0">
<configuration>
 <crm_config><cluster_property_set id="snow-ha-options">
  <nvpair id="snow-ha-options-migration-limit" name="migration-limit" value="2"/>
  <nvpair id="by-hand" name="batch-limit" value="5"/></cluster_property_set></crm_config>
 <nodes><node id="1" uname="web">
  <utilization id="snow-ha-web-utilization">
   <nvpair id="snow-ha-web-utilization-cpu" name="cpu" value="8"/></utilization>
  <utilization id="snow-ha-web-overcommit" score="1"/>
  <instance_attributes id="snow-ha-web-attributes"/></node></nodes>
 <resources>
  <primitive id="moving-1" class="ocf" provider="snow" type="Xen">
   <instance_attributes id="snow-ha-moving-1-params"/><meta_attributes id="snow-ha-moving-1-meta"/>
   <operations id="snow-ha-moving-moving-1-operations"><op id="snow-ha-moving-1-start" name="start" interval="0s"/>
    <op id="snow-ha-moving-moving-1-op" name="migrate_to" interval="0s">
     <meta_attributes id="snow-ha-moving-moving-1-hold">
      <nvpair id="snow-ha-moving-moving-1-hold-on-fail" name="on-fail" value="block"/></meta_attributes></op>
   </operations>
   <utilization id="snow-ha-moving-1-utilization"/></primitive>
  <primitive id="snow-ha-sbd" class="stonith" type="fence_snow_sbd">
   <operations><op id="snow-ha-sbd-start" name="start" interval="0s"/></operations>
   <instance_attributes id="snow-ha-sbd-params"/></primitive>
  <primitive id="by-reference" class="ocf" provider="snow" type="Xen">
   <meta_attributes id-ref="snow-ha-moving-1-meta"/></primitive>
 </resources>
 <constraints>
  <rsc_location id="snow-ha-moving-moving-1" rsc="moving-1" node="web" score="INFINITY"/>
  <rsc_location id="snow-ha-moving-1-location" rsc="moving-1" node="web" score="50"/>
  <rsc_location id="snow-ha-of-somebody" rsc="moving-1" node="web" score="50"/>
  <rsc_colocation id="snow-ha-apart-moving-1-b" rsc="moving-1" with-rsc="b" score="-10"/>
 </constraints>
 <fencing-topology><fencing-level id="snow-ha-fencing-web-2" target="web" index="2" devices="snow-ha-sbd"/>
 </fencing-topology>
 <tags><tag id="t"><obj_ref id="snow-ha-moving-1-params"/></tag></tags>
 <rsc_defaults><meta_attributes id="snow-ha-rsc-defaults"/></rsc_defaults>
 <op_defaults><meta_attributes id="snow-ha-op-defaults"/></op_defaults>
</configuration><status/></cib>"""


def test_former_ids_are_told_by_what_they_belong_to() -> None:
    tree = cib.parse(FORMER.encode())
    assert former_ids.renew(tree)
    assert tree.xpath("configuration/*[not(self::tags)]//@id") == [
        "snow-ha--options", "snow-ha--options.migration-limit", "by-hand",
        "1", "snow-ha--capacity--web", "snow-ha--capacity.cpu--web", "snow-ha--overcommit--web",
        "snow-ha--attributes--web",
        "moving-1", "snow-ha--params--moving-1", "snow-ha--meta--moving-1",
        "snow-ha--move.operations--moving-1", "snow-ha--op.start--moving-1", "snow-ha--move.op--moving-1",
        "snow-ha--move.hold--moving-1", "snow-ha--move.hold.on-fail--moving-1", "snow-ha--size--moving-1",
        "snow-ha-sbd", "snow-ha--op.start--snow-ha-sbd", "snow-ha--params--snow-ha-sbd", "by-reference",
        "snow-ha--move--moving-1", "snow-ha--place--moving-1", "snow-ha-of-somebody", "snow-ha--apart--moving-1--b",
        "snow-ha--level.2--web", "snow-ha--rsc-defaults", "snow-ha--op-defaults",
    ]  # fmt: skip
    assert tree.xpath("//@id-ref") == ["snow-ha--meta--moving-1"]
    assert tree.xpath("//obj_ref/@id") == ["snow-ha--params--moving-1"]


def test_the_way_back_is_the_way_back() -> None:
    tree = cib.parse(FORMER.encode())
    former_ids.renew(tree)
    former_ids.age(tree)
    expected = cib.parse(FORMER.encode())
    # What only lasts as long as a migration is found by who has put it in, and no former version is to end it.
    for move in expected.xpath("//*[starts-with(@id, 'snow-ha-moving-moving-1')]"):
        move.set("id", tree.getroottree().xpath(expected.getroottree().getpath(move))[0].get("id"))
    assert canonical(tree) == canonical(expected)


@settings(max_examples=30, deadline=None)
@given(TWO, st.lists(names, min_size=1, max_size=4, unique=True))
def test_whatever_has_an_id_of_a_former_version_is_found(members: list[str], domains: list[str]) -> None:
    tree = bare(members)
    write_all(tree, members, domains)
    today = canonical(tree)
    former_ids.age(tree)
    former_ids.renew(tree)
    assert canonical(tree) == today


def test_an_id_that_is_taken_stays_the_only_one() -> None:
    """A former version on another server may have written beside this one."""
    tree = cib.parse(FORMER.encode())
    former_ids.renew(tree)
    assert not former_ids.renew(tree)
    cib.resource(tree, "moving-1").append(etree.fromstring('<meta_attributes id="snow-ha-moving-1-meta"/>'))
    former_ids.renew(tree)
    found = cib.resource(tree, "moving-1").findall("meta_attributes")
    assert [each.get("id") for each in found] == ["snow-ha--meta--moving-1", "snow-ha-moving-1-meta"]


@pytest.mark.parametrize(
    "name", ["cibadmin-2.1.5-guide-domains.xml", "cibadmin-3.0.0-guide-domains.xml", "cibadmin-2.1.5-troubled.xml"]
)
def test_pacemaker_does_nothing_about_new_ids(name: str) -> None:
    former = cib.parse(capture(name))
    # The schema of a newer Pacemaker may not be here.
    former.set("validate-with", "pacemaker-3.8")
    renewed = cib.clone(former)
    assert former_ids.renew(renewed)
    assert former.xpath("configuration//op[starts-with(@id, 'snow-ha-') and not(starts-with(@id, 'snow-ha--'))]")
    assert not renewed.xpath(
        "configuration//*[starts-with(@id, 'snow-ha-') and not(starts-with(@id, 'snow-ha--'))][not(@class)]"
    )
    assert schema_errors(renewed) == schema_errors(former)
    before, after = scheduler.ask(former), scheduler.ask(renewed)
    assert after == before
    assert "troubled" in name or before.actions == ()
