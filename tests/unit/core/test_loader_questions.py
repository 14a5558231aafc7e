"""What the scheduler is asked on the balancer's behalf, and which CIB it is not asked about."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer import loader
from snow_ha_plugin.core.cib.values import INFINITY
from snow_ha_plugin.errors import DataError
from tests.scenarios import cluster
from tests.unit.core.test_loader import TWO, answer, resource


def test_a_cib_without_servers_is_refused() -> None:
    with pytest.raises(DataError, match="no servers"):
        loader.check(cib.empty())


@pytest.mark.parametrize(("where", "name"), [("node", "snow02"), ("primitive", "a")])
@pytest.mark.parametrize("key", ["hv_memory", "cpu"])
def test_a_size_that_is_none_is_refused_by_its_name(where: str, name: str, key: str) -> None:
    tree = cluster.read(f"{TWO}domain a 512 1 on snow01\n").tree
    loader.check(tree)
    of_it = tree.xpath(f"//{where}[@uname=$name or @id=$name]//nvpair[@name=$key]", name=name, key=key)
    assert len(of_it) == 1
    of_it[0].set("value", "4G")
    with pytest.raises(DataError, match=f"gives {name} the utilization {key}='4G'"):
        loader.check(tree)


def test_another_utilization_may_be_what_it_wants() -> None:
    tree = cluster.read(TWO).tree
    cib.put_pairs(cib.part(tree, "configuration/nodes/node"), "utilization", "own", {"licences": "some"})
    loader.check(tree)


def test_what_the_administrator_wants_is_the_cib_without_our_rules_and_sizes_and_with_everybody_held() -> None:
    rules = '<rsc_location id="{}" rsc="a" node="snow02" score="50"/>'
    tree = cluster.read(
        f"{TWO}domain a 512 1 on snow01 resource-stickiness=7\noption placement-strategy=balanced\n"
        f"xml constraints {rules.format('snow-ha--place--a')}\nxml constraints {rules.format('mine')}\n"
    ).tree
    before = cib.serialize(tree)
    found = loader.wanted(tree)
    assert cib.serialize(tree) == before
    assert [one.get("id") for one in cib.part(found, "configuration/constraints")] == ["mine"]
    assert cib.metas(found, "resource-stickiness", "0") == {"a": str(loader.HOLD)}
    assert cib.options(found)["placement-strategy"] == "default"
    # Where nobody has said any stickiness, too.
    silent = cluster.read(f"{TWO}domain a 512 1 on snow01\n").tree
    cib.drop(cib.part(silent, "configuration/rsc_defaults"))
    assert cib.metas(loader.wanted(silent), "resource-stickiness", "0") == {"a": str(loader.HOLD)}
    added = {one.get("id") for one in loader.wanted(silent).iter()} - {one.get("id") for one in silent.iter()}
    assert added
    assert all(one.startswith("snow-ha--copy.") for one in added if one)


def test_a_hold_is_more_than_a_preference_and_less_than_infinity() -> None:
    """Pacemaker's scores end at a million (Pacemaker Explained), and preferences are of some thousands."""
    assert 100_000 <= loader.HOLD <= INFINITY // 2


def test_an_answer_without_the_hold_has_the_score_of_a_domains_own_server_as_it_is() -> None:
    scores = {
        "a": {"snow01": loader.HOLD + 30, "snow02": 40},
        "b": {"snow01": -INFINITY, "snow02": INFINITY},
        "c": {"snow01": 5},
        "d": {"snow01": 6, "snow02": 7},
        "e": {"snow01": -INFINITY},
    }
    asked = answer(
        resource("a", "snow01"), resource("b", "snow02"), resource("d", "snow01", "snow02"), resource("e", "snow01"),
        scores=scores, sizes={"a": {"cpu": 1}},
    )  # fmt: skip
    found = loader.without_hold(asked)
    assert found.scores == {**scores, "a": {"snow01": 30, "snow02": 40}}
    assert found._replace(scores=scores) == asked
