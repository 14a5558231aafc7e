"""One server really reset, to see that fencing works: emptied first, waited for, and taken back.

When that was is remembered at the server, in the CIB. Times are in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import SnowHaError, TimedOutError, UnavailableError, UnsafeError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import simulation
from snow_ha_plugin.operations.simulation import Outcome
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import change, cleaning
from snow_ha_plugin.system import fencer, waiting

# A real machine's self test and boot take minutes.
BACK_WITHIN_S = 900

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def refuse(site: Site, server: str) -> Outcome:
    """Whatever speaks against a reset of this server from here and now; what it leads to, where nothing does."""
    tree = site.cluster.read()
    simulation.require(tree, [server])
    if server == site.servers.here:
        raise UnsafeError(f"{server} would reset itself", "another server does it", "run it on another server")
    if not cib.is_online(tree, server):
        raise UnavailableError(f"{server} is not in the cluster", remedy=f"snow ha start {server}")
    if fencing.way(tree) == fencing.NONE:
        raise UnsafeError("there is no fencing to test", remedy="snow ha enable")
    outcome, _ = simulation.drained(tree, server, {})
    if lost := simulation.Outlook(tree).cost(outcome).lost:
        raise UnsafeError(f"without {server} {', '.join(lost)} would not run", "nothing was changed", "make room first")
    return outcome


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
            f"{server} was reset, and is not back after {BACK_WITHIN_S} s", "it stays in standby", "power it on"
        )
    return took


def _boot(site: Site, server: str) -> str:
    """Which boot of the server this is; empty while it does not answer.

    When its first process began (proc(5)) may be the same tick in each boot of a machine, and the boot's id is the
    same in each of a container that shares it with its host: together they are another in every boot.
    """
    try:
        told = site.servers.run(server, ["cat", "/proc/1/stat", BOOT_ID], timeout_s=10).text
        stat, boot_id = told.splitlines()
        return f"{stat.split(' ')[21]} {boot_id}"
    except (UnavailableError, TimedOutError, IndexError, ValueError):
        return ""


def left_to_do(server: str, *, drained: bool) -> str:
    """What a test that ends too early leaves to do, by whether the server was drained before."""
    return f"snow ha start {server}" if drained else f"snow ha start {server}; snow ha undrain {server}"


@contextmanager
def telling(left: str) -> Iterator[None]:
    """An error tells what is left to do as well."""
    try:
        yield
    except SnowHaError as error:
        error.remedy = f"{error.remedy}, then: {left}" if error.remedy else left
        raise


def take_back(site: Site, server: str, *, drained: bool) -> list[Change]:
    """Let it take domains again, unless it was drained before, and remember that it was reset today; it must be back
    in the cluster."""

    def edit(tree: cib.Tree) -> list[Change]:
        if not drained:
            cib.put_standby(tree, server, on=False)
        return fencing.put_tested(tree, server, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    return change(site.cluster, edit, cleaning)
