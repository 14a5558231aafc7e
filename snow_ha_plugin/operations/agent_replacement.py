"""Changing the agent of domains that were registered by hand, from ocf:heartbeat:Xen to ours, while they run.

Pacemaker restarts a resource whose agent changes. So it lets go of these first, probes them with the new agent,
and takes hold of them again once each was found where it is. A run that was killed leaves them held, which
`status` shows, and the next run goes on from there.
"""

from __future__ import annotations

from snow_ha_plugin.core.configure import agents
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations.registration import forget
from snow_ha_plugin.operations.transaction import change, undisturbed, unsaid, whereabouts
from snow_ha_plugin.system import pacemaker
from snow_ha_plugin.system.cluster import Cluster
from snow_ha_plugin.system.servers import Servers

IDLE_WITHIN_S = 300


def replace(cluster: Cluster, servers: Servers | None, *, dry_run: bool = False) -> list[Change]:
    """Run every domain with ocf:snow:Xen; `servers` is None for a CIB in a file.

    UnsafeError, and the domains stay held, if the new agent does not find one where it runs.
    """
    names = agents.to_replace(cluster.read())
    if not names:
        return []
    # A failure while Pacemaker lets go of them costs more, for the moment that this takes.
    judge = undisturbed(tell=unsaid)
    if servers is None:
        return change(cluster, lambda tree: agents.replace(tree, names), judge, dry_run=dry_run)
    # What Pacemaker would refuse later would leave them held.
    planned = change(cluster, lambda tree: agents.hold(tree, names) + agents.replace(tree, names), judge, dry_run=True)
    if dry_run:
        return planned
    change(cluster, lambda tree: agents.hold(tree, names), judge)
    pacemaker.wait_idle(IDLE_WITHIN_S)
    done = change(cluster, lambda tree: agents.replace(tree, names), judge)
    forget(cluster, names)
    pacemaker.wait_idle(IDLE_WITHIN_S)
    _refuse_lost(cluster, servers, names)
    return done + change(cluster, lambda tree: agents.release(tree, names), judge)


def _refuse_lost(cluster: Cluster, servers: Servers, names: list[str]) -> None:
    seen = {resource.id: resource.servers for resource in pacemaker.state().resources}
    for name, server in sorted(whereabouts(servers)(cluster.read(), set(names)).items()):
        found = seen.get(name, ())
        if found != ((server,) if server else ()):
            raise UnsafeError(
                f"{agents.OURS} does not see {name} where it is",
                f"it runs on {server or 'no server'}, Pacemaker sees it on {' and '.join(found) or 'none'}",
                "Pacemaker keeps its hands off; see crm_mon, then run the same command again",
            )
