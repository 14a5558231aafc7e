"""The host's `snow list domains`: from one look at the cluster, one at each server, and one at each guest that runs.

Servers are asked at the same time, and then guests are; each question has a deadline. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.model import ClusterState, DomainRow, Guest
from snow_ha_plugin.system import guest, pacemaker, snow_conf, snowtools, xen
from snow_ha_plugin.system.servers import Servers

SERVER_TIMEOUT_S = 8
# More sessions of ssh at once than this only wait for each other.
MOST_GUESTS = 32

ON, OFF, UNKNOWN, DOWN = "on", "off", "unknown", "down"


def rows(tell: Callable[[str], None]) -> list[DomainRow]:
    """A row for each domain file, by name; `tell` is given what could not be asked."""
    layout = snowtools.layout()
    servers = Servers(snow_conf.read(layout.conf).servers)
    roles = snowtools.roles(layout.domains_conf)
    names = sorted(filter(None, (snowtools.domain_file(str(path)).name for path in layout.domains_dir.glob("*.cfg"))))
    state = _state(tell)
    answers = servers.outcomes(lambda name: xen.guests(servers, name, timeout_s=SERVER_TIMEOUT_S))
    places = {
        found.name: server
        for server, answer in answers.items()
        if not isinstance(answer, SnowHaError)
        for found in answer
    }
    silent = _silent(answers, state)
    for server in silent:
        tell(f"{server} does not answer: what it may run is shown as {UNKNOWN}")
    uptimes = _uptimes(name for name in names if name in places)
    seen = {resource.id: resource.servers[0] for resource in (state.resources if state else ()) if resource.servers}
    return [
        DomainRow(
            name=name,
            power=ON if name in places else _absent(seen.get(name), silent, known=state is not None),
            system=uptimes.get(name, DOWN),
            roles=",".join(roles.get(name, ())),
            server=places.get(name) or (seen.get(name, "") if seen.get(name) in silent else ""),
        )
        for name in names
    ]


def _state(tell: Callable[[str], None]) -> ClusterState | None:
    try:
        state = pacemaker.state()
    except SnowHaError as error:
        tell(f"{error.message}: shown is what the servers say")
        return None
    if not state.quorum:
        tell("the cluster has no quorum: shown is what the servers say that answer")
        return None
    return state


def _silent(answers: Mapping[str, tuple[Guest, ...] | SnowHaError], state: ClusterState | None) -> list[str]:
    """Those that did not answer, unless the cluster knows that nothing runs there."""
    gone = {node.name for node in (state.nodes if state else ()) if not node.online and not node.unclean}
    return [server for server, answer in answers.items() if isinstance(answer, SnowHaError) and server not in gone]


def _absent(seen: str | None, silent: list[str], *, known: bool) -> str:
    """Of a domain that no server that answered has: Pacemaker may know better than a server that is silent."""
    if not silent:
        return OFF
    return UNKNOWN if seen in silent or not known else OFF


def _uptimes(names: Iterable[str]) -> dict[str, str]:
    wanted = list(names)
    with ThreadPoolExecutor(max_workers=min(MOST_GUESTS, max(1, len(wanted)))) as pool:
        return dict(zip(wanted, (found or DOWN for found in pool.map(guest.uptime, wanted)), strict=True))
