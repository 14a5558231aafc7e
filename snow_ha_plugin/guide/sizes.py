"""Sizes in force: Pacemaker overfills no server, also in a failover before the first `balance`."""

from __future__ import annotations

from functools import partial

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import location
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations.transaction import change, undisturbed
from snow_ha_plugin.system.cluster import Cluster


def put_in_force(cluster: Cluster, *, dry_run: bool = False) -> list[Change]:
    """With vcpus, else by memory alone: where the scheduler disturbs nothing for it, and no failure costs more.

    Nothing where a size is unknown or no way is like that; `balance` makes room.
    """
    for vcpus in (True, False):
        try:
            return change(cluster, partial(edit, vcpus=vcpus), undisturbed(), dry_run=dry_run)
        except UnsafeError:
            continue
    return []


def edit(tree: cib.Tree, *, vcpus: bool = True) -> list[Change]:
    sized = all(node.memory_mib and node.cpus for node in cib.nodes(tree)) and all(
        {"hv_memory", "cpu"} <= domain.utilization.keys() for domain in cib.domains(tree).values()
    )
    return location.put_sizes_in_force(tree, vcpus=vcpus) if sized else []
