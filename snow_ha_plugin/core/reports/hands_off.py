"""Why Pacemaker keeps its hands off a domain, of the several ways to tell it to, and what ends that."""

from __future__ import annotations

from dataclasses import dataclass

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.model import ClusterState


@dataclass(frozen=True)
class HandsOff:
    """`is_wider`: more is concerned than this domain, and told of the server or the cluster; `is_held`: by `hold`."""

    why: str
    remedy: str
    is_wider: bool = False
    is_held: bool = False


def of(tree: cib.Tree, state: ClusterState, name: str) -> HandsOff | None:
    """None where Pacemaker looks after it; the widest reason first, since the others change nothing while it holds."""
    if state.maintenance:
        return HandsOff("the cluster is in maintenance mode", "crm configure property maintenance-mode=false", True)
    resource = next((each for each in state.resources if each.id == name), None)
    if resource is None or resource.managed:
        return None
    for node in state.nodes:
        if node.maintenance and node.name in resource.servers:
            return HandsOff(f"{node.name} is in maintenance", f"crm node ready {node.name}", True)
    if cib.boolean(cib.meta(tree, name, "maintenance", "false")):
        return HandsOff("it is in maintenance", f"crm resource maintenance {name} off")
    if intent.is_held(tree, name):
        return HandsOff("it is held", f"snow ha release {name}", is_held=True)
    return HandsOff("it is not managed", f"see crm_resource --why --resource {name}")
