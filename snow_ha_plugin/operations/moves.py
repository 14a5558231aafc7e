"""Live migrations: asked of Pacemaker, waited for, and nothing of them left in the CIB, whatever happens meanwhile.
So is the one domain of `move` that cannot migrate: it is restarted where it goes.

Moves come in batches: what is in one goes at the same time, and the next begins when all of it has arrived. A domain
whose migration fails is not restarted where it runs on (see core.configure.migration).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from snow_ha_plugin.core import cib, timeouts
from snow_ha_plugin.core.cib import INFINITY
from snow_ha_plugin.core.configure import intent, live, migration
from snow_ha_plugin.core.reports import hindrance
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import (
    NoSuchObjectError,
    SnowHaError,
    TimedOutError,
    TryAgainError,
    UnavailableError,
    UnsafeError,
)
from snow_ha_plugin.model import Action, ClusterState, Move, ResourceState
from snow_ha_plugin.operations.simulation import DISTURBING, Outlook, require
from snow_ha_plugin.operations.transaction import Judge, change, cleaning, told
from snow_ha_plugin.system import pacemaker, scheduler, waiting
from snow_ha_plugin.system.cluster import Cluster
from snow_ha_plugin.system.pacemaker import SEEN_WITHIN_S

# Beyond a migration's own timeout: for Pacemaker to begin it, and to see that it has ended.
MARGIN_S = 60

# Once a rule pulls: for Pacemaker to write down that it has begun.
BEGUN_WITHIN_S = 2

# For the shell of an interrupted verb (pacemaker.ending_moves) to take out what pulled, once nothing is under way.
TAKEN_OUT_WITHIN_S = 10

# The remedy where a migration must end first.
WAIT = "wait until it has ended: snow ha status --watch"

Progress = Callable[[Move, str], None]
# Moves that have failed, each with the reason that the agent gave.
Failed = dict[Move, str]
# Told again and again what is so, and which domains are waited for.
Waiting = Callable[[ClusterState, Sequence[str]], None]


def in_silence(state: ClusterState, names: Sequence[str]) -> None:
    """For who tells nothing while it waits."""


def carry_out(
    cluster: Cluster,
    batches: Sequence[Sequence[Move]],
    *,
    on_progress: Progress = lambda move, state: None,
    on_wait: Waiting = in_silence,
) -> None:
    """Migrate the domains of each batch; the first move that fails ends it, with every domain where it is then.

    UnsafeError, before anything of it is moved, for a batch that Pacemaker would not carry out by live migration.
    """
    settle(cluster)
    let_go(cluster)
    failed = Failed()
    tree = cluster.read()
    within_s = max((arrived_within_s(tree, (move.domain for move in batch)) for batch in batches), default=0)
    with letting_go(cluster, [move.domain for batch in batches for move in batch], within_s):
        for batch in batches:
            failed = _carry_out(cluster, batch, on_progress, on_wait)
            if failed:
                break
            let_go(cluster)
    if failed:
        raise _failure(cluster, failed)


def _carry_out(cluster: Cluster, batch: Sequence[Move], on_progress: Progress, on_wait: Waiting) -> Failed:
    """Have the domains of a batch migrated; those whose move has failed."""
    before = cluster.read()
    change(cluster, lambda tree: migration.put(tree, batch), _exactly(batch))
    for move in batch:
        on_progress(move, "migrating")
    return _wait(cluster, before, batch, on_progress, on_wait)


@contextmanager
def letting_go(cluster: Cluster, domains: Collection[str], within_s: int) -> Iterator[None]:
    """A block after which nothing of the moves of these domains is left.

    Where it is interrupted while one of them is under way, all stays until that has ended, for `within_s` seconds at
    most: the process of pacemaker.ending_moves takes it out then, and nobody waits for that.
    """
    with pacemaker.ending_moves(domains, within_s) as all_is_clean:
        goes_on = False
        try:
            yield
        except BaseException:
            goes_on = _goes_on(cluster, domains)
            raise
        finally:
            if not goes_on:
                let_go(cluster)
                all_is_clean()


def _goes_on(cluster: Cluster, domains: Collection[str]) -> bool:
    within_s = BEGUN_WITHIN_S if cluster.read().xpath(migration.RULES) else 0
    return bool(waiting.until(lambda: under_way(cluster.read(), domains), within_s))


def under_way(tree: cib.Tree, domains: Collection[str]) -> list[ResourceState]:
    """Those that Pacemaker has begun to bring elsewhere. The rule that pulls one must stay until then: after a
    migration whose target is not wanted any more Pacemaker stops and starts the domain."""
    return [
        found
        for found in pacemaker.state(tree).resources
        if found.id in domains
        and not found.blocked
        and (found.pending or found.role == "Migrating" or len(found.servers) > 1)
    ]


def settle(cluster: Cluster) -> None:
    """Have the moves of a verb that was interrupted end before others begin.

    TryAgainError while one of them is under way.
    """
    tree = cluster.read()
    pulled = tree.xpath(f"{migration.RULES}/@rsc")
    if not pulled:
        return
    if going := under_way(tree, pulled):
        names = in_words([found.id for found in going])
        raise TryAgainError(f"an interrupted verb still moves {names}", "nothing was changed", WAIT)
    # Else that shell would take out what this verb puts in.
    with suppress(TimedOutError):
        cluster.wait_idle(SEEN_WITHIN_S)
    waiting.until(lambda: not cluster.read().xpath(migration.RULES), TAKEN_OUT_WITHIN_S)


def let_go(cluster: Cluster) -> None:
    """Take out what the moves put in. What a failed migration blocks is looked at anew before that: once it is not
    held any more, Pacemaker would stop and start it."""
    change(cluster, migration.release, cleaning)
    tree = cluster.read()
    if migration.held(tree):
        look_anew(cluster, blocked(tree))
        change(cluster, migration.remove, cleaning)


def blocked(tree: cib.Tree) -> list[str]:
    """The domains whose migration has failed and that are held."""
    held = migration.held(tree)
    return [resource.id for resource in pacemaker.state(tree).resources if resource.blocked and resource.id in held]


def look_anew(cluster: Cluster, domains: Sequence[str]) -> None:
    """Have Pacemaker forget what it knows of domains whose migration failed, and see where they are.

    At the source last: what the other server remembers of an earlier migration from there would look like one that is
    under way once the source has forgotten its half of it, and Pacemaker "forces recovery". Never on a server that
    shuts down, which would leave without waiting for what a probe finds.
    """
    tree = cluster.read()
    names = [node.name for node in cib.nodes(tree)]
    online = [name for name in names if cib.is_online(tree, name) and not cib.is_shutting_down(tree, name)]
    sources = {domain: {server for server, _ in cib.failed_migrations(tree, domain)} for domain in domains}
    for at_source in (False, True) if domains else ():
        for domain in domains:
            for server in online:
                if (server in sources[domain]) == at_source:
                    cluster.forget(domain, server)
        cluster.wait_idle(SEEN_WITHIN_S)


def plan_one(tree: cib.Tree, domain: str, server: str | None) -> Move | None:
    """The move of one domain; None where it is on that server already.

    UnsafeError where Pacemaker would not carry it out, or would bring the domain back. Without a server it goes to the
    one with the most free memory, of those where it would stay.
    """
    primitive = cib.domain(tree, domain)
    if primitive is None:
        raise intent.not_registered(tree, domain)
    outlook = Outlook(tree)
    source = outlook.places[domain]
    if source is None:
        raise UnavailableError(f"{domain} does not run", remedy=f"start it: snow boot {domain}")
    memory, restarts = outlook.sizes.needs.get(domain, 0), not live.migrates(tree, domain)
    if server is not None:
        require(tree, [server])
        move = Move(domain, source, server, memory, restarts)
        if server != source:
            _refuse_surprises(tree, move)
        return None if server == source else move
    refused: UnsafeError | None = None
    for target in _roomiest_first(outlook, other_than=source):
        move = Move(domain, source, target, memory, restarts)
        try:
            _refuse_surprises(tree, move)
        except UnsafeError as error:
            refused = refused or error
        else:
            return move
    raise refused or UnavailableError("there is no other server online", remedy="see snow ha status")


def _roomiest_first(outlook: Outlook, other_than: str) -> list[str]:
    """The other servers in service, those with the most free memory first."""
    serving = [node.name for node in outlook.now.state.nodes if node.serves and node.name != other_than]
    return sorted(serving, key=lambda name: (-outlook.free_mib.get(name, 0), name))


def _refuse_surprises(tree: cib.Tree, move: Move) -> None:
    pulled = cib.clone(tree)
    migration.put(pulled, [move])
    _exactly([move])(tree, pulled)


def _exactly(batch: Sequence[Move]) -> Judge:
    """Judge by the scheduler: it migrates exactly these domains to exactly these servers, disturbs no other, and leaves
    them there once no rule pulls any more."""

    def judge(tree: cib.Tree, pulled: cib.Tree) -> None:
        _refuse_absent(tree, batch)
        answer, arrived = scheduler.carry_out(pulled)
        if others := Outlook(tree).disturbed(answer.actions, batch):
            raise UnsafeError(
                "Pacemaker would do more than migrate: " + ", ".join(told(action) for action in others),
                "nothing was moved",
                "see what binds these together: crm configure show",
            )
        if missing := [m for m in batch if Action(m.task, m.domain, m.target) not in answer.actions]:
            raise _hindered(tree, missing)
        there = scheduler.ask(cib.reconfigured(arrived, tree))
        moved = {move.domain for move in batch}
        if back := [found for found in there.actions if found.task in DISTURBING and found.resource in moved]:
            raise UnsafeError(
                "Pacemaker would bring back " + ", ".join(f"{action.resource} to {action.node}" for action in back),
                "a rule or colocation outweighs the stickiness that would keep it there",
                "see the constraints that name it: crm configure show",
            )

    return judge


def _hindered(tree: cib.Tree, missing: Sequence[Move]) -> UnsafeError:
    """Each move that the scheduler does not carry out with its own reason; the first is what the verb ends with."""
    outlook = Outlook(tree)
    errors = []
    for move in missing:
        lacking = outlook.sizes.needs.get(move.domain, 0) - outlook.free_mib.get(move.target, INFINITY)
        found = hindrance.of(tree, outlook.now.state, move.domain, move.target, lacking)
        what = f"Pacemaker would not {move.task} {move.domain} to {move.target}"
        errors.append(UnsafeError(what, found.why, found.remedy))
    *others, last = errors
    last.others = tuple(others)
    return last


def _refuse_absent(tree: cib.Tree, batch: Sequence[Move]) -> None:
    states = {resource.id: resource for resource in pacemaker.state(tree).resources}
    for move in batch:
        state = states.get(move.domain)
        if state is None or state.servers != (move.source,) or state.failed:
            where = " and ".join(state.servers) if state and state.servers else "no server"
            raise TryAgainError(f"{move.domain} is on {where}, not on {move.source}", remedy="run the command again")


def _wait(cluster: Cluster, before: cib.Tree, batch: Sequence[Move], on_progress: Progress, on_wait: Waiting) -> Failed:
    """Wait until each domain of the batch has arrived or failed; those that have failed, or that somebody else has
    taken out of the CIB meanwhile."""
    within_s = arrived_within_s(before, (move.domain for move in batch))
    under_way, failed = list(batch), Failed()
    for in_time in waiting.turns(within_s):
        tree = cluster.read()
        seen = pacemaker.state(tree)
        states = {resource.id: resource for resource in seen.resources}
        known = cib.domains(tree)
        for move in list(under_way):
            state = states.get(move.domain)
            if state is None or move.domain not in known:
                failed[move] = ""
            elif state.pending:
                continue
            elif _has_failed(move, before, tree, seen):
                failed[move] = hindrance.failure_of(seen, move.domain)
            elif state.servers != (move.target,) or state.role != "Started":
                continue
            under_way.remove(move)
            on_progress(move, "failed" if move in failed else "done")
        if not under_way:
            break
        if not in_time:
            names = ", ".join(move.domain for move in under_way)
            raise TimedOutError(f"{names} did not arrive in time", remedy="see crm_mon and the log")
        on_wait(seen, [move.domain for move in under_way])
    return failed


def _has_failed(move: Move, before: cib.Tree, tree: cib.Tree, now: ClusterState) -> bool:
    """Also where the domain is on its target: Pacemaker may have stopped and started it after its migration failed."""
    if not move.restarts:
        return bool(cib.failed_migrations(tree, move.domain) - cib.failed_migrations(before, move.domain))
    new = set(now.failures) - set(pacemaker.state(before).failures)
    return any(each.resource == move.domain and each.task in ("stop", "start") for each in new)


_DONE = {"migrate": "migrated to", "move": "restarted on"}


def _failure(cluster: Cluster, failed: Failed) -> SnowHaError:
    """What to say of failed migrations, once Pacemaker has seen where their domains are."""
    known = cib.domains(cluster.read())
    if gone := [move.domain for move in failed if move.domain not in known]:
        details = "somebody has unregistered it while it migrated"
        return NoSuchObjectError(f"{in_words(gone)} is not registered any more", details, "see xl list on the servers")
    for _ in waiting.turns(SEEN_WITHIN_S):
        tree = cluster.read()
        states = {resource.id: resource for resource in pacemaker.state(tree).resources}
        places = {move: states[move.domain].servers if move.domain in states else () for move in failed}
        seen = all(places[m] and states[m.domain].role == "Started" and not states[m.domain].failed for m in failed)
        if seen:
            break
    if not seen:
        details = "the live migration failed"
    elif all(places[m] == (m.source,) and not cib.was_started(tree, m.domain, m.source) for m in failed):
        details = "it runs on where it was"
    else:
        details = "Pacemaker has started it again: " + ", ".join(
            f"{move.domain} on {' and '.join(servers)}" for move, servers in places.items()
        )
    if any(failed.values()):
        details += "; " + hindrance.grouped({move.domain: why for move, why in failed.items()})
    return UnavailableError(
        ", ".join(f"{move.domain} could not be {_DONE[move.task]} {move.target}" for move in failed),
        details,
        "see the log of the server that it came from: journalctl -u pacemaker",
    )


def arrived_within_s(tree: cib.Tree, domains: Iterable[str]) -> int:
    """The deadline of migrations that are asked for at the same time, of which a server takes part in a few at a time:
    by the timeouts that Pacemaker gives each."""
    at_once = cib.migrations_at_once(tree)
    return timeouts.in_waves((_timeout_s(tree, domain, at_once) for domain in domains), at_once) + MARGIN_S


def _timeout_s(tree: cib.Tree, domain: str, at_once: int) -> int:
    found = cib.domain(tree, domain)
    memory_mib = (cib.whole(found.utilization.get("hv_memory")) if found else None) or 0
    default_s = timeouts.for_memory(memory_mib, at_once=at_once).migrate_s
    steps = ("migrate_to", "migrate_from") if live.migrates(tree, domain) else ("stop", "start")
    return sum(cib.operation_timeout_s(tree, domain, name, default_s) for name in steps)
