"""What has failed, tried again: Pacemaker keeps a failed start in mind, and the domain off that server."""

from __future__ import annotations

from collections.abc import Sequence

from snow_ha_plugin.core import cib
from snow_ha_plugin.model import Change, ClusterState
from snow_ha_plugin.system import pacemaker


def failed(tree: cib.Tree, state: ClusterState) -> list[str]:
    """The domains that Pacemaker calls failed or blocked, and those that should run and do not."""
    domains = cib.domains(tree)
    return [
        resource.id
        for resource in state.resources
        if resource.id in domains
        and resource.managed
        and (resource.failed or resource.blocked or not _is_as_wanted(resource.role, domains[resource.id].meta))
    ]


def _is_as_wanted(role: str, meta: dict[str, str]) -> bool:
    return role != "Stopped" or cib.is_stopped(meta.get("target-role", ""))


def again(names: Sequence[str]) -> list[Change]:
    """Have Pacemaker forget the failures of these and decide anew."""
    for name in names:
        pacemaker.cleanup(name)
    return [Change("retry", name, f"try {name} again, which had failed") for name in names]
