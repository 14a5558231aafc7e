"""What `balance` had decided before `disable`, in force again once the domains run."""

from __future__ import annotations

from snow_ha_plugin.core.configure import kept
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations.transaction import Tell, change, cleaning, undisturbed, unsaid
from snow_ha_plugin.system.cluster import Cluster


def put_back(cluster: Cluster, tell: Tell) -> list[Change]:
    """Rules that would move a domain by now (--failback), or cost one in a failure, are told and let go of."""
    try:
        return change(cluster, kept.put_back, undisturbed(tell=unsaid))
    except UnsafeError as error:
        tell(f"the rules of balance from before disable are dropped: {error.message}; see snow ha balance")
        return change(cluster, kept.forget, cleaning)
