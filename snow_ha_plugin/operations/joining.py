"""Servers that come into the cluster: after a power loss or a fencing, or one alone, where the others are dead.

Times are seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from snow_ha_plugin.core import corosync
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoQuorumError,
    NoSuchObjectError,
    SnowHaError,
    TimedOutError,
    UnavailableError,
    UnsafeError,
)
from snow_ha_plugin.model import ClusterState
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.stopping import SERVICES, is_active
from snow_ha_plugin.system import bmc, crm_mon, fencer, waiting, xen
from snow_ha_plugin.system.servers import LeftOut, Servers

# Corosync forms a ring in seconds; Pacemaker waits 20 s (dc-deadtime) for older members before it elects a DC.
ONLINE_WITHIN_S = 120
# Longer than any stonith-timeout that follows from a watchdog of a minute.
FENCED_WITHIN_S = 240
# For the votes of servers that were just started.
QUORUM_WITHIN_S = 30
# Whose Pacemaker has no quorum by then is not on its way: its corosync has another key than the others, or had.
OUTSIDE_AFTER_S = 60
REACHED_WITHIN_S = 10

CONF = "/etc/corosync/corosync.conf"


def unclean(servers: Servers, server: str) -> set[str]:
    """The servers that wait to be fenced by the cluster that this one is in; none where it cannot fence."""
    state = seen_by(servers, server)
    return {node.name for node in state.nodes if node.unclean} if state and state.quorum else set()


def seen_by(servers: Servers, server: str) -> ClusterState | None:
    """The cluster as a server sees it; None where it is in none."""
    result = servers.run(server, crm_mon.STATE)
    try:
        return crm_mon.parse_state(result.stdout) if result.ok else None
    except UnavailableError:
        return None


def to_start(site: Site, name: str | None) -> tuple[list[str], list[str]]:
    """Of one server or of all: those on which Pacemaker does not run, and those that do not answer.

    ConfigurationError where one was never in the cluster.
    """
    require(site, name)
    looks = site.servers.outcomes(
        lambda server: is_active(site.servers, server, REACHED_WITHIN_S),
        (name,) if name else site.servers.names,
    )
    silent = [server for server, found in looks.items() if isinstance(found, SnowHaError)]
    if name and silent:
        raise UnavailableError(
            f"{name} does not answer",
            "nothing was done",
            f"power it on; is it off for good: snow ha confirm-off {name}",
        )
    stopped = [server for server, found in looks.items() if found is False]
    site.servers.each(lambda server: _require_member(site, server), stopped)
    return stopped, silent


def require(site: Site, name: str | None) -> None:
    if name and name not in site.servers.names:
        raise NoSuchObjectError(f"there is no server {name}", remedy="one of " + ", ".join(site.servers.names))


def start(site: Site, names: Sequence[str], silent: Sequence[str]) -> None:
    """Start the cluster on these, and wait until they are in it and it has quorum.

    One whose Pacemaker stays alone, without a quorum and any domain, is started anew.
    """
    wait_until_fenced(site, names)
    began, restarted = time.monotonic(), False
    for in_time in waiting.turns(ONLINE_WITHIN_S):
        # Pacemaker ends, for good, on a server that hears of its own fencing just after it came back.
        site.servers.each(lambda name: _bring_up(site.servers, name), names)
        state = _seen(site, names)
        online = {node.name for node in state.nodes if node.online} if state and state.quorum else set()
        if online.issuperset(names):
            return
        waited_s = time.monotonic() - began
        if state and not state.quorum and silent and waited_s > QUORUM_WITHIN_S:
            raise NoQuorumError(
                f"{in_words(names)} run Pacemaker, without a quorum, and start no domain",
                f"{in_words(silent)} may run them",
                f"power on {in_words(silent)}; or, once that is certainly off: snow ha start --alone",
            )
        if waited_s > OUTSIDE_AFTER_S and not restarted:
            site.servers.each(lambda name: _restart_outside(site.servers, name), names)
            restarted = True
        if not in_time:
            raise TimedOutError(
                f"{in_words([name for name in names if name not in online])} did not come within {ONLINE_WITHIN_S} s",
                remedy="see snow ha check, and journalctl -u corosync -u pacemaker there",
            )


def _seen(site: Site, names: Sequence[str]) -> ClusterState | None:
    """The cluster as one of them sees it, or this server: one that has a quorum knows more than one outside."""
    first = None
    for name in dict.fromkeys([*names, site.servers.here]):
        state = seen_by(site.servers, name)
        if state and state.quorum:
            return state
        first = first or state
    return first


def _restart_outside(servers: Servers, name: str) -> None:
    state = seen_by(servers, name)
    if state and not state.quorum and not any(guest.domid for guest in xen.guests(servers, name)):
        servers.must(name, ["systemctl", "restart", *SERVICES], timeout_s=ONLINE_WITHIN_S)


def _require_member(site: Site, name: str) -> None:
    conf = (site.servers.read(name, CONF) or b"").decode(errors="replace")
    if name not in {node.get("name") for node in corosync.members(conf)}:
        raise ConfigurationError(f"{name} was never in the cluster", f"its {CONF} has no such node", "snow-ha enable")


def _bring_up(servers: Servers, name: str) -> None:
    """Start the cluster on a server, unless Pacemaker runs there; UnavailableError where xl does not answer there.

    Without xl each probe there fails, and Pacemaker takes every domain of the others for active there as well: it
    stops them all, where they run in full health, and starts them anew (multiple-active=stop_start; seen in the lab).
    """
    if not is_active(servers, name):
        xen.wait_for_answer(servers, name)
        servers.must(name, ["systemctl", "start", *SERVICES], timeout_s=ONLINE_WITHIN_S)


def wait_until_fenced(site: Site, names: Sequence[str]) -> None:
    """A server that the others are about to fence is not started: it would only be fenced again.

    One of these that does not answer keeps the others from being started, too; another one is passed over.
    """
    for in_time in waiting.turns(FENCED_WITHIN_S):
        looks = site.servers.outcomes(lambda name: unclean(site.servers, name))
        for name in names:
            if isinstance(silent := looks[name], SnowHaError) and not isinstance(silent, LeftOut):
                raise silent
        waits = {name for found in looks.values() if not isinstance(found, SnowHaError) for name in found}
        if not waits.intersection(names):
            return
        if not in_time:
            raise TimedOutError(
                f"{in_words(waits)} waits to be fenced", f"for more than {FENCED_WITHIN_S} s",
                f"see snow ha fencing status; if it is certainly off: snow ha confirm-off {min(waits)}",
            )  # fmt: skip


def is_off(site: Site, server: str) -> bool:
    """Whether a server is off, as far as a machine can tell: False is for a person to say.

    UnsafeError where it answers, or its BMC says that it has power.
    """
    require(site, server)
    if server == site.servers.here:
        raise UnsafeError(f"{server} is this server", "it is not off")
    try:
        site.servers.run(server, ["true"], timeout_s=REACHED_WITHIN_S)
    except SnowHaError:
        power = bmc.power(server + site.conf.bmc_suffix) if site.conf.bmc_suffix else ""
    else:
        raise UnsafeError(f"{server} answers: it is not off", "nothing was done", f"snow ha start {server}")
    if power == "on":
        raise UnsafeError(
            f"{server} has power, says its BMC", "what it runs would run twice", "switch it off, then try again"
        )
    return power == "off"


def start_alone(site: Site, dead: Sequence[str]) -> None:
    """Start the cluster on this server without the others, which are known to be off."""
    here = site.servers.here
    _require_member(site, here)
    _bring_up(site.servers, here)
    for in_time in waiting.turns(ONLINE_WITHIN_S):
        state = seen_by(site.servers, here)
        if state and state.quorum:
            break
        if state:
            # A cluster of two that starts waits until it has seen both; who is dead will not be seen.
            fencer.end_waiting_for_all()
        if not in_time:
            raise NoQuorumError(
                f"{here} has no quorum by itself", f"of {len(site.servers.names)} servers more are needed",
                "start another server",
            )  # fmt: skip
    for server in dead:
        confirm_off(site, server)


def confirm_off(site: Site, server: str) -> bool:
    """Tell Pacemaker that a server which it could not fence is off; whether it was waiting for that."""
    here = site.servers.here
    state = seen_by(site.servers, here)
    if state is None:
        raise UnavailableError("Pacemaker does not run on this server", remedy="snow ha start --alone")
    if not state.quorum:
        raise NoQuorumError("the cluster has no quorum, and starts nothing anyway", remedy="snow ha start --alone")
    if any(node.name == server and node.online for node in state.nodes):
        raise UnsafeError(f"{server} is in the cluster: it is not off", "nothing was done")
    if server not in unclean(site.servers, here):
        return False
    fencer.confirm_off(server)
    if not waiting.until(lambda: server not in unclean(site.servers, here), ONLINE_WITHIN_S):
        raise TimedOutError(f"Pacemaker still takes {server} for unclean", f"after {ONLINE_WITHIN_S} s", "see crm_mon")
    return True
