"""Why a domain does not come to a server: one cause, with what to do about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports import hindrance
from snow_ha_plugin.model import ClusterState, FailedAction
from snow_ha_plugin.system import pacemaker
from tests.captures import capture, guide_cluster
from tests.unit.core.test_cib import with_parts


@pytest.fixture(scope="module")
def state() -> ClusterState:
    return pacemaker.state(guide_cluster())


def with_node(state: ClusterState, **changes: bool) -> ClusterState:
    nodes = tuple(replace(node, **changes) if node.name == "snow01" else node for node in state.nodes)  # type: ignore[arg-type]
    return replace(state, nodes=nodes)


def test_of_a_server_the_verb_that_ends_it_is_named(state: ClusterState) -> None:
    told = {
        key: hindrance.of(guide_cluster(), with_node(state, **{key: key != "online"}), "nis01", "snow01").remedy
        for key in ("online", "standby", "maintenance")
    }
    assert told == {
        "online": "snow ha start snow01",
        "standby": "snow ha undrain snow01",
        "maintenance": "crm node ready snow01",
    }


def test_maintenance_mode_comes_before_all_else(state: ClusterState) -> None:
    found = hindrance.of(guide_cluster(), replace(with_node(state, online=False), maintenance=True), "nis01", "snow01")
    assert "maintenance mode" in found.why


def test_a_held_domain_is_to_be_released_and_one_in_maintenance_by_its_server_is_not(state: ClusterState) -> None:
    tree = guide_cluster()
    hands_off = tuple(replace(r, managed=False) if r.id == "nis01" else r for r in state.resources)
    nodes = tuple(replace(node, maintenance=node.name == "snow02") for node in state.nodes)
    held = replace(state, resources=hands_off)
    assert hindrance.of(tree, replace(held, nodes=nodes), "nis01", "snow01").remedy == "crm node ready snow02"
    assert hindrance.of(tree, held, "nis01", "snow01").remedy == "see crm_resource --why --resource nis01"
    intent.hold(tree, ["nis01"])
    assert hindrance.of(tree, held, "nis01", "snow01").remedy == "snow ha release nis01"


@pytest.mark.parametrize(
    ("rule", "remedy"), [("cli-ban-x", "crm resource clear nis01"), ("no", "crm configure delete no")]
)
def test_a_ban_is_named(state: ClusterState, rule: str, remedy: str) -> None:
    tree = with_parts(constraints=f'<rsc_location id="{rule}" rsc="nis01" node="snow01" score="-INFINITY"/>')
    found = hindrance.of(tree, state, "nis01", "snow01", lacking_mib=5)
    assert found.why == f"the rule {rule} keeps nis01 off snow01"
    assert found.remedy.endswith(remedy)
    assert hindrance.of(tree, state, "nis02", "snow01").why == "Pacemaker says no more"


def test_a_failure_there_is_named(state: ClusterState) -> None:
    tree = cib.parse(capture("cibadmin-2.1.5-troubled.xml"))
    found = hindrance.of(tree, state, "syslog01", "snow01", lacking_mib=5)
    assert found == hindrance.Hindrance("syslog01 has failed on snow01", "crm resource cleanup syslog01 snow01")
    blocked = hindrance.of(tree, pacemaker.state(tree), "syslog01", "snow02")
    assert blocked.why == "Pacemaker keeps its hands off syslog01: it is not managed"


def test_memory_counts_where_pacemaker_goes_by_it(state: ClusterState) -> None:
    tree = guide_cluster()
    assert "lacks" not in hindrance.of(tree, state, "nis01", "snow01", lacking_mib=512).why
    cib.put_option(tree, "mine", "placement-strategy", "balanced")
    assert hindrance.of(tree, state, "nis01", "snow01", lacking_mib=512).why == "snow01 lacks 512 MiB for nis01"


def test_a_reason_is_told_once_with_all_its_domains(state: ClusterState) -> None:
    failures = (FailedAction("a", "s", "migrate_to", "old", 1), FailedAction("a", "s", "migrate_to", "no room", 2))
    failed = replace(state, failures=failures)
    reasons = {name: hindrance.failure_of(failed, name) for name in ("a", "b")} | {"c": "no room"}
    assert hindrance.grouped(reasons) == "a and c: no room; b: no reason was given"
