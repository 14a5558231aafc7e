"""The guide's "start the cluster": on all servers at once, and waited for."""

from __future__ import annotations

from functools import partial

from snow_ha_plugin.errors import UnavailableError, UnsafeError
from snow_ha_plugin.guide import qdevice
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import ClusterState, Finding, NodeState, Severity
from snow_ha_plugin.operations import joining
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import pacemaker


def state(site: Site) -> ClusterState:
    """What crm_mon says, once for all sections that look."""
    return pacemaker.state(run=partial(site.servers.run, site.servers.here, looks=True))


def check(site: Site) -> list[Finding]:
    try:
        offline = _offline(site)
    except UnavailableError as error:
        return [Finding(Severity.ERROR, "cluster-down", str(error), "snow ha enable")]
    return [
        Finding(
            Severity.ERROR, "server-offline", f"{name} is not online in the cluster", "snow ha enable", subject=name
        )
        for name in offline
    ]


def apply(site: Site) -> None:
    servers = site.servers
    joining.start(site, [name for name in servers.names if name not in servers.silent], sorted(servers.silent))
    qdevice.wait_for_votes(site)


def _offline(site: Site) -> list[str]:
    seen = state(site)
    online = {node.name for node in seen.nodes if node.online} if seen.quorum else set()
    return [name for name in site.servers.names if name not in online and name not in site.servers.silent]


def check_left(site: Site) -> list[Finding]:
    try:
        left = _left(site)
    except UnavailableError:
        return []
    return [
        Finding(
            Severity.ERROR,
            "server-left",
            f"{node.name} has left, and Pacemaker still counts with it",
            "snow ha enable",
            subject=node.name,
        )
        for node in left
    ]


def forget_left(site: Site) -> None:
    """What a server ran that was not fenced may run there still: it is not forgotten."""
    for node in _left(site):
        if node.unclean:
            raise UnsafeError(
                f"{node.name} was lost, and what it ran may still run there",
                "it is not in SNOW_NODES",
                f"have it there once more, then snow ha confirm-off {node.name}",
            )
        pacemaker.forget_node(node.name)


def _left(site: Site) -> list[NodeState]:
    seen = state(site)
    gone = [node for node in seen.nodes if not node.online and node.name not in site.servers.names]
    return gone if seen.quorum else []


STEP = Step(
    "start", "Cluster running", check, apply, "Pacemaker waits 20 s (dc-deadtime) for servers that may run already"
)
LEFT = Step("left", "Servers that have left forgotten", check_left, forget_left)
