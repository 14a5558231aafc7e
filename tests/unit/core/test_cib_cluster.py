"""What a CIB says of its members, its options and its constraints."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.cluster import CONSTRAINT_REFERENCES, CONSTRAINT_TAGS
from snow_ha_plugin.core.configure import cluster_options
from snow_ha_plugin.model import Node
from tests.captures import guide_cluster
from tests.unit.core.test_cib import with_parts


def sizes(set_id: str, **values: str) -> str:
    pairs = "".join(f'<nvpair id="{set_id}-{name}" name="{name}" value="{value}"/>' for name, value in values.items())
    return f'<utilization id="{set_id}">{pairs}</utilization>'


def member(inside: str = "", node_id: str = "7", **attributes: str) -> str:
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<node id="{node_id}" uname="snow07"{more}>{inside}</node>'


def found(tree: cib.Tree, name: str = "snow07") -> Node:
    (node,) = [node for node in cib.nodes(tree) if node.name == name]
    return node


def test_a_member_has_the_sizes_that_are_written_there() -> None:
    tree = with_parts(nodes=member(sizes("u", hv_memory="4096", cpu="8")))
    assert found(tree) == Node("7", "snow07", 4096, 8)


@pytest.mark.parametrize("value", ["", "-1", "many", "1.5"])
def test_a_size_that_is_none_is_nothing(value: str) -> None:
    assert found(with_parts(nodes=member())) == Node("7", "snow07", 0, 0)
    assert found(with_parts(nodes=member(sizes("u", hv_memory=value, cpu=value)))) == Node("7", "snow07", 0, 0)


def test_vcpus_that_a_server_may_hold_are_none_of_its_cpus() -> None:
    over = ids.of(ids.Kind.OVERCOMMIT, "snow07")
    tree = with_parts(nodes=member(sizes(over, cpu="32") + sizes("u", cpu="8")))
    assert found(tree).cpus == 8
    assert cib.overcommits(tree, found(tree)) is True
    assert cib.overcommits(tree, found(tree, "snow01")) is False


def test_of_two_entries_without_a_state_the_first_is_the_member() -> None:
    tree = with_parts(nodes=member() + member(node_id="8"))
    assert found(tree).id == "7"
    assert cib.stale_nodes(tree) == (Node("8", "snow07"),)


def test_the_entry_whose_state_is_a_members_counts_wherever_it_is() -> None:
    tree = with_parts(nodes=member() + member(node_id="8") + member(node_id="9"))
    cib.add(tree.find("status"), "node_state", id="8", uname="snow07", crmd="online")
    cib.add(tree.find("status"), "node_state", id="7", uname="snow07", crmd="offline")
    assert found(tree).id == "8"
    assert [node.id for node in cib.stale_nodes(tree)] == ["7", "9"]


def test_a_remote_node_is_neither_a_member_nor_stale() -> None:
    tree = with_parts(nodes=member(type="remote") + member(node_id="8", type="remote"))
    assert [node.name for node in cib.nodes(tree)] == ["snow01", "snow02"]
    assert cib.stale_nodes(tree) == ()


def with_option(name: str, value: str) -> cib.Tree:
    tree = guide_cluster()
    cib.put_option(tree, cluster_options.OPTIONS_ID, name, value)
    return tree


@pytest.mark.parametrize(("value", "on"), [("yes", True), ("off", False)])
def test_an_option_that_is_set_is_read_whatever_the_default(value: str, on: bool) -> None:
    tree = with_option("stop-all-resources", value)
    assert {cib.option_is_on(tree, "stop-all-resources", default=default) for default in (True, False)} == {on}


@pytest.mark.parametrize("default", [True, False])
def test_an_option_that_is_not_set_is_as_pacemaker_has_it(default: bool) -> None:
    assert cib.option_is_on(cib.empty(), "stop-all-resources", default=default) is default


@pytest.mark.parametrize("value", ["0", "-1", "many", ""])
def test_where_nobody_limits_migrations_there_are_two_at_once(value: str) -> None:
    """As `enable` sets it; without a limit, or with -1, Pacemaker would start all."""
    assert cib.migrations_at_once(with_option("migration-limit", "5")) == 5
    assert cib.migrations_at_once(with_option("migration-limit", value)) == 2
    assert cib.migrations_at_once(cib.empty()) == 2


@pytest.mark.parametrize(
    ("strategy", "by_sizes"),
    [("default", False), ("utilization", True), ("balanced", True), ("minimal", True)],
)
def test_pacemaker_counts_sizes_with_each_strategy_but_the_default(strategy: str, by_sizes: bool) -> None:
    assert cib.goes_by_sizes(with_option("placement-strategy", strategy)) is by_sizes
    assert cib.goes_by_sizes(cib.empty()) is False


@pytest.mark.parametrize("attribute", ["rsc", "with-rsc", "first", "then"])
def test_whatever_a_constraint_names_is_its_resource(attribute: str) -> None:
    """All attributes of Pacemaker's constraints that name a resource (constraints-*.rng)."""
    assert attribute in CONSTRAINT_REFERENCES
    tree = with_parts(constraints=f'<!-- why --><rsc_order id="o" {attribute}="nis01" kind="Optional"/>')
    (constraint,) = cib.constraints(tree)
    assert (constraint.id, constraint.resources) == ("o", ("nis01",))
    assert constraint.text == f"{attribute}=nis01 kind=Optional"


def test_each_kind_of_constraint_is_known() -> None:
    """By the names of Pacemaker's schema (constraints-*.rng)."""
    assert sorted(CONSTRAINT_TAGS) == ["rsc_colocation", "rsc_location", "rsc_order", "rsc_ticket"]
