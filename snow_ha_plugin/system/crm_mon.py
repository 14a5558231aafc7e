"""What crm_mon's XML says of the cluster; crm_simulate's has the same in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import ClusterState, FailedAction, NodeState, ResourceState

# Of all that it knows what is read here: with histories it would say twice as much.
STATE = ("crm_mon", "--one-shot", "--inactive", "--include=none,dc,options,nodes,resources,failures", "--output-as=xml")

# OCF 1.1: a resource runs, and not as it should.
DEGRADED = "190"


def parse_state(data: bytes) -> ClusterState:
    """crm_mon's XML (api-result of Pacemaker 2.1 and 3.0).

    UnavailableError where it has no state: crm_mon may say so with exit status 0, and nothing must read as stopped.
    """
    root = etree.fromstring(data)
    if root.find("summary") is None:
        errors = [error.text or "" for error in root.iterfind("status/errors/error")]
        raise UnavailableError("crm_mon does not know the cluster's state", " ".join(errors), "see crm_mon --one-shot")
    dc = root.find("summary/current_dc")
    options = root.find("summary/cluster_options")
    return state_in(
        root,
        quorum=dc is not None and dc.get("with_quorum") == "true",
        maintenance=options is not None and options.get("maintenance-mode") == "true",
        dc=dc.get("name", "") if dc is not None else "",
    )


def state_in(root: cib.Tree, *, quorum: bool = True, maintenance: bool = False, dc: str = "") -> ClusterState:
    """The members and resources in crm_mon's XML, or in the part of crm_simulate's that is like it.

    Of a name that two entries have, the member is the one that is online: the other is left over from another id.
    """
    members: dict[str, NodeState] = {}
    for node in root.iterfind("nodes/node"):
        if node.get("type", "member") == "member":
            found = _node_state(node)
            if found.online or found.name not in members:
                members[found.name] = found
    return ClusterState(
        quorum=quorum,
        maintenance=maintenance,
        nodes=tuple(members.values()),
        resources=_one_of_each(map(_resource_state, root.iterfind("resources//resource"))),
        failures=tuple(_failed_action(failure) for failure in root.iterfind("failures/failure")),
        dc=dc,
    )


def _failed_action(failure: cib.Tree) -> FailedAction:
    """`op_key` is RESOURCE_TASK_INTERVAL; its task is told once more, since a name may hold what parts them."""
    task, interval = failure.get("task", ""), failure.get("interval", "0")
    return FailedAction(
        resource=failure.get("op_key", "").removesuffix(f"_{task}_{interval}"),
        server=failure.get("node", ""),
        task=task,
        reason=failure.get("exitreason") or failure.get("exitstatus") or "",
        when=epoch_s(failure.get("last-rc-change", "")),
        degraded=failure.get("exitcode") == DEGRADED,
    )


def epoch_s(text: str) -> int:
    """A time as Pacemaker prints it, in seconds since 1970; 0 for what is none."""
    try:
        return int(datetime.fromisoformat(re.sub(r" (?=[+-]\d)", "", text)).timestamp())
    except ValueError:
        return 0


def _node_state(node: cib.Tree) -> NodeState:
    """A node that is joining (`pending`) is online for crm_mon."""
    says = {
        key: node.get(key) == "true"
        for key in ("online", "pending", "standby", "maintenance", "unclean", "shutdown", "standby_onfail")
    }
    return NodeState(
        name=node.get("name", ""),
        online=says["online"] and not says["pending"],
        standby=says["standby"] or says["standby_onfail"],
        maintenance=says["maintenance"],
        unclean=says["unclean"],
        leaving=says["shutdown"],
        health=node.get("health", "green"),
        joining=says["online"] and says["pending"],
    )


def _one_of_each(instances: Iterable[ResourceState]) -> tuple[ResourceState, ...]:
    """The instances of an anonymous clone have one id: together they are wherever one of them is."""
    found: dict[str, ResourceState] = {}
    for each in instances:
        other = found.get(each.id, each)
        found[each.id] = (other if other.servers else each)._replace(
            servers=tuple(dict.fromkeys((*other.servers, *each.servers))),
            failed=other.failed or each.failed,
            blocked=other.blocked or each.blocked,
        )
    return tuple(found.values())


def _resource_state(resource: cib.Tree) -> ResourceState:
    return ResourceState(
        id=resource.get("id", ""),
        role=resource.get("role", ""),
        servers=tuple(node.get("name", "") for node in resource.iterfind("node")),
        managed=resource.get("managed") == "true",
        failed=resource.get("failed") == "true",
        blocked=resource.get("blocked") == "true",
        pending=resource.get("pending", ""),
        orphaned=resource.get("orphaned") == "true",
        agent=resource.get("resource_agent", ""),
        cloned=next(resource.iterancestors("clone", "bundle"), None) is not None,
    )
