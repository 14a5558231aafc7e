"""A server out of service and back: Pacemaker's standby, which migrates its domains away and lets none come.

Times are seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration
from snow_ha_plugin.core.reports import hindrance
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import TimedOutError, TryAgainError, UnavailableError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import moves, simulation
from snow_ha_plugin.operations.simulation import Where
from snow_ha_plugin.operations.transaction import change
from snow_ha_plugin.system import pacemaker, waiting
from snow_ha_plugin.system.cluster import Cluster

# At least: what cannot migrate live is stopped, and started elsewhere.
EMPTY_WITHIN_S = 3600


def put(
    cluster: Cluster,
    server: str,
    *,
    on: bool,
    dry_run: bool = False,
    held: Iterable[str] = (),
    expected: Where | None = None,
) -> list[Change]:
    """`held`: domains that a failed migration shall block (see core.configure.migration).

    TryAgainError where Pacemaker would not bring the domains to where they are `expected`, and, for a server that is to
    be given back, as long as a domain migrates from there or to there.
    """

    def edit(tree: cib.Tree) -> list[Change]:
        simulation.require(tree, [server])
        if not cib.put_standby(tree, server, on=on):
            return []
        if not on:
            _refuse_migrating(tree, server)
        for domain in held:
            migration.hold(tree, domain)
        return [Change("standby", server, f"keep domains off {server}" if on else f"let {server} take domains again")]

    def as_told(old: cib.Tree, new: cib.Tree) -> None:
        then = simulation.Outlook(new).then()
        if expected is not None and then.after != expected:
            raise TryAgainError("the cluster has changed meanwhile", "nothing was changed", "run the command again")

    changes = change(cluster, edit, as_told, dry_run=dry_run)
    if not on and cib.transient_standby(tree := cluster.read(), server):
        _refuse_migrating(tree, server)
        if not dry_run:
            pacemaker.end_standby_until_reboot(server)
        changes.append(Change("standby", server, f"let {server} take domains before its reboot"))
    return changes


def _refuse_migrating(tree: cib.Tree, server: str) -> None:
    """Pacemaker would stop and start the domain: its target is not wanted any more."""
    going = [
        found.id
        for found in moves.under_way(tree, cib.domains(tree))
        if (found.role == "Migrating" or len(found.servers) > 1)
        and any(server in (place, cib.migration_target(tree, found.id, place)) for place in found.servers)
    ]
    if going:
        raise TryAgainError(f"{in_words(going)} still migrates", f"{server} was left as it is", moves.WAIT)


def empty(
    cluster: Cluster,
    server: str,
    domains: Collection[str],
    expected: Where | None = None,
    on_wait: moves.Waiting = moves.in_silence,
) -> list[Change]:
    """Put a server in standby, and wait until it is empty and its domains are where they are `expected`.

    UnavailableError for one of `domains` that could not be migrated: the server is given back, and the domain runs on.
    """
    moves.settle(cluster)
    within_s = max(EMPTY_WITHIN_S, moves.arrived_within_s(cluster.read(), domains))
    with moves.letting_go(cluster, domains, within_s):
        changes = put(cluster, server, on=True, held=domains, expected=expected)
        failed = _wait_until_empty(cluster, server, within_s, on_wait)
        if failed:
            put(cluster, server, on=False)
    if failed:
        raise UnavailableError(
            f"{', '.join(failed)} could not be migrated from {server}",
            f"{hindrance.grouped(failed)}; {server} takes domains again",
            "see the log of that server: journalctl -u pacemaker",
        )
    return changes


def _wait_until_empty(cluster: Cluster, server: str, within_s: int, on_wait: moves.Waiting) -> dict[str, str]:
    """Until no domain is left there but those that could not be migrated: these, with the reasons of the agent.

    What is under way must have arrived before the server is given back: a migration whose target is not wanted any
    more Pacemaker ends by a restart.
    """
    for in_time in waiting.turns(within_s):
        tree = cluster.read()
        failed = moves.blocked(tree)
        left = left_on(tree, server) - set(failed)
        if not left:
            break
        if not in_time:
            raise TimedOutError(f"{server} is not empty yet", f"after {within_s} s", "see crm_mon")
        on_wait(pacemaker.state(tree), sorted(left))
    state = pacemaker.state(tree)
    return {name: hindrance.failure_of(state, name) for name in failed}


def left_on(tree: cib.Tree, server: str) -> set[str]:
    """The domains there that Pacemaker looks after."""
    domains = cib.domains(tree)
    return {
        resource.id
        for resource in pacemaker.state(tree).resources
        if resource.id in domains and resource.managed and server in resource.servers
    }
