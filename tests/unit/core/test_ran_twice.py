"""A domain that ran twice is known on every server until somebody has acknowledged it."""

from __future__ import annotations

import json

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import ran_twice
from snow_ha_plugin.core.reports.doubles import RanTwice
from tests.captures import guide_cluster, schema_errors
from tests.unit.core.test_cib import canonical

TWICE = RanTwice("nis02", ("snow01", "snow02"), 1000, 1060)
OTHER = RanTwice("nis01", ("snow02", "snow01"), 2000, 2001)


def noted(*found: RanTwice) -> cib.Tree:
    tree = guide_cluster()
    ran_twice.note(tree, found)
    return tree


def test_it_is_noted_once_and_told_by_domain() -> None:
    tree = guide_cluster()
    first, second = ran_twice.note(tree, [TWICE, OTHER])
    assert (first.action, first.target) == ("note", "nis02")
    assert second.message == "note that nis01 ran on snow02 and snow01 at once"
    assert ran_twice.known(tree) == (OTHER, TWICE)
    assert ran_twice.note(tree, [TWICE, OTHER]) == []
    assert schema_errors(tree) == ""


@pytest.mark.parametrize(("began", "is_new"), [(1059, False), (1060, False), (1061, True)])
def test_only_what_began_after_it_is_another_time(began: int, is_new: bool) -> None:
    tree = noted(TWICE)
    later = TWICE._replace(began=began, ended=3000)
    assert len(ran_twice.note(tree, [later])) == is_new
    assert ran_twice.known(tree) == ((later if is_new else TWICE),)


def test_what_is_no_domain_is_not_noted_and_keeps_nothing_else_from_it() -> None:
    tree = noted(TWICE._replace(domain="snow-ha-floating-ip"), TWICE)
    assert ran_twice.known(tree) == (TWICE,)
    (pair,) = cib.notes(tree, ran_twice.SET)
    assert pair.get("name") == "snow-ha-ran-twice-nis02"


def test_who_acknowledges_one_leaves_the_other() -> None:
    tree = noted(TWICE, OTHER)
    assert ran_twice.acknowledge(tree, ["web01"]) == []
    (change,) = ran_twice.acknowledge(tree, ["nis02"])
    assert (change.action, change.target) == ("acknowledge", "nis02")
    assert ran_twice.known(tree) == (OTHER,)
    ran_twice.acknowledge(tree, ["nis01"])
    assert canonical(tree) == canonical(guide_cluster())


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({**TWICE._asdict(), "servers": ["snow01"]})])
def test_what_somebody_has_made_unreadable_is_known_no_more_and_goes_with_the_next(text: str) -> None:
    tree = noted(TWICE)
    cib.notes(tree, ran_twice.SET)[0].set("value", text)
    assert ran_twice.known(tree) == ()
    assert ran_twice.acknowledge(tree, []) == []
    assert cib.notes(tree, ran_twice.SET) == []


def test_a_configuration_of_before_is_told_what_is_known_now() -> None:
    then = noted(OTHER)
    ran_twice.carry_over(noted(TWICE), then)
    assert ran_twice.known(then) == (TWICE,)
    ran_twice.carry_over(guide_cluster(), then)
    assert ran_twice.known(then) == ()
