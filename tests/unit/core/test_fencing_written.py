"""Every value of fencing in the CIB, what is told of a change, and the times at their boundaries."""

from __future__ import annotations

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.configure.fencing import Found, Timing
from snow_ha_plugin.model import Change
from tests.captures import guide_cluster, schema_errors, unconfigured_cluster
from tests.unit.core.test_fencing import BMCS, DEVICE, NAMES, TIMING, protected


def test_each_device_is_what_its_agent_needs_and_has_all_the_time_that_its_way_takes() -> None:
    tree = protected(BMCS)
    sbd, first, second = fencing.devices(tree)
    assert (sbd.id, sbd.agent) == ("snow-ha-sbd", "stonith:fence_snow_sbd")
    # msgwait 38 s, token and consensus 6.6 s, and 30 s for the agent itself.
    assert sbd.parameters == {
        "devices": "/dev/snow-ha-sbd", "pcmk_host_list": "node1 node2", "pcmk_host_check": "static-list",
        "pcmk_reboot_timeout": "75s", "pcmk_off_timeout": "75s",
    }  # fmt: skip
    # fence_ipmilan(8)'s names; the account is packaging/ipmitool's business.
    assert first.parameters == {
        "ip": "node1-mgmt", "pcmk_host_list": "node1", "pcmk_host_check": "static-list", "method": "onoff",
        "lanplus": "1", "cipher": "3", "power_wait": "2", "ipmitool_path": "/usr/share/snow-ha/ipmitool",
        "pcmk_reboot_timeout": "30s", "pcmk_reboot_retries": "1",
    }  # fmt: skip
    assert (first.id, first.agent) == ("snow-ha-ipmi-node1", "stonith:fence_ipmilan")
    assert (second.parameters["ip"], second.parameters["pcmk_host_list"]) == ("node2-mgmt", "node2")
    operations = [dict(each.attrib) for each in tree.xpath("//primitive[@class='stonith']/operations/op")]
    assert [(each["name"], each["interval"], each["timeout"]) for each in operations] == [("start", "0s", "60s")] * 3


def test_no_bmcs_device_runs_on_the_server_that_it_would_switch_off() -> None:
    rules = protected(BMCS).findall("configuration/constraints/rsc_location")
    assert [(rule.get("rsc"), rule.get("node"), rule.get("score")) for rule in rules] == [
        (f"snow-ha-ipmi-{name}", name, "-INFINITY") for name in NAMES
    ]


def test_a_server_that_hears_of_its_own_fencing_panics_and_a_failed_one_is_waited_for_long_enough() -> None:
    options = cib.options(protected())
    assert {name: options[name] for name in ("stonith-enabled", "fence-reaction", "stonith-watchdog-timeout")} == {
        "stonith-enabled": "true", "fence-reaction": "panic", "stonith-watchdog-timeout": "0",
    }  # fmt: skip
    assert (options["stonith-timeout"], options["priority-fencing-delay"]) == ("105s", "10s")


def told(changes: list[Change], action: str = "fencing") -> list[str]:
    return [change.target for change in changes if change.action == action]


def test_each_change_is_told_of_what_it_is_about() -> None:
    tree = unconfigured_cluster()
    devices = ["snow-ha-ipmi-node1", "snow-ha-ipmi-node2"]
    assert told(fencing.put(tree, NAMES, TIMING, {})) == ["snow-ha-sbd"]
    assert told(fencing.put(tree, NAMES, TIMING, BMCS)) == [
        *(device for device in devices for _ in ("it", "where it may not run")), "node1", "node1", "node2", "node2",
    ]  # fmt: skip
    assert told(fencing.put(tree, NAMES, TIMING, {"node1": "node1-mgmt", "node2": "new-mgmt"})) == devices[1:]
    assert told(fencing.put(tree, NAMES[:1], TIMING, {"node1": "node1-mgmt"})) == [
        "snow-ha-sbd", devices[1], "snow-ha--level.1--node2", "snow-ha--level.2--node2",
    ]  # fmt: skip
    assert fencing.way(tree) == fencing.IPMI


def test_only_options_that_change_are_told_with_what_they_were() -> None:
    tree = protected()
    (change,) = fencing.put(tree, NAMES, Timing(15, 2, third_vote=True), {})
    assert (change.action, change.target) == ("option", "fencing")
    assert change.message == "set in crm_config: priority-fencing-delay=0s (was 10s)"


def test_a_comment_among_the_levels_is_none() -> None:
    tree = protected(BMCS)
    cib.section(tree, "fencing-topology").insert(0, etree.Comment("BMCs first"))
    assert fencing.put(tree, NAMES, TIMING, BMCS) == []
    fencing.put(tree, NAMES, TIMING, {})
    assert tree.find("configuration/fencing-topology") is None


def test_levels_that_somebody_else_has_written_stay() -> None:
    tree = protected(BMCS)
    theirs = cib.add(cib.section(tree, "fencing-topology"), "fencing-level", id="pdu", target="node1", index="3")
    theirs.set("devices", "pdu")
    fencing.put(tree, NAMES, TIMING, {})
    assert [level.get("id") for level in tree.find("configuration/fencing-topology")] == ["pdu"]


@pytest.mark.parametrize(
    ("watchdog_s", "msgwait_s", "said"), [(15, 22, "may live for 22 s"), (15, 23, ""), (30, 37, "37 s"), (30, 38, "")]
)
def test_clocks_that_run_apart_count_at_the_boundary(watchdog_s: int, msgwait_s: int, said: str) -> None:
    complaints = fencing.contradictions([Found("a", watchdog_s, watchdog_s, msgwait_s)])
    assert len(complaints) == bool(said)
    assert said in "".join(complaints)


@pytest.mark.parametrize("found", [Found("a", 15, None, 38), Found("a", 15, 15, None)])
def test_a_disk_that_tells_one_of_its_times_is_not_read(found: Found) -> None:
    assert fencing.contradictions([found]) == ["a cannot read the times in sbd's disk"]


def test_the_shortest_watchdog_gives_the_least_delay_and_longer_ones_two_thirds_of_it() -> None:
    assert [Timing(watchdog_s).priority_delay_s for watchdog_s in (5, 8, 9, 15, 16)] == [5, 6, 6, 10, 11]
    assert [Timing(watchdog_s).msgwait_s for watchdog_s in (5, 15, 120)] == [18, 38, 250]


@pytest.mark.parametrize(
    ("names", "bmcs", "is_weak"), [(2, {}, True), (2, BMCS, True), (1, {}, False), (3, {}, False), (2, None, False)]
)
def test_a_stall_resets_the_last_one_of_two_that_sbd_guards(
    names: int, bmcs: dict[str, str] | None, is_weak: bool
) -> None:
    tree = unconfigured_cluster()
    nodes = cib.section(tree, "nodes")
    for node in list(nodes):
        nodes.remove(node)
    for number in range(1, names + 1):
        cib.add(nodes, "node", id=str(number), uname=f"node{number}")
    if bmcs is not None:
        fencing.put(tree, NAMES, TIMING, bmcs)
    assert fencing.is_last_one_weak(tree) == is_weak


@pytest.mark.parametrize("options", [{}, {"stonith-watchdog-timeout": "10s"}, {"stonith-enabled": "false"}])
def test_what_is_ours_is_not_by_hand_whatever_the_options_say(options: dict[str, str]) -> None:
    tree = protected()
    for name, value in options.items():
        cib.put_option(tree, fencing.OPTIONS_ID, name, value)
    assert not fencing.is_by_hand(tree)


def test_a_device_of_the_administrators_beside_ours_is_by_hand() -> None:
    tree = protected()
    cib.section(tree, "resources").append(etree.fromstring(DEVICE.format("")))
    assert fencing.is_by_hand(tree)


def test_a_test_is_told_of_its_server_and_the_last_one_counts() -> None:
    tree = guide_cluster()
    for when in ("2026-11-28T03:00:00Z", "2026-11-29T03:00:00Z"):
        (change,) = fencing.put_tested(tree, "snow02", when)
        assert (change.action, change.target) == ("tested", "snow02")
        assert when in change.message
    assert fencing.tested(tree) == {"snow01": "", "snow02": "2026-11-29T03:00:00Z"}
    (pair,) = tree.xpath("//node/instance_attributes/nvpair[@name='snow-ha-fencing-tested']")
    assert pair.getparent().getparent().get("uname") == "snow02"


def test_tests_are_of_members_and_the_later_of_two_entries_of_one_name_counts() -> None:
    tree = guide_cluster()
    fencing.put_tested(tree, "snow01", "2026-11-28T03:00:00Z")
    nodes = cib.section(tree, "nodes")
    cib.add(nodes, "node", id="99", uname="snow01")
    cib.add(nodes, "node", id="guest", uname="guest", type="remote")
    assert fencing.tested(tree) == {"snow01": "2026-11-28T03:00:00Z", "snow02": ""}


def test_a_test_is_told_of_the_entry_in_force_alone() -> None:
    tree = guide_cluster()
    stale = cib.add(cib.section(tree, "nodes"), "node", id="99", uname="snow01")
    cib.put_pairs(stale, "instance_attributes", "snow-ha--attributes--snow01", {fencing.TESTED: "2026-11-27T03:00:00Z"})
    fencing.put_tested(tree, "snow01", "2026-11-28T03:00:00Z")
    assert len(stale) == 0
    assert fencing.tested(tree)["snow01"] == "2026-11-28T03:00:00Z"
    assert schema_errors(tree) == ""


def test_names_that_snow_conf_and_the_command_line_know_stay() -> None:
    """--fencing and SNOW_HA_FENCING; `by-hand` is in --json."""
    assert fencing.CHOICES == ("sbd", "ipmi", "none")
    assert fencing.BY_HAND == "by-hand"


def test_the_watchdog_is_as_snow_ha_settings_5_has_it() -> None:
    assert (fencing.LEAST_WATCHDOG_S, fencing.MOST_WATCHDOG_S, fencing.DEFAULT_WATCHDOG_S) == (5, 120, 15)


@pytest.mark.parametrize("switched", ["off", "false", "no"])
def test_fencing_that_is_switched_off_is_none_whoever_has_the_devices(switched: str) -> None:
    ours = protected(BMCS)
    cib.put_option(ours, fencing.OPTIONS_ID, "stonith-enabled", switched)
    assert fencing.way(ours) == fencing.NONE
    theirs = unconfigured_cluster()
    cib.section(theirs, "resources").append(etree.fromstring(DEVICE.format("")))
    assert fencing.is_by_hand(theirs) is True
    cib.put_option(theirs, "mine", "stonith-enabled", switched)
    assert fencing.is_by_hand(theirs) is False


def test_sets_and_rules_have_ids_by_which_disable_finds_them() -> None:
    tree = protected({"node1": "node1-mgmt"})
    fencing.put_tested(tree, "node1", "2026-11-28T03:00:00Z")
    found = {each.get("id") for each in tree.iter("instance_attributes", "meta_attributes", "rsc_location")}
    assert found >= {
        "snow-ha--params--snow-ha-sbd", "snow-ha--meta--snow-ha-sbd", "snow-ha--params--snow-ha-ipmi-node1",
        "snow-ha--meta--snow-ha-ipmi-node1", "snow-ha--elsewhere--snow-ha-ipmi-node1", "snow-ha--attributes--node1",
    }  # fmt: skip
