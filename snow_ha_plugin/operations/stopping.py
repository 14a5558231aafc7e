"""The cluster stopped on servers without anything happening to domains: Pacemaker lets go first, and stays so."""

from __future__ import annotations

from collections.abc import Sequence

from snow_ha_plugin.core.configure import cluster_options
from snow_ha_plugin.errors import UnavailableError, UnsafeError
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import change, cleaning
from snow_ha_plugin.system import pacemaker
from snow_ha_plugin.system.servers import Servers

SERVICES = ("corosync", "pacemaker")

STOPPED_WITHIN_S = 300
IDLE_WITHIN_S = 300


def running(site: Site) -> list[str]:
    """The servers on which Pacemaker runs; UnavailableError where only another server is still in the cluster."""
    found = [name for name, active in site.servers.each(lambda name: is_active(site.servers, name)).items() if active]
    if found and site.servers.here not in found:
        raise UnavailableError(
            f"Pacemaker runs on {', '.join(found)}, and not on this server",
            remedy=f"run the same command on {found[0]}",
        )
    return found


def is_active(servers: Servers, server: str, timeout_s: float = 60) -> bool:
    """Whether Pacemaker runs on a server, be it in the cluster or not."""
    return servers.run(server, ["systemctl", "--quiet", "is-active", "pacemaker"], timeout_s=timeout_s).ok


def let_go(site: Site) -> None:
    """Have Pacemaker let go of all domains; UnsafeError where it says that it has not, and stopping it would stop
    them."""
    change(site.cluster, cluster_options.begin_maintenance, cleaning)
    pacemaker.wait_idle(IDLE_WITHIN_S)
    if not site.cluster.state(site.cluster.read()).maintenance:
        raise UnsafeError(
            "Pacemaker does not let go of the domains",
            "something outranks maintenance-mode=true",
            "see crm configure show, and try again",
        )


def stop(site: Site, servers: Sequence[str]) -> None:
    argv = ["systemctl", "stop", *reversed(SERVICES)]
    site.servers.each(lambda name: site.servers.must(name, argv, timeout_s=STOPPED_WITHIN_S), servers)


def in_order(site: Site, servers: Sequence[str]) -> list[list[str]]:
    """The others first: as long as this server is a member, a run that was killed can be run again."""
    here = site.servers.here
    groups = [[name for name in servers if name != here], [name for name in servers if name == here]]
    return [group for group in groups if group]
