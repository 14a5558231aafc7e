"""What `enable` writes besides the domains: cluster options, defaults, the floating IP and the servers' sizes.

An option that somebody else has set stays: it may have a reason. Pacemaker lets theirs win anyway, for our sets come
before theirs, and of those with the same score it takes the last (`cib.put_pairs`).
"""

from __future__ import annotations

from collections.abc import Mapping

from snow_ha_plugin.core import cib, timeouts
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.model import Change, Hypervisor, Network, Primitive

OPTIONS_ID = fencing.OPTIONS_ID
_OURS = f"configuration/crm_config/*[@id='{OPTIONS_ID}']"
FLOATING_IP_ID = f"{ids.OURS}floating-ip"

OPTIONS = {
    # Without a limit a drain migrates everything at once, and each migration slows down all others.
    "migration-limit": str(timeouts.MIGRATIONS_AT_ONCE),
    # A domain whose primitive goes is let go of, not shut down: taking a line out must not stop a service.
    "stop-orphan-resources": "false",
    # Once a server in maintenance was fenced, Pacemaker starts what ran there when it next looks by itself, and not
    # before (measured, 2.1.5: its own 15 min later).
    "cluster-recheck-interval": "2min",
}
RESOURCE_DEFAULTS = {
    "resource-stickiness": "100",
    # All the same, so that priority-fencing-delay sees which side of a split has more domains; and even, so that two
    # sides are never equal with the fencing device's 1 on one of them (fencing.TIE_BREAKER).
    "priority": "2",
    # A start that failed must not ban a domain from a server for ever.
    "failure-timeout": "600s",
}
# What it was up to version 0.1.0.
FORMER_PRIORITY = "1"
OPERATION_DEFAULTS = {"timeout": "120s"}

# A server's memory for domains moves a little with Domain-0's; only a larger change is a change of hardware.
CAPACITY_TOLERANCE = 0.05


def put_options(tree: cib.Tree, *, without_fencing: bool) -> list[Change]:
    """`without_fencing` keeps Pacemaker from waiting for devices that nobody has; fencing that is there stays on."""
    off = without_fencing and not fencing.devices(tree)
    options = OPTIONS | ({"stonith-enabled": "false"} if off else {})
    changes = [
        _renew_priority(tree),
        _put_missing(tree, "crm_config", "cluster_property_set", OPTIONS_ID, options),
        _put_missing(tree, "rsc_defaults", "meta_attributes", ids.of(Kind.RESOURCE_DEFAULTS), RESOURCE_DEFAULTS),
        _put_missing(tree, "op_defaults", "meta_attributes", ids.of(Kind.OPERATION_DEFAULTS), OPERATION_DEFAULTS),
    ]
    return [change for change in changes if change] + end_maintenance(tree)


def _renew_priority(tree: cib.Tree) -> Change | None:
    """Our former default to today's; one that the administrator has set stays."""
    ours = ids.of(Kind.RESOURCE_DEFAULTS)
    for pair in tree.iterfind(f"configuration/rsc_defaults/*[@id='{ours}']/nvpair[@name='priority']"):
        if pair.get("value") == FORMER_PRIORITY:
            pair.set("value", RESOURCE_DEFAULTS["priority"])
            text = f"set in rsc_defaults: priority={RESOURCE_DEFAULTS['priority']} (was {FORMER_PRIORITY})"
            return Change("option", "rsc_defaults", text)
    return None


def begin_maintenance(tree: cib.Tree) -> list[Change]:
    """Make Pacemaker let go of everything without stopping it.

    Whoever has ended a maintenance with crm or pcs has left a `false`, which is the default, in the set that counts
    before ours.
    """
    options = cib.section(tree, "crm_config")
    changed = cib.put_pairs(options, "cluster_property_set", OPTIONS_ID, {"maintenance-mode": "true"})
    for pair in options.xpath("cluster_property_set/nvpair[@name='maintenance-mode']"):
        if not cib.boolean(pair.get("value", "")):
            cib.drop(pair)
            changed = True
    return [Change("option", "maintenance-mode", "have Pacemaker let go of all resources")] if changed else []


def ends_maintenance(tree: cib.Tree) -> str:
    """The command that ends it. A verb of ours that has not come to its end may have stopped the cluster on servers
    whose domains run on: that is to be brought to its end."""
    is_ours = tree.find(f"{_OURS}/nvpair[@name='maintenance-mode']") is not None
    return "snow ha enable" if is_ours else "crm configure property maintenance-mode=false"


def end_maintenance(tree: cib.Tree) -> list[Change]:
    """Undo `begin_maintenance`; the administrator's own maintenance mode is another set's, and stays."""
    if not _take_out(tree, "maintenance-mode"):
        return []
    return [Change("option", "maintenance-mode", "have Pacemaker take hold of all resources again")]


def end_sizes(tree: cib.Tree) -> list[Change]:
    """Have Pacemaker go by no sizes any more, if that was ours: without the servers' it would count vcpus by CPUs."""
    if not _take_out(tree, "placement-strategy"):
        return []
    return [Change("option", "placement-strategy", "have Pacemaker go by no sizes any more")]


def _take_out(tree: cib.Tree, option: str) -> bool:
    """Take an option out of our set; whether it was there."""
    pair = tree.find(f"{_OURS}/nvpair[@name='{option}']")
    if pair is not None:
        cib.drop(pair)
    return pair is not None


def has_fencing(tree: cib.Tree) -> bool:
    """Whether there is a fencing device and nobody has switched fencing off."""
    return fencing.way(tree) != fencing.NONE


def floating_ips(tree: cib.Tree) -> tuple[Primitive, ...]:
    return cib.primitives_of(tree, "type", "IPaddr2", "IPaddr")


def put_floating_ip(tree: cib.Tree, network: Network) -> list[Change]:
    if any(p.parameters.get("ip") == network.gateway for p in floating_ips(tree)):
        return []
    values = {"ip": network.gateway, "cidr_netmask": str(network.prefix), "nic": network.bridge}
    change = Change(
        "floating-ip",
        network.gateway,
        f"configure the floating IP {network.gateway}/{network.prefix} on {network.bridge}",
    )
    primitive = cib.resource(tree, FLOATING_IP_ID)
    if primitive is None:
        primitive = cib.add(
            cib.section(tree, "resources"), "primitive",
            id=FLOATING_IP_ID, **{"class": "ocf"}, provider="heartbeat", type="IPaddr2",
        )  # fmt: skip
        operations = cib.add(primitive, "operations")
        cib.add_operation(operations, FLOATING_IP_ID, "start", 30)
        cib.add_operation(operations, FLOATING_IP_ID, "stop", 30)
        cib.add_operation(operations, FLOATING_IP_ID, "monitor", 30, interval_s=10)
    cib.put_pairs(primitive, "instance_attributes", ids.of(Kind.PARAMETERS, FLOATING_IP_ID), values)
    return [change]


def put_capacities(tree: cib.Tree, hypervisors: Mapping[str, Hypervisor]) -> list[Change]:
    """Write each server's memory and CPUs as its node's utilization, where they are not there or have changed."""
    changes = []
    for node in cib.nodes(tree):
        found = hypervisors.get(node.name)
        if found is None:
            continue
        moved = abs(found.memory_mib - node.memory_mib) > CAPACITY_TOLERANCE * node.memory_mib
        if not moved and found.cpus == node.cpus:
            continue
        element = cib.part(tree, f"configuration/nodes/node[@id='{node.id}']")
        sizes = {"hv_memory": str(found.memory_mib), "cpu": str(found.cpus)}
        if cib.put_pairs(element, "utilization", ids.of(Kind.CAPACITY, node.name), sizes, yields=True):
            text = f"give {node.name} {found.memory_mib} MiB and {found.cpus} CPUs for domains"
            changes.append(Change("capacity", node.name, text))
    return changes


def _put_missing(tree: cib.Tree, section: str, tag: str, set_id: str, wanted: Mapping[str, str]) -> Change | None:
    parent = cib.section(tree, section)
    present = cib.pairs(parent, tag)
    missing = {name: value for name, value in wanted.items() if name not in present}
    if not missing:
        return None
    cib.put_pairs(parent, tag, set_id, missing, yields=True)
    text = ", ".join(f"{name}={value}" for name, value in missing.items())
    return Change("option", section, f"set in {section}: {text}")
