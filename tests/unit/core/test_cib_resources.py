"""What a CIB says of its resources, in groups, clones and templates too."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from tests.captures import unconfigured_cluster
from tests.unit.core.test_cib import with_parts


def meta(owner: str, name: str, value: str) -> str:
    pair = f'<nvpair id="{owner}-{name}" name="{name}" value="{value}"/>'
    return f'<meta_attributes id="{owner}-meta">{pair}</meta_attributes>'


XEN = 'class="ocf" provider="snow" type="Xen"'
RESOURCES = f"""
<template id="t" {XEN}>{meta("t", "of", "template")}<operations><op id="t-stop" name="stop" timeout="90s"/>
 <op id="t-start" name="start" timeout="60s"/></operations></template>
<primitive id="own" template="t">{meta("own", "of", "itself")}<operations>
 <op id="own-start" name="start" timeout="30s"/><op id="own-stop" name="stop" timeout="soon"/></operations></primitive>
<primitive id="templated" template="t"/>
<primitive id="lost" template="gone" {XEN}/>
<group id="g">{meta("g", "of", "group")}<primitive id="grouped" {XEN}/></group>
<clone id="c">{meta("c", "of", "clone")}<group id="inner"><primitive id="cloned" {XEN}/></group></clone>
<primitive id="bare" class="lsb" type="tor"/>
"""


@pytest.fixture(scope="module")
def tree() -> cib.Tree:
    return with_parts(resources=RESOURCES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("own", "itself"),
        ("templated", "template"),
        ("grouped", "group"),
        ("cloned", "clone"),
        ("g", "group"),
        ("bare", "nothing"),
        ("lost", "nothing"),
        ("nobody", "nothing"),
    ],
)
def test_a_meta_attribute_is_the_nearest_one(tree: cib.Tree, name: str, value: str) -> None:
    assert cib.meta(tree, name, "of", "nothing") == value
    of_all = cib.metas(tree, "of", "nothing")
    assert of_all.get(name, value) == value
    assert (name in of_all) is (name not in ("g", "nobody"))


def test_the_default_of_all_resources_comes_before_ours() -> None:
    tree = with_parts(resources=RESOURCES)
    cib.put_pairs(cib.section(tree, "rsc_defaults"), "meta_attributes", "x", {"of": "all"})
    assert cib.meta(tree, "bare", "of", "nothing") == cib.metas(tree, "of", "nothing")["bare"] == "all"
    assert cib.meta(tree, "own", "of", "nothing") == "itself"
    assert cib.meta(tree, "bare", "other", "nothing") == "nothing"


def test_without_defaults_the_default_is_ours() -> None:
    tree = cib.empty()
    cib.add(cib.section(tree, "resources"), "primitive", id="bare")
    assert cib.meta(tree, "bare", "of", "nothing") == cib.metas(tree, "of", "nothing")["bare"] == "nothing"


@pytest.mark.parametrize(
    ("name", "agent"),
    [("own", "ocf:snow:Xen"), ("lost", "ocf:snow:Xen"), ("bare", "lsb:tor"), ("cloned", "ocf:snow:Xen")],
)
def test_an_agent_is_told_as_crm_does(tree: cib.Tree, name: str, agent: str) -> None:
    assert {found.id: found.agent for found in cib.primitives(tree)}[name] == agent


def test_primitives_are_chosen_by_what_their_agent_is(tree: cib.Tree) -> None:
    assert [found.id for found in cib.primitives_of(tree, "class", "lsb")] == ["bare"]
    assert "templated" in [found.id for found in cib.primitives_of(tree, "type", "tor", "Xen")]
    assert cib.primitives_of(tree, "type", "nothing") == ()


def test_values_of_a_template_are_merged_by_kind(tree: cib.Tree) -> None:
    domain = cib.domain(tree, "own")
    assert domain is not None and domain.meta == {"of": "itself"}
    assert (domain.parameters, domain.utilization) == ({}, {})


@pytest.mark.parametrize("tag", ["primitive", "group", "clone", "master", "bundle", "template"])
def test_each_kind_of_resource_is_found_by_its_id(tag: str) -> None:
    tree = with_parts(resources=f'<{tag} id="it"><meta_attributes id="inside"/></{tag}>')
    found = cib.resource(tree, "it")
    assert found is not None and found.tag == tag
    assert cib.resource(tree, "inside") is None


@pytest.mark.parametrize(
    ("name", "operation", "timeout_s"),
    [
        ("own", "start", 30),
        ("templated", "start", 60),
        ("templated", "stop", 90),
        ("own", "stop", 7),
        ("own", "notify", 7),
        ("bare", "start", 7),
        ("nobody", "start", 7),
    ],
)
def test_a_timeout_is_its_own_or_of_its_template(tree: cib.Tree, name: str, operation: str, timeout_s: int) -> None:
    assert cib.operation_timeout_s(tree, name, operation, 7) == timeout_s


def test_an_operation_without_a_timeout_has_the_default() -> None:
    tree = with_parts(resources='<primitive id="p"><operations><op id="o" name="start"/></operations></primitive>')
    assert cib.operation_timeout_s(tree, "p", "start", 7) == 7


def test_of_a_templates_operations_the_first_of_the_name_counts(tree: cib.Tree) -> None:
    found = cib.template_operation(cib.resource(tree, "templated"), "start")
    assert found is not None and found.get("id") == "t-start"
    assert cib.template_operation(cib.resource(tree, "templated"), "notify") is None
    assert cib.template_operation(cib.resource(tree, "bare"), "start") is None


SHARED = f"""
<primitive id="lender" {XEN}><operations id="shared"><op id="s-start" name="start" interval="0s" timeout="77s"/>
 <op id="s-monitor" name="monitor" interval="10s" timeout="99s"/></operations></primitive>
<template id="inline" {XEN}><operations id="inline-ops"><op id="i-monitor" name="monitor" interval="10s" timeout="66s"/>
 </operations></template>
<template id="lent" {XEN}><operations id-ref="shared"/></template>
<template id="starts" {XEN}><operations id="starts-ops"><op id="st" name="start" interval="0s" timeout="44s"/>
 </operations></template>
<primitive id="few" {XEN}><operations id="few-ops"><op id="few-monitor" name="monitor" interval="10s" timeout="33s"/>
 </operations></primitive>
"""
OWN = '<operations id="o"><op id="o-monitor" name="monitor" interval="10s" timeout="55s"/></operations>'


@pytest.mark.parametrize(
    ("primitive", "start_s", "monitor_s"),
    [
        (f'<primitive id="p" {XEN}><operations id-ref="shared"/></primitive>', 77, 99),
        ('<primitive id="p" template="lent"/>', 77, 99),
        (f'<primitive id="p" template="lent">{OWN}</primitive>', 20, 55),
        ('<primitive id="p" template="inline"/>', 20, 66),
        ('<primitive id="p" template="inline"><operations id="o"/></primitive>', 20, 66),
        ('<primitive id="p" template="inline"><operations id-ref="shared"/></primitive>', 77, 99),
        (f'<primitive id="p" template="inline">{OWN}</primitive>', 20, 55),
        (f'<primitive id="p" template="starts">{OWN}</primitive>', 44, 55),
        ('<primitive id="p" template="starts"><operations id-ref="few-ops"/></primitive>', 20, 33),
    ],
)
def test_operations_may_stand_for_others_as_the_scheduler_says(
    primitive: str, start_s: int, monitor_s: int, tmp_path: Path
) -> None:
    tree = unconfigured_cluster()
    options = {"stonith-enabled": "false", "enable-startup-probes": "false"}
    cib.put_pairs(cib.section(tree, "crm_config"), "cluster_property_set", "options", options)
    cib.section(tree, "resources").extend(etree.fromstring(f"<x>{SHARED}{primitive}</x>".replace("snow", "pacemaker")))
    path, graph = tmp_path / "cib.xml", tmp_path / "graph.xml"
    path.write_bytes(cib.serialize(tree))
    node = cib.nodes(tree)[0].name
    command = ["crm_simulate", "--xml-file", str(path), "--node-up", node, "--quorum", "1", "--simulate"]
    subprocess.run([*command, "--save-graph", str(graph)], check=True, capture_output=True)
    said = {
        found.getparent().get("operation_key"): int(found.get("CRM_meta_timeout")) // 1000
        for found in etree.parse(graph).iterfind(".//rsc_op/attributes")
    }
    assert (said["p_start_0"], said["p_monitor_10000"]) == (start_s, monitor_s)
    assert cib.operation_timeout_s(tree, "p", "start", 20) == start_s
    assert cib.operation_timeout_s(tree, "p", "monitor", 20) == monitor_s
