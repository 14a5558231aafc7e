"""A server out of service and back: Pacemaker's standby, which migrates its domains away and lets none come."""

from __future__ import annotations

from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import NoSuchObjectError
from snow_ha_plugin.model import Change
from snow_ha_plugin.steps import foresight
from snow_ha_plugin.steps.change import change
from snow_ha_plugin.steps.foresight import Outcome
from snow_ha_plugin.system import pacemaker
from snow_ha_plugin.system.pacemaker import Store

# Two at a time (migration-limit), for a server full of large domains.
EMPTY_WITHIN_S = 3600


def drained(tree: cib.Tree, server: str) -> Outcome:
    """Where Pacemaker would bring the domains of a server in standby."""
    imagined = cib.clone(tree)
    _require(imagined, server)
    cib.put_standby(imagined, server, on=True)
    return foresight.outcome(tree, imagined)


def put(store: Store, server: str, *, on: bool, dry_run: bool = False) -> list[Change]:
    def edit(tree: cib.Tree) -> list[Change]:
        _require(tree, server)
        text = f"{server} takes no domains" if on else f"{server} takes domains again"
        return [Change("standby", server, text)] if cib.put_standby(tree, server, on=on) else []

    return change(store, edit, dry_run=dry_run)


def is_empty(tree: cib.Tree, server: str) -> bool:
    """Whether no domain that Pacemaker looks after is left there."""
    domains = cib.domains(tree)
    return not any(
        server in resource.servers
        for resource in pacemaker.state(tree).resources
        if resource.id in domains and resource.managed
    )


def _require(tree: cib.Tree, server: str) -> None:
    known = [node.name for node in cib.nodes(tree)]
    if server not in known:
        raise NoSuchObjectError(
            f"there is no server {server}", f"the cluster has {', '.join(known)}", "see snow ha status"
        )
