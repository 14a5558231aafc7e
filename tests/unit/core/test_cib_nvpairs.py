"""Names and values of sets, as Pacemaker reads them."""

from __future__ import annotations

import pytest
from lxml import etree

from snow_ha_plugin.core import cib


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
        (of("a", "1") + of("b", "2"), "1"),
        (of("a", "1", 'score="4"') + of("b", "2", 'score="5"'), "2"),
        (of("a", "1", 'score="-5"') + of("b", "2"), "2"),
        (of("a", "1", 'score="INFINITY"') + of("cib-bootstrap-options", "2"), "2"),
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


def test_what_has_no_name_or_value_has_an_empty_one() -> None:
    parent = holder('<meta_attributes id="a"><nvpair id="x" name="n"/><nvpair id="y" value="1"/></meta_attributes>')
    assert cib.pairs(parent, "meta_attributes") == {"n": "", "": "1"}
