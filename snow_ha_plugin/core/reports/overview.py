"""A cluster at a glance: its configuration and state joined into what `status` shows. Memory is in MiB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.loader import size
from snow_ha_plugin.core.configure import cluster_options, fencing, intent, watch
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports import findings, hindrance
from snow_ha_plugin.core.reports.health import Standing
from snow_ha_plugin.core.reports.hindrance import Hindrance
from snow_ha_plugin.model import ClusterState, Domain, Finding, MigrationProgress, Primitive, ResourceState, Severity


class ServerView(NamedTuple):
    name: str
    online: bool
    standby: bool
    maintenance: bool
    domains: tuple[str, ...]
    capacity_mib: int
    used_mib: int
    # Lost, and not known to be dead: what it ran may still run there.
    unseen: bool = False


class DomainView(NamedTuple):
    """`server` is None for a domain that runs nowhere; `since` is in seconds since 1970; `migration` is None unless it
    is on its way and something is known of that. One that is not `wanted` was stopped by somebody. `watch`
    is what its guest is asked, if anything."""

    name: str
    state: str
    server: str | None
    managed: bool
    memory_mib: int
    vcpus: int
    since: int | None
    migration: MigrationProgress | None = None
    wanted: bool = True
    hands_off: Hindrance | None = None
    watch: str = ""


class FloatingIpView(NamedTuple):
    address: str
    server: str | None


class FencingView(NamedTuple):
    """`tested` has, for each server, when it was last reset to see that it works, or an empty text."""

    enabled: bool
    devices: tuple[str, ...]
    way: str
    tested: Mapping[str, str]


class Overview(NamedTuple):
    """`standing` is None where the scheduler could not be asked; `accepted` findings count for nothing."""

    has_quorum: bool
    servers: tuple[ServerView, ...]
    domains: tuple[DomainView, ...]
    floating_ips: tuple[FloatingIpView, ...]
    fencing: FencingView
    standing: Standing | None
    findings: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Acceptance], ...] = ()


def migrating(state: ClusterState) -> dict[str, str]:
    """The domains that are on their way, each with the server that it comes from."""
    return {
        resource.id: resource.servers[0]
        for resource in state.resources
        if resource.role == "Migrating" and resource.servers
    }


def overview(
    tree: cib.Tree,
    state: ClusterState,
    stands: Standing | None,
    files: Mapping[str, Domain],
    progress: Mapping[str, MigrationProgress] | None = None,
    starting: Mapping[str, str] | None = None,
) -> Overview:
    """Join a CIB with what crm_mon says of it; `files` gives the size of domains that the CIB does not know.

    `stands` is None where the scheduler could not be asked; `starting` are the domains that it starts now, and where.
    """
    states = {resource.id: _where_it_runs(resource, state) for resource in state.resources}
    roles, since = cib.metas(tree, "target-role", "Started"), cib.running_since(tree)
    domains = tuple(
        _domain(
            since,
            primitive,
            states.get(name),
            files.get(name),
            (progress or {}).get(name),
            hindrance.hands_off(tree, state, name),
            wanted=not cib.is_stopped(roles[name]),
        )
        for name, primitive in sorted(cib.domains(tree).items())
    ) + tuple(_left_out(name, files.get(name)) for name in intent.left_out(tree))
    online = {node.name: node for node in state.nodes}
    servers = []
    for node in sorted(cib.nodes(tree), key=lambda node: node.name):
        here = [domain for domain in domains if domain.server == node.name]
        now = online.get(node.name)
        servers.append(
            ServerView(
                name=node.name,
                online=now is not None and now.online,
                standby=now is not None and now.standby,
                maintenance=now is not None and now.maintenance,
                domains=tuple(domain.name for domain in here),
                capacity_mib=node.memory_mib,
                used_mib=sum(domain.memory_mib for domain in here),
                unseen=now is not None and now.unclean,
            )
        )
    return Overview(
        has_quorum=state.quorum,
        servers=tuple(servers),
        domains=domains,
        floating_ips=tuple(
            FloatingIpView(primitive.parameters.get("ip", ""), _server(states.get(primitive.id)))
            for primitive in cluster_options.floating_ips(tree)
        ),
        fencing=FencingView(
            enabled=cluster_options.has_fencing(tree),
            devices=tuple(device.id for device in fencing.devices(tree)),
            way=fencing.way(tree),
            tested=fencing.tested(tree),
        ),
        standing=stands,
        findings=(
            *findings.of_state(state, tree),
            *findings.of_domains(tree, state, starting or {}),
            *findings.of_configuration(tree),
            *_hands_off(domains),
            *(stands.n_plus_1.findings if stands else ()),
        ),
    )


def _domain(
    since: Mapping[tuple[str, str], int],
    primitive: Primitive,
    state: ResourceState | None,
    file: Domain | None,
    migration: MigrationProgress | None,
    off: Hindrance | None,
    *,
    wanted: bool,
) -> DomainView:
    server = _server(state)
    memory, vcpus = size(primitive, file, {})
    return DomainView(
        name=primitive.id,
        state=_word(state),
        server=server,
        managed=state.managed if state else True,
        memory_mib=memory or 0,
        vcpus=vcpus or 0,
        since=since.get((primitive.id, server)) if server else None,
        migration=migration,
        wanted=wanted,
        hands_off=off,
        watch=watch.of(primitive),
    )


def _hands_off(domains: Iterable[DomainView]) -> Iterator[Finding]:
    """Of domains that are out of Pacemaker's hands otherwise than by `hold`; what has failed is told as a failure."""
    for domain in domains:
        off = domain.hands_off
        if off and not (off.is_wider or off.is_held) and domain.state not in ("blocked", "failed"):
            message = f"Pacemaker keeps its hands off {domain.name}: {off.why}"
            yield Finding(Severity.WARNING, "held", message, off.remedy, subject=domain.name)


def _left_out(name: str, file: Domain | None) -> DomainView:
    """Where it runs Pacemaker does not know."""
    size = (file.memory_mib, file.vcpus) if file else (0, 0)
    return DomainView(name, intent.NOT_PROTECTED, None, False, *size, since=None, wanted=False)


def _word(state: ResourceState | None) -> str:
    """One word for a domain's state; what is happening counts before what was."""
    if state is None:
        return "unknown"
    if state.pending:
        return state.pending.lower()
    if state.blocked:
        return "blocked"
    if state.failed:
        return "failed"
    role = state.role.lower()
    return "running" if role == "started" else role


def _where_it_runs(resource: ResourceState, state: ClusterState) -> ResourceState:
    """A domain that could not be migrated is where it was; Pacemaker supposes it on both servers."""
    failed = findings.last_failure(state, resource.id) if resource.blocked and len(resource.servers) > 1 else None
    return resource._replace(servers=(failed.server,)) if failed and failed.task == "migrate_to" else resource


def _server(state: ResourceState | None) -> str | None:
    return state.servers[0] if state and state.servers else None
