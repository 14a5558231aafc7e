"""Whether a domain runs: its image changes meanwhile. One that may be restarted is shut down, and booted again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import UnavailableError, UnsafeError
from snow_ha_plugin.model import Domain, Finding, Severity
from snow_ha_plugin.operations import host_events
from snow_ha_plugin.system import domainfiles, pacemaker, xen
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.servers import Servers

STARTED_WITHIN_S = 120


def where(servers: Servers) -> Mapping[str, str]:
    """Where each domain runs, or a half of one that migrates; UnavailableError unless every server answers."""
    guests = servers.each(lambda name: xen.guests(servers, name))
    found = {}
    for server, of_server in guests.items():
        for guest in of_server:
            name = guest.name
            for half in xen.HALVES:
                name = name.removesuffix(half)
            found[name] = server
    return found


def refuse_running(servers: Servers, name: str) -> None:
    """UnsafeError where a domain runs on any server."""
    if server := where(servers).get(name):
        raise refusal(name, server, "see xl list there")


def refusal(name: str, server: str, instead: str) -> UnsafeError:
    remedy = f"shut it down (snow shutdown {name}), or {instead}"
    return UnsafeError(f"{name} runs on {server}", "its image changes meanwhile", remedy)


@contextlib.contextmanager
def resting(servers: Servers, domain: Domain, runs_on: str) -> Iterator[None]:
    """Shut a domain down that runs, and boot it again after the block, whatever came of that.

    Of whoever dies meanwhile a note stays beside the domain file, by which a later run boots it: see `left_down`.
    """
    name, path = domain.name, domain.config_path
    if not runs_on:
        yield
        return
    registered = is_registered(name)
    domainfiles.note_down(path, runs_on)
    if registered:
        host_events.stop(LiveCluster(), name)
    elif name in where(servers):
        servers.must(runs_on, ["xl", "shutdown", "-w", name], timeout_s=host_events.STOPPED_WITHIN_S)
    try:
        yield
    finally:
        _boot(servers, domain, runs_on)
        domainfiles.note_up(path)


def _boot(servers: Servers, domain: Domain, server: str) -> None:
    if is_registered(domain.name):
        host_events.start(LiveCluster(), domain.name)
    elif domain.name not in where(servers):
        # Nobody else has started it meanwhile: it would run twice.
        servers.must(server, ["xl", "create", domain.config_path], timeout_s=STARTED_WITHIN_S)


def left_down(paths: Mapping[str, str]) -> list[Finding]:
    """Of domains, by their files, those that were shut down for their images and not booted yet."""
    return [
        Finding(
            Severity.WARNING,
            "left-down",
            f"{name} was shut down on {server} for the migration of its images, and not booted again",
            f"unless that is still at work: snow ha images migrate {name}",
            subject=name,
        )
        for name, path in paths.items()
        if (server := domainfiles.noted_down(path))
    ]


def is_registered(name: str) -> bool:
    """See `cluster_with`."""
    return cluster_with(name) is not None


def cluster_with(name: str) -> cib.Tree | None:
    """The cluster's CIB, where the domain is registered in it.

    UnavailableError where Pacemaker does not answer here, and had the domain when this server was in the cluster: the
    other servers may start it.
    """
    try:
        tree = LiveCluster().read()
    except UnavailableError as down:
        last = pacemaker.stored_cib()
        if last is not None and cib.domain(last, name):
            raise UnavailableError(
                f"Pacemaker does not answer on this server, and {name} was registered",
                "it may start anywhere",
                "snow ha start, then the same command again",
            ) from down
        return None
    return tree if cib.domain(tree, name) else None
