"""Names and values of sets, as Pacemaker reads them."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from tests.captures import unconfigured_cluster

OPTIONS = "cluster_property_set"


def holder(xml: str) -> cib.Tree:
    tree = cib.empty()
    section = cib.section(tree, "rsc_defaults")
    section.extend(etree.fromstring(f"<x>{xml}</x>"))
    return section


def of(set_id: str, value: str, more: str = "") -> str:
    return f'<meta_attributes id="{set_id}" {more}><nvpair id="{set_id}-n" name="n" value="{value}"/></meta_attributes>'


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        (of("a", "1"), "1"),
        (of("a", "1") + of("b", "2"), "2"),
        (of("a", "1", 'score="4"') + of("b", "2", 'score="5"'), "2"),
        (of("a", "1", 'score="-5"') + of("b", "2"), "2"),
        (of("a", "1", 'score="4"') + of("b", "2", 'score="4"') + of("c", "3"), "2"),
        (of("a", "1", 'score="INFINITY"') + of("cib-bootstrap-options", "2"), "1"),
    ],
)
def test_the_set_that_counts_most_has_the_value(xml: str, value: str) -> None:
    assert cib.pairs(holder(xml), "meta_attributes") == {"n": value}


def test_a_set_and_a_pair_may_stand_for_another_one() -> None:
    parent = holder(
        of("a", "1")
        + '<other_set id="s"><nvpair id-ref="a-n"/><nvpair id="b" name="m" value="2"/></other_set>'
        + '<third_set id-ref="s"/><fourth_set id-ref="nobody"/>'
    )
    assert cib.pairs(parent, "other_set") == cib.pairs(parent, "third_set") == {"n": "1", "m": "2"}
    assert cib.pairs(parent, "fourth_set") == cib.pairs(parent, "no_set") == {}


def test_a_set_that_does_not_count_is_left_out() -> None:
    parent = holder(of("a", "1", 'score="9"') + of("b", "2"))
    assert cib.pairs(parent, "meta_attributes", without="a") == {"n": "2"}
    assert cib.pairs(parent, "meta_attributes", without="c") == {"n": "1"}


def test_the_cluster_options_of_the_administrators_set_count_most() -> None:
    options = cib.section(cib.empty(), "crm_config")
    for set_id, more in (("cib-bootstrap-options", ""), ("z", 'score="INFINITY"')):
        options.extend(etree.fromstring(f"<x>{of(set_id, set_id, more)}</x>".replace("meta_attributes", OPTIONS)))
    assert cib.pairs(options, OPTIONS) == {"n": "cib-bootstrap-options"}


def test_what_has_no_name_or_value_says_nothing() -> None:
    parent = holder('<meta_attributes id="a"><nvpair id="x" name="n"/><nvpair id="y" value="1"/></meta_attributes>')
    assert cib.pairs(parent, "meta_attributes") == {}


def test_a_pair_that_stands_for_another_may_have_a_name_of_its_own() -> None:
    pairs = '<nvpair id="x" name="n" value="1"/><nvpair id-ref="x" name="m"/>'
    assert cib.pairs(holder(f'<meta_attributes id="a">{pairs}</meta_attributes>'), "meta_attributes") == {
        "n": "1", "m": "1",
    }  # fmt: skip


NAME = "resource-stickiness"


def asked(tree: cib.Tree, resource: str, path: Path) -> str:
    """What crm_resource says of a meta attribute; "none" where it has none."""
    path.write_bytes(cib.serialize(tree))
    command = ["crm_resource", "--resource", resource, "--meta", "--get-parameter", NAME]
    result = subprocess.run(command, env=os.environ | {"CIB_file": str(path)}, capture_output=True, text=True)
    return "none" if "not found" in result.stderr else result.stdout.strip()


def random_sets(chance: random.Random, prefix: str, ways: tuple[str, ...]) -> str:
    """Up to three sets with up to two pairs, in each way that a pair may be written."""
    sets = ""
    for number in range(chance.randint(0, 3)):
        set_id, score = f"{prefix}{number}", chance.choice(("", 'score="0"', 'score="3"', 'score="-2"'))
        pairs = ""
        for which in range(chance.randint(1, 2)):
            way = chance.choice(ways)
            rest = {"none": "", "default": 'value="#default"', "Default": 'value="#Default"'}.get(way)
            value = f'value="{chance.randint(1, 99)}"' if rest is None else rest
            pairs += f'<nvpair id="{set_id}-{which}" name="{NAME}" {value}/>'
            if way == "id-ref":
                pairs = f'<nvpair id="{set_id}-{which}" name="priority" {value}/>'
                pairs += f'<nvpair id-ref="{set_id}-{which}" name="{NAME}"/>'
        sets += f'<meta_attributes id="{set_id}" {score}>{pairs}</meta_attributes>'
    return sets


AGENT = 'class="ocf" provider="pacemaker" type="Dummy"'
ALL_WAYS = ("value", "value", "none", "default", "Default", "id-ref")


@pytest.mark.parametrize("seed", range(40))
def test_a_meta_attribute_is_what_pacemaker_takes_it_for(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    tree = unconfigured_cluster()
    own, templates, groups = (random_sets(chance, prefix, ALL_WAYS) for prefix in ("own", "t", "g"))
    resources = f'<template id="t" {AGENT}>{templates}</template>'
    primitive = f'<primitive id="p" template="t">{own}</primitive>'
    resources += f'<group id="g">{groups}{primitive}</group>' if chance.random() < 0.4 else primitive
    cib.section(tree, "resources").extend(etree.fromstring(f"<x>{resources}</x>"))
    # A #default there would take away what resources themselves have, too.
    defaults = random_sets(chance, "d", ("value", "none", "id-ref"))
    cib.section(tree, "rsc_defaults").extend(etree.fromstring(f"<x>{defaults}</x>"))
    assert cib.meta(tree, "p", NAME, "none") == asked(tree, "p", tmp_path / "cib.xml")


# One without a provider is true for Pacemaker 3.0 only.
EXPRESSION = '<rsc_expression id="e{}" {}/>'
OURS, OTHER = 'class="ocf" provider="pacemaker" type="Dummy"', 'provider="pacemaker" type="Xen"'


@pytest.mark.parametrize(
    ("attributes", "expressions"),
    [
        ("", EXPRESSION.format(1, OURS)),
        ("", EXPRESSION.format(1, OTHER)),
        ("", EXPRESSION.format(1, 'provider="pacemaker"')),
        ("", EXPRESSION.format(1, 'class="lsb" provider="pacemaker" type="Dummy"')),
        ("", EXPRESSION.format(1, OURS) + EXPRESSION.format(2, OTHER)),
        ('boolean-op="or"', EXPRESSION.format(1, OURS) + EXPRESSION.format(2, OTHER)),
        ('boolean-op="or"', EXPRESSION.format(1, OTHER) + EXPRESSION.format(2, 'provider="heartbeat"')),
        ("", f'<rule id="inner" score="0">{EXPRESSION.format(1, OTHER)}</rule>'),
        ("", '<date_expression id="e1" operation="gt" start="2020-01-01"/>'),
    ],
)
def test_a_default_with_a_rule_for_other_agents_does_not_count(
    attributes: str, expressions: str, tmp_path: Path
) -> None:
    tree = unconfigured_cluster()
    cib.add(cib.section(tree, "resources"), "primitive", id="p", **{"class": "ocf"}, provider="pacemaker", type="Dummy")
    rule = f'<rule id="r" score="0" {attributes}>{expressions}</rule><nvpair id="n" name="{NAME}" value="7"/>'
    cib.section(tree, "rsc_defaults").append(etree.fromstring(f'<meta_attributes id="s">{rule}</meta_attributes>'))
    assert cib.meta(tree, "p", NAME, "none") == asked(tree, "p", tmp_path / "cib.xml")
    assert cib.metas(tree, NAME, "none") == {"p": cib.meta(tree, "p", NAME, "none")}
