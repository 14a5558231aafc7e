"""Why Pacemaker keeps its hands off a domain, or it does not come to a server: one cause, with what to do about it."""

from __future__ import annotations

import re
import subprocess

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports import hindrance
from snow_ha_plugin.model import ClusterState, FailedAction
from snow_ha_plugin.system import pacemaker
from tests.captures import capture, guide_cluster
from tests.unit.core.test_cib import with_parts
from tests.unit.core.test_findings import resource
from tests.unit.core.test_findings import state as state_of


@pytest.fixture(scope="module")
def state() -> ClusterState:
    return pacemaker.state(guide_cluster())


def with_node(state: ClusterState, **changes: bool) -> ClusterState:
    nodes = tuple(node._replace(**changes) if node.name == "snow01" else node for node in state.nodes)  # type: ignore[arg-type]
    return state._replace(nodes=nodes)


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
    found = hindrance.of(guide_cluster(), with_node(state, online=False)._replace(maintenance=True), "nis01", "snow01")
    assert "maintenance mode" in found.why


def test_a_held_domain_is_to_be_released_and_one_in_maintenance_by_its_server_is_not(state: ClusterState) -> None:
    tree = guide_cluster()
    hands_off = tuple(r._replace(managed=False) if r.id == "nis01" else r for r in state.resources)
    nodes = tuple(node._replace(maintenance=node.name == "snow02") for node in state.nodes)
    held = state._replace(resources=hands_off)
    assert hindrance.of(tree, held._replace(nodes=nodes), "nis01", "snow01").remedy == "crm node ready snow02"
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


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"score": "-1000000"}, "the rule no keeps nis01 off snow01"),
        ({"score": "-2000000"}, "the rule no keeps nis01 off snow01"),
        ({"score": "-999999"}, "one of the rules that name nis01 is in the way"),
        ({"score": "INFINITY"}, "one of the rules that name nis01 is in the way"),
        ({"node": "snow02", "score": "-INFINITY"}, "one of the rules that name nis01 is in the way"),
        ({"rsc": "nis02", "score": "-INFINITY"}, "Pacemaker says no more"),
        ({}, "one of the rules that name nis01 is in the way"),
    ],
)
def test_only_a_rule_that_forbids_it_is_a_ban(state: ClusterState, rule: dict[str, str], why: str) -> None:
    tree = guide_cluster()
    cib.add(cib.section(tree, "constraints"), "rsc_location", **{"id": "no", "rsc": "nis01", "node": "snow01"} | rule)
    assert hindrance.of(tree, state, "nis01", "snow01").why == why


def test_all_rules_that_name_a_domain_are_to_be_looked_at(state: ClusterState) -> None:
    rules = '<rsc_order id="a" first="nis01" then="nis02"/><rsc_colocation id="b" rsc="nis02" with-rsc="nis01"/>'
    tree = with_parts(constraints=f'{rules}<rsc_order id="c" first="nis02" then="maui01"/>')
    assert hindrance.of(tree, state, "nis01", "snow01").remedy == "crm configure show a b"


@pytest.mark.parametrize(
    ("domain", "server", "count", "failed"),
    [
        ("nis01", "snow01", "INFINITY", True),
        ("nis01", "snow01", "2", False),
        ("nis02", "snow01", "INFINITY", False),
        ("nis01", "snow02", "INFINITY", False),
    ],
)
def test_only_a_failure_for_good_of_this_domain_there_counts(
    state: ClusterState, domain: str, server: str, count: str, failed: bool
) -> None:
    tree = guide_cluster()
    known = tree.find(f"status/node_state[@uname='{server}']")
    kept = cib.add(cib.add(known, "transient_attributes"), "instance_attributes", id="x")
    cib.add(kept, "nvpair", id="f", name=f"fail-count-{domain}#start_0", value=count)
    assert (hindrance.of(tree, state, "nis01", "snow01").why == "nis01 has failed on snow01") is failed


def test_a_server_that_is_not_known_is_not_in_the_cluster(state: ClusterState) -> None:
    assert hindrance.of(guide_cluster(), state, "nis01", "snow09") == hindrance.Hindrance(
        "snow09 is not in the cluster", "snow ha start snow09"
    )


@pytest.mark.parametrize("threshold", [None, "0", "3", "INFINITY"])
@pytest.mark.parametrize(
    "counts",
    [
        {"monitor_30000": "2"},
        {"monitor_30000": "3"},
        {"monitor_30000": "2", "stop_0": "1"},
        {"start_0": "INFINITY", "monitor_30000": "1"},
        {"monitor_30000": "0"},
    ],
)
def test_a_domain_has_failed_out_of_a_server_where_pacemakers_scheduler_bans_it(
    threshold: str | None, counts: dict[str, str]
) -> None:
    tree = guide_cluster()
    if threshold is not None:
        cib.put_pairs(cib.section(tree, "rsc_defaults"), "meta_attributes", "x", {"migration-threshold": threshold})
    kept = cib.part(tree, "status/node_state[@uname='snow01']/transient_attributes/instance_attributes")
    for number, (operation, count) in enumerate(counts.items()):
        cib.add(kept, "nvpair", id=f"f{number}", name=f"fail-count-nis01#{operation}", value=count)
        cib.add(kept, "nvpair", id=f"l{number}", name=f"last-failure-nis01#{operation}", value=str(7 - number))
    (score,) = re.findall(r"nis01 allocation score on snow01: (\S+)", scores(tree))
    assert hindrance.failed_out(tree) == ({("nis01", "snow01"): 7} if score == "-INFINITY" else {})


def scores(tree: cib.Tree) -> str:
    command = ["/usr/sbin/crm_simulate", "--xml-pipe", "--simulate", "--show-scores"]
    return subprocess.run(command, input=cib.serialize(tree), capture_output=True, check=True).stdout.decode()


def test_what_a_group_a_template_or_a_default_says_is_nothing_that_a_release_ends() -> None:
    tree = guide_cluster()
    cib.put_pairs(cib.section(tree, "rsc_defaults"), "meta_attributes", "x", {"is-managed": "false"})
    found = hindrance.hands_off(tree, pacemaker.state(tree), "nis01")
    assert found == hindrance.Hindrance("it is not managed", "see crm_resource --why --resource nis01")
    held(tree)
    found = hindrance.hands_off(tree, pacemaker.state(tree), "nis01")
    assert found == hindrance.Hindrance("it is held", "snow ha release nis01", is_held=True)


def test_who_holds_a_domain_and_how_much_more_that_concerns_is_told() -> None:
    tree = guide_cluster()
    everything = hindrance.hands_off(tree, state_of(UNMANAGED, maintenance=True), "nis01")
    assert everything is not None and (everything.is_wider, everything.is_held) == (True, False)
    itself = hindrance.hands_off(tree, state_of(UNMANAGED), "nis01")
    assert itself is not None and (itself.is_wider, itself.is_held) == (False, False)
    held(tree)
    by_hold = hindrance.hands_off(tree, state_of(resource("web01"), UNMANAGED), "nis01")
    assert by_hold is not None and (by_hold.is_wider, by_hold.is_held) == (False, True)
    assert hindrance.hands_off(tree, state_of(resource("web01", managed=False)), "nis01") is None


def test_the_last_reason_that_was_given_is_told(state: ClusterState) -> None:
    reasons = ("old", "no room", "")
    failures = tuple(FailedAction("a", "s", "start", reason, when) for when, reason in enumerate(reasons))
    other = FailedAction("b", "s", "start", "another", 9)
    assert hindrance.failure_of(state._replace(failures=(*failures, other)), "a") == "no room"
    assert hindrance.failure_of(state._replace(failures=failures), "b") == ""


def test_what_fits_is_not_lacking(state: ClusterState) -> None:
    tree = guide_cluster()
    cib.put_option(tree, "mine", "placement-strategy", "balanced")
    assert hindrance.of(tree, state, "nis01", "snow01", lacking_mib=1).why == "snow01 lacks 1 MiB for nis01"
    for enough in ({"lacking_mib": 0}, {"lacking_mib": -5}, {}):
        assert hindrance.of(tree, state, "nis01", "snow01", **enough).why == "Pacemaker says no more"


def test_memory_counts_where_pacemaker_goes_by_it(state: ClusterState) -> None:
    tree = guide_cluster()
    assert "lacks" not in hindrance.of(tree, state, "nis01", "snow01", lacking_mib=512).why
    cib.put_option(tree, "mine", "placement-strategy", "balanced")
    assert hindrance.of(tree, state, "nis01", "snow01", lacking_mib=512).why == "snow01 lacks 512 MiB for nis01"


def test_a_reason_is_told_once_with_all_its_domains(state: ClusterState) -> None:
    failures = (FailedAction("a", "s", "migrate_to", "old", 1), FailedAction("a", "s", "migrate_to", "no room", 2))
    failed = state._replace(failures=failures)
    reasons = {name: hindrance.failure_of(failed, name) for name in ("a", "b")} | {"c": "no room"}
    assert hindrance.grouped(reasons) == "a and c: no room; b: no reason was given"


UNMANAGED = resource("nis01", managed=False)


def held(tree: cib.Tree) -> None:
    intent.hold(tree, ["nis01"])


def paused(tree: cib.Tree) -> None:
    intent.pause(tree, ["nis01"])


def as_it_is(tree: cib.Tree) -> None:
    """Nothing of the domain itself."""


@pytest.mark.parametrize(
    ("cluster", "edit", "remedy"),
    [
        (state_of(UNMANAGED), held, "snow ha release nis01"),
        (state_of(UNMANAGED), paused, "crm resource maintenance nis01 off"),
        (state_of(UNMANAGED, maintenance=True), held, "crm configure property maintenance-mode=false"),
        (state_of(UNMANAGED), as_it_is, "see crm_resource --why --resource nis01"),
    ],
    ids=["held", "paused", "the-cluster", "by-a-default"],
)
def test_each_reason_has_its_own_remedy(cluster: ClusterState, edit, remedy: str) -> None:  # type: ignore[no-untyped-def]
    tree = guide_cluster()
    edit(tree)
    found = hindrance.hands_off(tree, cluster, "nis01")
    assert found and found.remedy == remedy


@pytest.mark.parametrize("edit", [as_it_is, held])
def test_a_domain_of_a_server_in_maintenance_comes_back_with_that(edit) -> None:  # type: ignore[no-untyped-def]
    tree, calm = guide_cluster(), state_of(UNMANAGED)
    edit(tree)
    (node,) = calm.nodes
    cluster = ClusterState(True, False, (node._replace(maintenance=True),), calm.resources)
    found = hindrance.hands_off(tree, cluster, "nis01")
    assert found == hindrance.Hindrance("snow01 is in maintenance", "crm node ready snow01", is_wider=True)


def test_of_what_pacemaker_manages_there_is_none() -> None:
    assert hindrance.hands_off(guide_cluster(), state_of(resource("nis01")), "nis01") is None


def test_a_server_in_maintenance_is_no_reason_for_a_domain_of_another() -> None:
    tree, calm = guide_cluster(), state_of(resource("nis01", managed=False, servers=("snow02",)), maintenance=False)
    intent.hold(tree, ["nis01"])
    (node,) = calm.nodes
    cluster = ClusterState(True, False, (node._replace(maintenance=True),), calm.resources)
    found = hindrance.hands_off(tree, cluster, "nis01")
    assert found and found.remedy == "snow ha release nis01"
