from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, fencing
from snow_ha_plugin.core.configure.fencing import Found, Timing
from tests.captures import guide_cluster, schema_errors, schemas, unconfigured_cluster
from tests.unit.core.test_cib import canonical

NAMES = ("node1", "node2")
BMCS = {"node1": "node1-mgmt", "node2": "node2-mgmt"}
TIMING = Timing(15)
DEVICE = '<primitive id="pdu" class="stonith" type="fence_apc">{}</primitive>'
STOPPED = '<meta_attributes id="m"><nvpair id="m-t" name="target-role" value="Stopped"/></meta_attributes>'


def protected(bmcs: dict[str, str] | None = None) -> cib.Tree:
    tree = unconfigured_cluster()
    fencing.put(tree, NAMES, TIMING, bmcs or {})
    return tree


def with_device(text: str, **options: str) -> cib.Tree:
    tree = unconfigured_cluster()
    if text:
        cib.section(tree, "resources").append(etree.fromstring(text))
    if options:
        cib.put_pairs(cib.section(tree, "crm_config"), "cluster_property_set", cib.ADMIN_OPTIONS, options)
    return tree


@given(st.integers(fencing.LEAST_WATCHDOG_S, fencing.MOST_WATCHDOG_S), st.integers(2, 16))
def test_from_any_watchdog_follow_times_that_prove_what_they_claim(watchdog_s: int, servers: int) -> None:
    times = Timing(watchdog_s, servers)
    found = Found("a", times.watchdog_s, times.watchdog_s, times.msgwait_s)
    assert fencing.contradictions([found]) == []
    assert times.reboot_s > times.msgwait_s
    assert times.stonith_s > times.reboot_s
    # Also where sbd was held up for as long as it may be, and clocks run 1 % apart.
    assert 1.01 * (2 * watchdog_s + fencing.DISK_S) <= times.msgwait_s


def failover_s(timing: Timing) -> float:
    """From a server's loss to the first start on another one."""
    return round(timing.loss_s + timing.msgwait_s, 1)


def test_failover_times_as_documented() -> None:
    assert (failover_s(TIMING), TIMING.priority_delay_s, TIMING.stonith_s) == (44.6, 10, 105)
    assert failover_s(Timing(5)) == 24.6
    assert round(Timing(15, 3).loss_s, 2) == 8.03


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Found("a", 15, 15, 30), ""),
        (Found("a", None, 15, 30), "not armed"),
        (Found("a", 15, None, None), "cannot read"),
        (Found("a", 60, 15, 30), "armed with 60 s"),
        (Found("a", 23, 23, 30), "may live for 30 s"),
        (Found("a", 22, 22, 30), ""),
    ],
)
def test_times_that_do_not_fit_are_named(found: Found, said: str) -> None:
    complaints = fencing.contradictions([Found("b", 15, 15, 30), found])
    assert len(complaints) == bool(said)
    assert said in "".join(complaints)


@pytest.mark.parametrize("bmcs", [{}, BMCS])
def test_what_is_written_is_valid_and_written_once(bmcs: dict[str, str]) -> None:
    tree = protected(bmcs)
    for schema in schemas():
        assert schema_errors(tree, schema) == ""
    before = canonical(tree)
    assert fencing.put(tree, NAMES, TIMING, bmcs) == []
    assert canonical(tree) == before
    assert fencing.way(tree) == (fencing.IPMI if bmcs else fencing.SBD)
    assert cluster_options.has_fencing(tree)


def test_each_bmc_comes_before_the_pill_and_never_runs_on_its_own_server() -> None:
    tree = protected(BMCS)
    levels = [
        (level.get("target"), level.get("index"), level.get("devices"))
        for level in tree.iterfind("configuration/fencing-topology/fencing-level")
    ]
    assert levels == [
        ("node1", "1", "snow-ha-ipmi-node1"), ("node1", "2", "snow-ha-sbd"),
        ("node2", "1", "snow-ha-ipmi-node2"), ("node2", "2", "snow-ha-sbd"),
    ]  # fmt: skip
    rules = {rule.get("rsc"): rule.get("node") for rule in tree.find("configuration/constraints")}
    assert rules == {"snow-ha-ipmi-node1": "node1", "snow-ha-ipmi-node2": "node2"}


def test_bmcs_that_are_given_up_leave_the_pill_alone() -> None:
    tree = protected(BMCS)
    fencing.put(tree, NAMES, TIMING, {})
    assert tree.find("configuration/fencing-topology") is None
    assert fencing.way(tree) == fencing.SBD
    assert [device.id for device in fencing.devices(tree)] == [fencing.SBD_ID]


def test_no_secret_and_no_account_is_in_the_cib() -> None:
    text = cib.serialize(protected(BMCS)).decode().lower()
    assert "passw" not in text
    assert "username" not in text


def test_the_guides_own_options_are_put_right_where_they_are_in_force() -> None:
    tree = with_device("", **{"stonith-enabled": "no", "no-quorum-policy": "ignore"})
    (told,) = [change for change in fencing.put(tree, NAMES, TIMING, {}) if change.action == "option"]
    assert "stonith-enabled=true (was no)" in told.message
    assert "no-quorum-policy=stop (was ignore)" in told.message
    assert cib.options(tree)["stonith-enabled"] == "true"
    assert cib.options(tree)["no-quorum-policy"] == "stop"


def test_a_policy_that_somebody_has_chosen_stays() -> None:
    tree = with_device("", **{"no-quorum-policy": "freeze"})
    fencing.put(tree, NAMES, TIMING, {})
    assert cib.options(tree)["no-quorum-policy"] == "freeze"


def test_the_larger_side_wins_only_where_nobody_has_a_majority() -> None:
    assert "priority-fencing-delay" in cib.options(protected())
    tree = unconfigured_cluster()
    fencing.put(tree, ("a", "b", "c"), Timing(15, 3), {})
    assert "priority-fencing-delay" not in cib.options(tree)


def test_two_sides_are_never_alike_since_one_device_alone_has_an_odd_priority() -> None:
    tree = unconfigured_cluster()
    fencing.put(tree, ("node1", "node2"), Timing(15), {"node1": "node1-mgmt", "node2": "node2-mgmt"})
    priorities = {device.id: int(device.meta["priority"]) for device in fencing.devices(tree)}
    assert len(priorities) == 3
    assert [name for name, priority in priorities.items() if priority % 2] == [fencing.SBD_ID]


def test_a_server_that_joins_is_on_the_list() -> None:
    tree = protected()
    assert fencing.put(tree, ("node1", "node2", "node3"), Timing(15, 3), {}) != []
    (device,) = fencing.devices(tree)
    assert device.parameters["pcmk_host_list"] == "node1 node2 node3"


@pytest.mark.parametrize(
    ("tree", "way"),
    [
        (with_device(DEVICE.format("")), fencing.BY_HAND),
        (with_device(DEVICE.format(STOPPED)), fencing.NONE),
        (with_device(DEVICE.format(""), **{"stonith-enabled": "off"}), fencing.NONE),
        (with_device("", **{"stonith-watchdog-timeout": "35s"}), fencing.BY_HAND),
        (with_device("", **{"stonith-watchdog-timeout": "0"}), fencing.NONE),
        (guide_cluster(), fencing.NONE),
    ],
)
def test_what_is_there_counts_unless_it_is_switched_off(tree: cib.Tree, way: str) -> None:
    assert fencing.way(tree) == way
    assert cluster_options.has_fencing(tree) == (way != fencing.NONE)


def test_a_test_is_remembered_at_its_server() -> None:
    tree = guide_cluster()
    fencing.put_tested(tree, "snow01", "2026-11-28T03:00:00Z")
    assert fencing.tested(tree) == {"snow01": "2026-11-28T03:00:00Z", "snow02": ""}
    for schema in schemas():
        assert schema_errors(tree, schema) == ""


def test_disable_takes_all_of_it_out() -> None:
    tree = protected(BMCS)
    cib.remove_ours(tree, keep=cluster_options.OPTIONS_ID)
    assert fencing.devices(tree) == ()
    assert tree.findall("configuration/fencing-topology/fencing-level") == []
