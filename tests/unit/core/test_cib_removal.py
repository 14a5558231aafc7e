"""What goes with a resource that is taken out, judged by the real crm_verify."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options
from tests.captures import guide_cluster, schema_errors
from tests.unit.core.test_cib import canonical, with_parts

RESOURCES = """
<primitive id="p1" class="ocf" provider="pacemaker" type="Dummy"/>
<primitive id="p2" class="ocf" provider="pacemaker" type="Dummy"/>
<group id="g1"><primitive id="p3" class="ocf" provider="pacemaker" type="Dummy"/></group>
<group id="g2"><primitive id="p4" class="ocf" provider="pacemaker" type="Dummy"/>
  <primitive id="p5" class="ocf" provider="pacemaker" type="Dummy"/></group>
<clone id="c1"><primitive id="p6" class="ocf" provider="pacemaker" type="Dummy"/></clone>
<clone id="c2"><group id="g3"><primitive id="p7" class="ocf" provider="pacemaker" type="Dummy"/></group></clone>
"""
PRIMITIVES = [f"p{number}" for number in range(1, 8)]
NAMES = [*PRIMITIVES, "g1", "g2", "g3", "c1", "c2"]

names = st.sampled_from(NAMES)
members = st.lists(names, min_size=1, max_size=3, unique=True)
RULE = '<rule id="r{id}" score="5"><expression id="e{id}" attribute="#uname" operation="eq" value="snow01"/></rule>'


def resource_set(constraint: str, number: int, resources: list[str]) -> str:
    references = "".join(f'<!-- {name} --><resource_ref id="{name}"/>' for name in resources)
    return f'<resource_set id="s{constraint}-{number}">{references}</resource_set>'


def sets(constraint: str, drawn: list[list[str]]) -> str:
    return "".join(resource_set(constraint, number, resources) for number, resources in enumerate(drawn))


@st.composite
def configurations(draw: st.DrawFn) -> cib.Tree:
    """Resources of every kind, and constraints, tags and permissions about some of them."""
    tags = draw(st.lists(members, max_size=2))
    named = st.sampled_from([*NAMES, *(f"t{number}" for number in range(len(tags)))])
    constraints = []
    for number in range(draw(st.integers(0, 5))):
        kind = draw(
            st.sampled_from(["location", "rule", "set", "colocation", "order", "ticket", "colo-sets", "order-sets"])
        )
        one, other = draw(named), draw(named)
        drawn = draw(st.lists(st.lists(named, min_size=1, max_size=3, unique=True), min_size=1, max_size=3))
        rule = RULE.format(id=number)
        constraints.append(
            {
                "location": f'<rsc_location id="k{number}" rsc="{one}" node="snow01" score="5"/>',
                "rule": f'<rsc_location id="k{number}" rsc="{one}">{rule}</rsc_location>',
                "set": f'<rsc_location id="k{number}">{sets(str(number), drawn[:1])}{rule}</rsc_location>',
                "colocation": f'<rsc_colocation id="k{number}" rsc="{one}" with-rsc="{other}" score="5"/>',
                "order": f'<rsc_order id="k{number}" first="{one}" then="{other}"/>',
                "ticket": f'<rsc_ticket id="k{number}" rsc="{one}" ticket="t"/>',
                "colo-sets": f'<rsc_colocation id="k{number}" score="5">{sets(str(number), drawn)}</rsc_colocation>',
                "order-sets": f'<rsc_order id="k{number}">{sets(str(number), drawn)}</rsc_order>',
            }[kind]
        )
    about = [f"k{number}" for number in range(len(constraints))]
    if about and draw(st.booleans()):  # type: ignore[arg-type]
        tags.append([draw(st.sampled_from(about))])
    permission = (
        '<acl_permission id="a1" kind="write" reference="{0}"/><acl_permission id="a2" kind="read" xpath="/cib"/>'
    )
    return with_parts(
        resources=RESOURCES,
        constraints="".join(constraints),
        tags="".join(
            f'<tag id="t{number}">{"".join(f"<obj_ref id={name!r}/>" for name in found)}</tag>'
            for number, found in enumerate(tags)
        ),
        acls=f'<acl_role id="role">{permission.format(draw(names))}</acl_role>',
    )


def is_about(element: cib.Tree, gone: set[str]) -> bool:
    keys = ("rsc", "with-rsc", "first", "then", "reference")
    return any(part.get(key) in gone for part in element.iter(etree.Element) for key in (*keys, "id"))


@settings(max_examples=60)
@given(configurations(), st.sampled_from(PRIMITIVES))
def test_a_resource_leaves_nothing_dangling_and_all_else_as_it_was(tree: cib.Tree, victim: str) -> None:
    assert schema_errors(tree) == ""
    before = {name: canonical(cib.clone(element)) for name, element in top_level(tree).items()}
    gone = set(cib.remove_resource(tree, victim))
    assert victim in gone
    assert schema_errors(tree) == ""
    after = top_level(tree)
    assert not {victim, *gone} & {part.get("id") for part in tree.find("configuration").iter(etree.Element)}
    kept = {name for name, text in before.items() if not is_about(etree.fromstring(text), gone)}
    assert {name: canonical(cib.clone(after[name])) for name in kept} == {name: before[name] for name in kept}
    assert not (set(before) - set(after)) - gone


def top_level(tree: cib.Tree) -> dict[str, cib.Tree]:
    return {
        element.get("id"): element
        for section in ("resources", "constraints", "tags", "acls")
        for element in tree.xpath(f"configuration/{section}/*")
    }


@pytest.mark.parametrize(
    ("sections", "gone"),
    [
        ({}, ["nis01"]),
        ({"constraints": '<rsc_location id="l" rsc="nis01" node="snow01" score="5"/>'}, ["nis01", "l"]),
        ({"tags": '<tag id="t"><obj_ref id="nis01"/></tag>'}, ["nis01", "t"]),
        (
            {
                "tags": '<tag id="t"><obj_ref id="nis01"/></tag>',
                "constraints": '<rsc_location id="l" rsc="t" node="snow01" score="5"/>',
            },
            ["nis01", "t", "l"],
        ),
        ({"tags": '<tag id="t"><obj_ref id="nis01"/><obj_ref id="nis02"/></tag>'}, ["nis01"]),
        ({"constraints": '<rsc_colocation id="c" rsc="nis02" with-rsc="nis01" score="5"/>'}, ["nis01", "c"]),
        ({"constraints": '<rsc_order id="o" first="nis01" then="nis02"/>'}, ["nis01", "o"]),
        ({"constraints": '<rsc_order id="o" first="nis02" then="nis01"/>'}, ["nis01", "o"]),
        ({"constraints": '<rsc_order id="o" first="nis01" then="nis01"/>'}, ["nis01", "o"]),
        ({"acls": '<acl_role id="r"><acl_permission id="p" reference="nis01"/></acl_role>'}, ["nis01", "p"]),
    ],
)
def test_what_went_is_told_with_the_resource_first(sections: dict[str, str], gone: list[str]) -> None:
    assert cib.remove_resource(with_parts(**sections), "nis01") == gone


@pytest.mark.parametrize("tag", ["rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"])
def test_a_constraint_goes_with_the_last_resource_of_its_last_set(tag: str) -> None:
    one, both = '<resource_ref id="nis01"/>', '<resource_ref id="nis01"/><resource_ref id="nis02"/>'
    tree = with_parts(
        constraints=f'<{tag} id="l"><resource_set id="s">{one}</resource_set></{tag}>'
        f'<{tag} id="kept"><resource_set id="t">{both}</resource_set><resource_set id="u">{one}</resource_set></{tag}>'
    )
    assert cib.remove_resource(tree, "nis01") == ["nis01", "s", "u", "l"]
    (kept,) = tree.find("configuration/constraints")
    assert kept.xpath(".//@id") == ["kept", "t", "nis02"]


@pytest.mark.parametrize(
    ("around", "gone"),
    [
        ("<group id='g'>{}</group>", ["p", "g"]),
        ("<clone id='c'>{}</clone>", ["p", "c"]),
        ("<master id='m'>{}</master>", ["p", "m"]),
        ("<clone id='c'><group id='g'>{}</group></clone>", ["p", "g", "c"]),
        ("<master id='m'><group id='g'>{}</group></master>", ["p", "g", "m"]),
        ("<group id='g'><primitive id='q'/>{}</group>", ["p"]),
    ],
)
def test_what_has_nothing_in_it_any_more_goes_too(around: str, gone: list[str]) -> None:
    meta = "<meta_attributes id='around'/>"
    tree = with_parts(resources=around.format(meta + "<primitive id='p'/>"))
    assert cib.remove_resource(tree, "p") == gone


def test_removing_what_is_not_there_changes_nothing() -> None:
    tree = guide_cluster()
    before = canonical(tree)
    assert cib.remove_resource(tree, "nobody") == []
    assert canonical(tree) == before


def test_all_that_is_ours_goes_and_all_that_is_not_stays() -> None:
    tree = with_parts(
        constraints="""
        <rsc_location id="snow-ha-place-nis01" rsc="nis01" node="snow01" score="5"/>
        <rsc_location id="mine" rsc="nis01" node="snow02" score="5"/>
        """,
    )
    gone = cib.remove_ours(tree, keep=cluster_options.OPTIONS_ID)
    ids = {part.get("id") for part in tree.find("configuration").iter(etree.Element)}
    assert {"cib-bootstrap-options", "mine", cluster_options.OPTIONS_ID} <= ids
    assert {"snow-ha-place-nis01", "snow-ha-floating-ip", "snow-ha--rsc-defaults", "snow-ha--op-defaults"} <= set(gone)
    assert not set(gone) & ids
    assert schema_errors(tree) == ""
    assert cib.remove_ours(tree, keep=cluster_options.OPTIONS_ID) == []


@pytest.mark.parametrize(
    "xml",
    [
        '<rsc_order id="mine" first="snow-ha-floating-ip" then="nis01"/>',
        '<rsc_colocation id="mine" rsc="nis01" with-rsc="snow-ha-floating-ip" score="5"/>',
        '<rsc_order id="mine"><resource_set id="s"><resource_ref id="snow-ha-floating-ip"/></resource_set></rsc_order>',
    ],
)
def test_a_rule_by_hand_about_the_floating_ip_goes_with_it(xml: str) -> None:
    tree = with_parts(constraints=xml)
    assert "mine" in cib.remove_ours(tree, keep=cluster_options.OPTIONS_ID)
    assert schema_errors(tree) == ""
