"""Live migrations that Pacemaker itself began (standby, a clean shutdown, failback) and that failed.

The domain is blocked, and runs on (core.configure.migration). Looked at anew, it is found where it is, and Pacemaker
tries again at once. After ATTEMPTS it stays blocked: until `release`, or until the failure-timeout is over, when
Pacemaker itself tries again.

On a server that shuts down it must not be looked at anew: the server would leave without it meanwhile. There its
failure runs out at once instead, and Pacemaker tries again; after ATTEMPTS the domain, which cannot stay, is stopped,
and started elsewhere. So is one at once that this server does not have any more: it died before it could be migrated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration
from snow_ha_plugin.core.reports.alerts import Alert
from snow_ha_plugin.core.reports.events import Kind
from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import moves
from snow_ha_plugin.operations.transaction import change, cleaning
from snow_ha_plugin.system import pacemaker, record
from snow_ha_plugin.system.cluster import Cluster

ATTEMPTS = 3


def blocked(tree: cib.Tree) -> list[str]:
    """The domains of ours that a failed migration blocks, but those that a verb holds, which looks at them itself."""
    ours = migration.blocks(tree) - migration.held(tree)
    return [
        resource.id
        for resource in pacemaker.state(tree).resources
        if resource.blocked and resource.id in ours and cib.failed_migrations(tree, resource.id)
    ]


def look(cluster: Cluster, seen: Sequence[Alert], here: str) -> bool:
    """Have what could not be migrated, and is in nobody's hands, looked at anew; whether there was any to look at.

    `seen` are the events that this server has seen of it: the one where a migration failed takes care.
    """
    tries = _failures(seen, here)
    if not tries:
        return False
    tree = cluster.read()
    if cib.is_shutting_down(tree, here) or _has_nowhere_to_go(tree, here):
        return False
    again = [name for name in blocked(tree) if 0 < tries[name] < ATTEMPTS]
    moves.look_anew(cluster, again)
    return bool(again)


def while_leaving(cluster: Cluster, tree: cib.Tree, seen: Sequence[Alert], here: str) -> None:
    """Where this server shuts down, by the CIB of now: have Pacemaker try again what could not be migrated, or give it
    up.

    How often it was tried is on record: Pacemaker does so in its own time, perhaps when another process looks.
    """
    failed, since = set(_failures(seen, here)), cib.shutting_down_since(tree, here)
    ours = failed & migration.blocks(tree) - migration.held(tree)
    if not (ours and since):
        return
    since = migration.leaving_since(tree) or since
    recorded = record.read(since).events
    tries = Counter(event.subject for event in recorded if event.kind == Kind.FAILURE and event.server == here)
    tired = sorted({name for name in ours if tries[name] >= ATTEMPTS} | _gone(cluster, ours))
    others = {name: tries[name] for name in sorted(ours.difference(tired))}

    def edit(tree: cib.Tree) -> list[Change]:
        return migration.retry(tree, others, since) + migration.end_live(tree, tired)

    change(cluster, edit, cleaning)


def _gone(cluster: Cluster, domains: set[str]) -> set[str]:
    """Of these domains those that this server certainly has nothing of."""
    try:
        here = {guest.partition("--")[0] for guest in cluster.guests()}
    except SnowHaError:
        return set()
    # One that xenstore has no name of may be any of them.
    return set() if not here or "(null)" in here else domains - here


def _failures(seen: Sequence[Alert], here: str) -> Counter[str]:
    return Counter(alert.resource for alert in seen if alert.failed_migration and alert.node == here)


def _has_nowhere_to_go(tree: cib.Tree, here: str) -> bool:
    """Whether Pacemaker would stop what it found running here: in standby, with no other server in service."""
    nodes = pacemaker.state(tree).nodes
    stays = any(node.name == here and node.standby and not node.leaving for node in nodes)
    return stays and not any(node.serves for node in nodes)


def settle(cluster: Cluster) -> None:
    """Let domains migrate as ever again that could not while their server shut down, once none does."""
    tree = cluster.read()
    if migration.passing(tree) and not any(cib.is_shutting_down(tree, node.name) for node in cib.nodes(tree)):
        change(cluster, migration.end_passing, cleaning)
