"""One server really reset, to see that fencing works: emptied first, waited for, and taken back.

When that was is remembered at the server, in the CIB. Times are in seconds.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import TimedOutError, UnavailableError, UnsafeError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import simulation
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import change, cleaning
from snow_ha_plugin.system import fencer, waiting

# A real machine's self test and boot take minutes.
BACK_WITHIN_S = 900


def refuse(site: Site, server: str) -> None:
    """Whatever speaks against a reset of this server from here and now."""
    tree = site.cluster.read()
    simulation.require(tree, [server])
    if server == site.servers.here:
        raise UnsafeError(f"{server} would reset itself", "another server does it", "run it on another server")
    if not cib.is_online(tree, server):
        raise UnavailableError(f"{server} is not in the cluster", remedy=f"snow ha start {server}")
    if fencing.way(tree) == fencing.NONE:
        raise UnsafeError("there is no fencing to test", remedy="snow ha enable")
    outlook = simulation.Outlook(tree)
    if lost := outlook.cost(simulation.drained(tree, server, {})[0]).lost:
        raise UnsafeError(f"without {server} {', '.join(lost)} would not run", "nothing was changed", "make room first")


def domains_of(site: Site, server: str) -> list[str]:
    """To be migrated away, before it."""
    return [domain for domain, place in simulation.Outlook(site.cluster.read()).places.items() if place == server]


def reset(site: Site, server: str) -> float:
    """Have the cluster fence it, as it would fence a lost one; how long that took."""
    began = time.monotonic()
    boot = _boot(site, server)
    fencer.fence(server, 2 * Timing(site.conf.watchdog_s, len(site.servers.names)).stonith_s)
    took = time.monotonic() - began
    if not waiting.until(lambda: _boot(site, server) not in ("", boot), BACK_WITHIN_S):
        raise TimedOutError(
            f"{server} was reset, and is not back after {BACK_WITHIN_S} s",
            "it stays in standby",
            f"power it on, then: snow ha start {server}; snow ha undrain {server}",
        )
    return took


def _boot(site: Site, server: str) -> str:
    """Which boot of the server this is; empty while it does not answer."""
    try:
        return site.servers.run(server, ["cat", "/proc/1/stat"], timeout_s=10).text.split(" ")[21]
    except (UnavailableError, TimedOutError, IndexError):
        return ""


def take_back(site: Site, server: str) -> list[Change]:
    """Let it take domains again, and remember that it was reset today; it must be back in the cluster."""

    def edit(tree: cib.Tree) -> list[Change]:
        cib.put_standby(tree, server, on=False)
        return fencing.put_tested(tree, server, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    return change(site.cluster, edit, cleaning)
