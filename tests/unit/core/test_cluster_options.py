from __future__ import annotations

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, fencing
from snow_ha_plugin.model import Guest, Hypervisor, Network
from snow_ha_plugin.system import pacemaker
from tests.captures import guide_cluster, schema_errors, schemas, unconfigured_cluster
from tests.unit.core.test_cib import canonical, with_parts

FLOATING = Network("xsnow0", "10.1.0.254", 16)
BY_HAND = '<cluster_property_set id="cib-bootstrap-options">{}</cluster_property_set>'
STONITH = '<primitive id="ipmi" class="stonith" type="fence_ipmilan"/>'


def hypervisor(memory_mib: int, cpus: int = 8) -> Hypervisor:
    return Hypervisor(memory_mib, cpus, True, (Guest("a", 1, 512, 1, "-b----"),))


def enabled() -> cib.Tree:
    """An unconfigured cluster with all that `enable` writes besides the domains."""
    tree = unconfigured_cluster()
    cluster_options.put_options(tree, without_fencing=True)
    cluster_options.put_floating_ip(tree, FLOATING)
    cluster_options.put_capacities(tree, {"node1": hypervisor(15360)})
    return tree


def option_set(tree: cib.Tree, **values: str) -> cib.Tree:
    """The same tree with options of the administrator's."""
    pairs = "".join(f'<nvpair id="o{n}" name="{k}" value="{v}"/>' for n, (k, v) in enumerate(values.items()))
    for found in tree.xpath("configuration/crm_config/*[@id='cib-bootstrap-options']"):
        found.getparent().remove(found)
    cib.section(tree, "crm_config").append(etree.fromstring(BY_HAND.format(pairs)))
    return tree


@pytest.mark.parametrize("schema", schemas())
def test_what_enable_writes_is_valid_for_every_pacemaker(schema: str) -> None:
    assert schema_errors(enabled(), schema) == ""


def test_doing_all_of_it_twice_changes_nothing() -> None:
    tree = enabled()
    before = canonical(tree)
    assert cluster_options.put_options(tree, without_fencing=True) == []
    assert cluster_options.put_floating_ip(tree, FLOATING) == []
    assert cluster_options.put_capacities(tree, {"node1": hypervisor(15360)}) == []
    assert canonical(tree) == before


def test_fencing_is_switched_off_only_when_that_was_said() -> None:
    tree = unconfigured_cluster()
    cluster_options.put_options(tree, without_fencing=False)
    assert "stonith-enabled" not in cib.options(tree)
    cluster_options.put_options(tree, without_fencing=True)
    assert cib.options(tree)["stonith-enabled"] == "false"


def test_what_the_administrator_sets_later_counts_too() -> None:
    tree = unconfigured_cluster()
    defaults = cib.section(tree, "rsc_defaults")
    cib.put_pairs(defaults, "meta_attributes", "mine", {"resource-stickiness": "1"})
    cluster_options.put_options(tree, without_fencing=True)
    cib.put_pairs(defaults, "meta_attributes", "mine", {"priority": "9"})
    assert cib.pairs(defaults, "meta_attributes")["priority"] == "9"


def test_what_the_administrator_has_set_stays() -> None:
    tree = option_set(unconfigured_cluster(), **{"migration-limit": "7", "stop-orphan-resources": "true"})
    cib.put_pairs(cib.section(tree, "rsc_defaults"), "meta_attributes", "mine", {"resource-stickiness": "1"})
    changes = cluster_options.put_options(tree, without_fencing=True)
    assert cib.options(tree) == {
        "migration-limit": "7", "stop-orphan-resources": "true", "cluster-recheck-interval": "2min",
        "stonith-enabled": "false",
    }  # fmt: skip
    assert [change.message for change in changes] == [
        "set in crm_config: cluster-recheck-interval=2min, stonith-enabled=false",
        "set in rsc_defaults: priority=2, failure-timeout=600s",
        "set in op_defaults: timeout=120s",
    ]
    defaults = cib.pairs(cib.section(tree, "rsc_defaults"), "meta_attributes")
    assert defaults == cluster_options.RESOURCE_DEFAULTS | {"resource-stickiness": "1"}


def test_where_everything_is_set_by_hand_nothing_is_written() -> None:
    values = cluster_options.OPTIONS | {"stonith-enabled": "true"}
    tree = option_set(unconfigured_cluster(), **values)
    for section, defaults in (
        ("rsc_defaults", cluster_options.RESOURCE_DEFAULTS),
        ("op_defaults", cluster_options.OPERATION_DEFAULTS),
    ):
        cib.put_pairs(cib.section(tree, section), "meta_attributes", f"mine-{section}", defaults)
    before = canonical(tree)
    assert cluster_options.put_options(tree, without_fencing=True) == []
    assert canonical(tree) == before


def test_maintenance_begins_and_ends_without_a_trace() -> None:
    tree = enabled()
    before = canonical(tree)
    assert len(cluster_options.begin_maintenance(tree)) == 1
    assert cib.options(tree)["maintenance-mode"] == "true"
    assert cluster_options.begin_maintenance(tree) == []
    assert len(cluster_options.end_maintenance(tree)) == 1
    assert canonical(tree) == before
    assert cluster_options.end_maintenance(tree) == []


def test_maintenance_begins_also_where_somebody_has_ended_one_by_hand() -> None:
    tree = option_set(enabled(), **{"maintenance-mode": "false"})
    assert len(cluster_options.begin_maintenance(tree)) == 1
    assert pacemaker.state(tree).maintenance
    assert cluster_options.begin_maintenance(tree) == []
    cluster_options.end_maintenance(tree)
    assert not pacemaker.state(tree).maintenance
    # Ours is there already, from a run that was killed, and has been ended by hand.
    cluster_options.begin_maintenance(tree)
    assert len(cluster_options.begin_maintenance(option_set(tree, **{"maintenance-mode": "false"}))) == 1
    assert pacemaker.state(tree).maintenance


@pytest.mark.parametrize(("whose", "remedy"), [("ours", "snow ha enable"), ("theirs", "crm configure property ")])
def test_what_ends_a_maintenance_depends_on_whose_it_is(whose: str, remedy: str) -> None:
    tree = enabled() if whose == "ours" else option_set(enabled(), **{"maintenance-mode": "true"})
    if whose == "ours":
        cluster_options.begin_maintenance(tree)
    assert cluster_options.ends_maintenance(tree).startswith(remedy)


def test_enable_ends_the_maintenance_that_disable_began() -> None:
    tree = enabled()
    cluster_options.begin_maintenance(tree)
    assert [change.target for change in cluster_options.put_options(tree, without_fencing=True)] == ["maintenance-mode"]
    assert "maintenance-mode" not in cib.options(tree)


def test_the_administrators_own_maintenance_stays() -> None:
    tree = option_set(enabled(), **{"maintenance-mode": "true"})
    cluster_options.begin_maintenance(tree)
    cluster_options.end_maintenance(tree)
    assert cib.options(tree)["maintenance-mode"] == "true"


@pytest.mark.parametrize(
    ("value", "devices", "expected"),
    [
        (None, True, True),
        ("true", True, True),
        ("TRUE", True, True),
        ("yes", True, True),
        ("false", True, False),
        ("no", True, False),
        (None, False, False),
        ("true", False, False),
    ],
)
def test_fencing_takes_a_device_and_nobody_who_switched_it_off(
    value: str | None, devices: bool, expected: bool
) -> None:
    tree = unconfigured_cluster()
    if value is not None:
        option_set(tree, **{"stonith-enabled": value})
    if devices:
        cib.section(tree, "resources").append(etree.fromstring(STONITH))
    assert cluster_options.has_fencing(tree) == expected
    assert [device.id for device in fencing.devices(tree)] == (["ipmi"] if devices else [])


def test_the_floating_ip_is_an_address_on_the_bridge() -> None:
    (found,) = cluster_options.floating_ips(enabled())
    assert found.agent == "ocf:heartbeat:IPaddr2"
    assert found.parameters == {"ip": "10.1.0.254", "cidr_netmask": "16", "nic": "xsnow0"}


def test_a_floating_ip_by_hand_stays_the_only_one() -> None:
    tree = with_parts(
        resources="""<primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
        <instance_attributes id="va"><nvpair id="v1" name="ip" value="10.1.0.254"/></instance_attributes></primitive>"""
    )
    before = canonical(tree)
    assert cluster_options.put_floating_ip(tree, FLOATING) == []
    assert canonical(tree) == before


def test_a_floating_ip_that_snow_conf_has_changed_is_changed() -> None:
    tree = enabled()
    assert len(cluster_options.put_floating_ip(tree, Network("xsnow1", "10.9.0.1", 24))) == 1
    (found,) = cluster_options.floating_ips(tree)
    assert found.parameters == {"ip": "10.9.0.1", "cidr_netmask": "24", "nic": "xsnow1"}
    assert schema_errors(tree) == ""


@pytest.mark.parametrize(
    ("memory_mib", "cpus", "written"),
    [
        (15360, 8, False),
        (15360 + 768, 8, False),
        (15360 - 768, 8, False),
        (15360 + 769, 8, True),
        (15360 - 769, 8, True),
        (31744, 8, True),
        (15360, 16, True),
    ],
)
def test_only_a_change_of_hardware_changes_a_servers_size(memory_mib: int, cpus: int, written: bool) -> None:
    tree = guide_cluster()
    assert cib.nodes(tree)[0].memory_mib == 15360
    changes = cluster_options.put_capacities(tree, {"snow01": hypervisor(memory_mib, cpus)})
    assert [change.target for change in changes] == (["snow01"] if written else [])
    assert cib.nodes(tree)[0].memory_mib == (memory_mib if written else 15360)


def test_a_size_that_the_administrator_wrote_counts() -> None:
    tree = unconfigured_cluster()
    cib.put_pairs(tree.find(".//node"), "utilization", "mine", {"hv_memory": "1000", "cpu": "2"})
    cluster_options.put_capacities(tree, {"node1": hypervisor(15360)})
    assert (cib.nodes(tree)[0].memory_mib, cib.nodes(tree)[0].cpus) == (1000, 2)
    before = canonical(tree)
    assert cluster_options.put_capacities(tree, {"node1": hypervisor(15360)}) == []
    assert canonical(tree) == before


def test_a_server_that_was_not_looked_at_keeps_its_size() -> None:
    tree = guide_cluster()
    before = canonical(tree)
    assert cluster_options.put_capacities(tree, {}) == []
    assert canonical(tree) == before


def test_what_went_by_sizes_goes_by_none_after_disable_unless_it_was_the_administrators() -> None:
    tree = guide_cluster()
    cib.put_pairs(
        cib.section(tree, "crm_config"), "cluster_property_set", "mine", {"placement-strategy": "utilization"}
    )
    assert cluster_options.end_sizes(tree) == []
    cib.put_pairs(
        cib.section(tree, "crm_config"), "cluster_property_set", cluster_options.OPTIONS_ID,
        {"placement-strategy": "balanced"},
    )  # fmt: skip
    assert len(cluster_options.end_sizes(tree)) == 1
    assert cib.options(tree)["placement-strategy"] == "utilization"


def test_the_floating_ip_is_looked_at_every_ten_seconds() -> None:
    element = cib.resource(enabled(), "snow-ha-floating-ip")
    assert element.find("instance_attributes").get("id") == "snow-ha--params--snow-ha-floating-ip"
    operations = [dict(operation.attrib) for operation in element.find("operations")]
    assert [(each["name"], each["interval"], each["timeout"]) for each in operations] == [
        ("start", "0s", "30s"), ("stop", "0s", "30s"), ("monitor", "10s", "30s"),
    ]  # fmt: skip


def test_a_change_of_the_floating_ip_is_told_with_what_it_becomes() -> None:
    (change,) = cluster_options.put_floating_ip(enabled(), FLOATING._replace(gateway="10.1.0.253"))
    assert change.message == "configure the floating IP 10.1.0.253/16 on xsnow0"


def test_an_address_of_another_kind_of_agent_is_a_floating_ip_too() -> None:
    tree = with_parts(
        resources="""<primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr"/>
        <primitive id="other" class="ocf" provider="heartbeat" type="IPsrcaddr"/>"""
    )
    names = [found.id for found in cluster_options.floating_ips(tree)]
    assert "vip" in names and "other" not in names


def test_each_server_that_was_looked_at_gets_its_size_whatever_the_one_before_it_did() -> None:
    tree = guide_cluster()
    for unchanged in ({}, {"snow01": hypervisor(15360)}):
        other = hypervisor(31744, 16)
        changes = cluster_options.put_capacities(cib.clone(tree), {**unchanged, "snow02": other})
        assert [(change.action, change.target) for change in changes] == [("capacity", "snow02")]


def test_a_size_is_written_in_a_set_of_ours_at_its_server() -> None:
    (found,) = enabled().findall("configuration/nodes/node/utilization")
    assert found.get("id") == "snow-ha--capacity--node1"
    assert {pair.get("name"): pair.get("value") for pair in found} == {"hv_memory": "15360", "cpu": "8"}


@pytest.mark.parametrize(
    ("set_id", "value", "then"),
    [("snow-ha--rsc-defaults", "1", "2"), ("snow-ha--rsc-defaults", "5", "5"), ("mine", "1", "1")],
    ids=["our-former-default", "administrators-word", "administrators-set"],
)
def test_the_priority_of_before_is_renewed_and_an_administrators_stays(set_id: str, value: str, then: str) -> None:
    tree = unconfigured_cluster()
    defaults = cluster_options.RESOURCE_DEFAULTS | {"priority": value}
    cib.put_pairs(cib.section(tree, "rsc_defaults"), "meta_attributes", set_id, defaults)
    changes = cluster_options.put_options(tree, without_fencing=True)
    assert cib.pairs(cib.section(tree, "rsc_defaults"), "meta_attributes")["priority"] == then
    renewed = ["set in rsc_defaults: priority=2 (was 1)"] if then != value else []
    assert [change.message for change in changes if change.target == "rsc_defaults"] == renewed


def test_fencing_that_is_there_stays_on_where_none_was_asked_for() -> None:
    tree = unconfigured_cluster()
    cib.section(tree, "resources").append(etree.fromstring(STONITH))
    cluster_options.put_options(tree, without_fencing=True)
    assert "stonith-enabled" not in cib.options(tree)


def test_the_options_that_are_written_are_in_one_set_of_ours() -> None:
    tree = enabled()
    (found,) = tree.findall("configuration/crm_config/*[@id='snow-ha--options']")
    assert {pair.get("name"): pair.get("value") for pair in found} == {
        "migration-limit": "2", "stop-orphan-resources": "false", "cluster-recheck-interval": "2min",
        "stonith-enabled": "false",
    }  # fmt: skip
    assert cib.pairs(cib.section(tree, "rsc_defaults"), "meta_attributes") == {
        "resource-stickiness": "100", "priority": "2", "failure-timeout": "600s",
    }  # fmt: skip
    assert cib.pairs(cib.section(tree, "op_defaults"), "meta_attributes") == {"timeout": "120s"}
