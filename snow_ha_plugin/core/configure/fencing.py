"""Fencing: which ways there are, every time that belongs to them, and what of it stands in the CIB.

All times follow from one number, the watchdog's. docs/guarantees.md has the argument. Times are in seconds.

Longer than others: what the devices, levels and options say must fit the times, and is best seen beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from snow_ha_plugin.core import cib, corosync
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.model import Change, Primitive

# sbd's pills alone; BMCs with the pills behind them; what somebody else has configured; nothing at all.
SBD, IPMI, BY_HAND, NONE = "sbd", "ipmi", "by-hand", "none"
CHOICES = (SBD, IPMI, NONE)

# The set of cluster options that is ours.
OPTIONS_ID = ids.of(Kind.OPTIONS)
SBD_ID = f"{ids.OURS}sbd"
IPMI_PREFIX = f"{ids.OURS}ipmi-"
DEVICE = "/dev/snow-ha-sbd"
# A server's own attribute.
TESTED = "snow-ha-fencing-tested"

DEFAULT_WATCHDOG_S = 15
# Below, a busy Domain-0 misses its own watchdog; above, nobody waits for a failover.
LEAST_WATCHDOG_S, MOST_WATCHDOG_S = 5, 120

# The priority of the one device that always runs somewhere, and of the others. Where both sides of a split have the
# same priority, Pacemaker delays neither, and each shoots the other (Pacemaker Explained, priority-fencing-delay): all
# else has even ones.
TIE_BREAKER, NO_PRIORITY = "1", "0"

# How much longer than its watchdog a lost server may live: an access to its disk that saw no pill may be under way
# for 3 s, and counts for 4 (sbd(8), Timeout io and loop).
DISK_S = 7
# Clocks run apart, but hardly more than this.
DRIFT = 1.01
# For the fence agent itself, a Python program on a server that has just lost its peer.
AGENT_S = 30
START_S = 60
# fence_ipmilan's own power_timeout is 20 s: a BMC that died with its server costs that, then sbd has its turn.
IPMI_REBOOT_S = 30


class Timing(NamedTuple):
    """What follows from the watchdog's seconds and the number of servers."""

    watchdog_s: int
    servers: int = 2
    third_vote: bool = False

    @property
    def msgwait_s(self) -> int:
        """How long a poisoned server has until it counts as dead.

        Twice its watchdog, and what a disk costs: an sbd that was held up for nearly the watchdog's time, and goes on,
        believes for a moment what it heard before (docs/guarantees.md).
        """
        return math.ceil(DRIFT * (2 * self.watchdog_s + DISK_S))

    @property
    def loss_s(self) -> float:
        """From the loss of a server to a new membership: token and consensus, 1.2 tokens (corosync.conf(5))."""
        return 2.2 * corosync.token_ms(self.servers) / 1000

    @property
    def reboot_s(self) -> int:
        """What Pacemaker gives the agent, which waits for all of msgwait once the server has left the membership."""
        return self.msgwait_s + math.ceil(self.loss_s) + AGENT_S

    @property
    def stonith_s(self) -> int:
        return self.reboot_s + AGENT_S

    @property
    def priority_delay_s(self) -> int:
        """How much later the server with more domains is shot: by then it has shot the other, which is dead.

        With a third vote only one of two can shoot.
        """
        return 0 if self.third_vote else max(5, math.ceil(2 * self.watchdog_s / 3))


class Found(NamedTuple):
    """The times in force on one server: its armed watchdog's, those in the pill file, sbd's own and corosync's."""

    server: str
    watchdog_s: int | None
    disk_watchdog_s: int | None
    msgwait_s: int | None


def contradictions(found: Iterable[Found]) -> list[str]:
    """Where times in force break the proof that a poisoned server is dead before it counts as dead.

    A server's last tickle comes at most DISK_S after it is poisoned, and its watchdog ends it W later; the others
    wait msgwait from the pill on.
    """
    complaints = []
    for each in found:
        if each.watchdog_s is None:
            complaints.append(f"the watchdog of {each.server} is not armed")
        elif each.disk_watchdog_s is None or each.msgwait_s is None:
            complaints.append(f"{each.server} cannot read the times in sbd's disk")
        elif each.watchdog_s != each.disk_watchdog_s:
            complaints.append(
                f"the watchdog of {each.server} is armed with {each.watchdog_s} s, sbd's disk says"
                f" {each.disk_watchdog_s} s"
            )
        elif DRIFT * (DISK_S + each.watchdog_s) >= each.msgwait_s:
            complaints.append(
                f"{each.server} may live for {DISK_S + each.watchdog_s} s after a poison pill,"
                f" and counts as dead after {each.msgwait_s} s"
            )
    return complaints


# --- what is there


def devices(tree: cib.Tree) -> tuple[Primitive, ...]:
    """The fencing devices that are not switched off."""
    return tuple(
        primitive
        for primitive in cib.primitives_of(tree, "class", "stonith")
        if not cib.is_stopped(primitive.meta.get("target-role", ""))
    )


def is_ours(device: Primitive) -> bool:
    return ids.is_ours(device.id)


def is_by_hand(tree: cib.Tree) -> bool:
    """Whether somebody else has configured fencing that is in force, also a watchdog without any device."""
    if not cib.option_is_on(tree, "stonith-enabled", default=True):
        return False
    diskless = cib.interval_s(cib.options(tree).get("stonith-watchdog-timeout", "0")) != 0
    return any(not is_ours(device) for device in devices(tree)) or (diskless and cib.resource(tree, SBD_ID) is None)


def way(tree: cib.Tree) -> str:
    """How the cluster of this CIB fences now."""
    if not cib.option_is_on(tree, "stonith-enabled", default=True):
        return NONE
    if is_by_hand(tree):
        return BY_HAND
    ids = [device.id for device in devices(tree)]
    if any(device.startswith(IPMI_PREFIX) for device in ids):
        return IPMI
    return SBD if SBD_ID in ids else NONE


def is_last_one_weak(tree: cib.Tree) -> bool:
    """Whether a stall of the shared file system resets one of two servers that is left alone (sbd, two_node), unless a
    third vote keeps it up."""
    return len(cib.nodes(tree)) == 2 and way(tree) in (SBD, IPMI)


def tested(tree: cib.Tree) -> dict[str, str]:
    """When each server was last reset by `fencing test`, in UTC as ISO 8601 has it; empty for never.

    Of two entries of one name, after another nodeid, either may have it.
    """
    found = {node.name: "" for node in cib.nodes(tree)}
    for node in tree.iterfind("configuration/nodes/node"):
        name = node.get("uname", "")
        if name in found:
            found[name] = max(found[name], cib.pairs(node, "instance_attributes").get(TESTED, ""))
    return found


# --- changes


def put_tested(tree: cib.Tree, server: str, when: str) -> list[Change]:
    """In its entry that is in force alone, since no two sets have one id."""
    set_id, current = ids.of(Kind.ATTRIBUTES, server), {node.id for node in cib.nodes(tree)}
    for node in tree.xpath("configuration/nodes/node[@uname=$name]", name=server):
        if node.get("id") in current:
            cib.put_pairs(node, "instance_attributes", set_id, {TESTED: when})
        else:
            for stale in node.xpath("instance_attributes[@id=$id]", id=set_id):
                cib.drop(stale)
    return [Change("tested", server, f"note that fencing of {server} was tested at {when}")]


def put(tree: cib.Tree, names: Sequence[str], timing: Timing, bmcs: Mapping[str, str]) -> list[Change]:
    """Write our devices and the options that belong to them.

    `bmcs` maps servers to the host names of their BMCs: of all servers, or empty for sbd alone.
    """
    changes = _put_sbd(tree, names, timing) + _remove_bmcs(tree, bmcs)
    for name in names:
        if name in bmcs:
            changes += _put_ipmi(tree, name, bmcs[name])
    changes += _put_topology(tree, names if bmcs else ())
    return changes + _put_options(tree, timing)


def _put_sbd(tree: cib.Tree, names: Sequence[str], timing: Timing) -> list[Change]:
    parameters = {
        "devices": DEVICE,
        # A list is nothing to ask a disk for that may hang at the moment.
        "pcmk_host_list": " ".join(sorted(names)),
        "pcmk_host_check": "static-list",
        "pcmk_reboot_timeout": f"{timing.reboot_s}s",
        "pcmk_off_timeout": f"{timing.reboot_s}s",
    }
    text = f"fence by sbd: watchdog {timing.watchdog_s} s, dead after {timing.msgwait_s} s"
    change = Change("fencing", SBD_ID, text)
    return _put_device(tree, SBD_ID, "fence_snow_sbd", parameters, change, priority=TIE_BREAKER)


def _put_device(
    tree: cib.Tree, device: str, agent: str, parameters: Mapping[str, str], change: Change, *, priority: str
) -> list[Change]:
    """A device without a recurring monitor, which would only hang with what it watches."""
    element = cib.resource(tree, device)
    is_new = element is None
    if element is None:
        element = cib.add(
            cib.section(tree, "resources"), "primitive", id=device, **{"class": "stonith"}, type=agent
        )  # fmt: skip
        operations = cib.add(element, "operations")
        cib.add_operation(operations, device, "start", START_S)
    changed = cib.put_pairs(element, "instance_attributes", ids.of(Kind.PARAMETERS, device), parameters)
    changed |= cib.put_pairs(element, "meta_attributes", ids.of(Kind.META, device), {"priority": priority})
    return [change] if is_new or changed else []


def _put_ipmi(tree: cib.Tree, server: str, bmc: str) -> list[Change]:
    device = f"{IPMI_PREFIX}{server}"
    parameters = {
        "ip": bmc,
        "pcmk_host_list": server,
        "pcmk_host_check": "static-list",
        # Ends only when the BMC says "off"; a cycle has let both sides run.
        "method": "onoff",
        "lanplus": "1",
        "cipher": "3",
        "power_wait": "2",
        # The user and password it takes from snow.conf by itself, so that no command line has them.
        "ipmitool_path": IPMITOOL,
        "pcmk_reboot_timeout": f"{IPMI_REBOOT_S}s",
        "pcmk_reboot_retries": "1",
    }
    change = Change("fencing", device, f"fence {server} by {bmc}")
    changes = _put_device(tree, device, "fence_ipmilan", parameters, change, priority=NO_PRIORITY)
    return changes + _keep_off(tree, device, server)


def _remove_bmcs(tree: cib.Tree, wanted: Mapping[str, str]) -> list[Change]:
    """Take out the devices of BMCs that are none any more, and of servers that have left."""
    gone = [
        device.id
        for device in cib.primitives_of(tree, "class", "stonith")
        if device.id.startswith(IPMI_PREFIX) and device.id.removeprefix(IPMI_PREFIX) not in wanted
    ]
    for device in gone:
        cib.remove_resource(tree, device)
    return [Change("fencing", device, f"remove the fencing device {device}") for device in gone]


# In the place of ipmitool: reads user and password from snow.conf and hands them over where nobody sees them.
IPMITOOL = "/usr/share/snow-ha/ipmitool"


def _keep_off(tree: cib.Tree, device: str, server: str) -> list[Change]:
    """A device never runs on the server that it fences."""
    section = cib.section(tree, "constraints")
    rule = ids.of(Kind.ELSEWHERE, device)
    if any(element.get("id") == rule for element in section):
        return []
    cib.add(section, "rsc_location", id=rule, rsc=device, node=server, score="-INFINITY")
    return [Change("fencing", device, f"keep {device} off {server} itself")]


def _put_topology(tree: cib.Tree, names: Sequence[str]) -> list[Change]:
    """BMC first, the pill where that does not answer; without BMCs no topology of ours."""
    section = cib.section(tree, "fencing-topology") if names else tree.find("configuration/fencing-topology")
    if section is None:
        return []
    present = {level.get("id", ""): level for level in section.iterchildren("fencing-level")}
    wanted = {
        ids.of(Kind.LEVEL, name, part=str(index)): (name, str(index), device)
        for name in names
        for index, device in ((1, f"{IPMI_PREFIX}{name}"), (2, SBD_ID))
    }
    changes = []
    for level_id, (name, index, device) in wanted.items():
        if level_id not in present:
            cib.add(section, "fencing-level", id=level_id, target=name, index=index, devices=device)
            changes.append(Change("fencing", name, f"fence {name} by {device} at level {index}"))
    for level_id, level in present.items():
        if ids.is_a(level_id, Kind.LEVEL) and level_id not in wanted:
            section.remove(level)
            changes.append(Change("fencing", level_id, f"remove the fencing level {level_id}"))
    if section.find("fencing-level") is None:
        cib.drop(section)
    return changes


def _put_options(tree: cib.Tree, timing: Timing) -> list[Change]:
    values = {
        "stonith-watchdog-timeout": "0",
        "stonith-timeout": f"{timing.stonith_s}s",
        # A server that hears of its own fencing must not go on, nor shut anything down in an orderly way.
        "fence-reaction": "panic",
        "stonith-enabled": "true",
    }
    if timing.servers == 2:
        values["priority-fencing-delay"] = f"{timing.priority_delay_s}s"
    if cib.options(tree).get("no-quorum-policy", "").lower() == "ignore":
        values["no-quorum-policy"] = "stop"
    before = cib.options(tree)
    changed = {name: value for name, value in values.items() if cib.put_option(tree, OPTIONS_ID, name, value)}
    if not changed:
        return []
    text = ", ".join(
        f"{name}={value}" + (f" (was {before[name]})" if name in before else "") for name, value in changed.items()
    )
    return [Change("option", "fencing", f"set in crm_config: {text}")]
