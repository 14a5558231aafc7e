"""Live migrations: asked of Pacemaker, waited for, and nothing of them left in the CIB, whatever happens meanwhile.

Moves come in batches: what is in one goes at the same time, and the next begins when all of it has arrived.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from snow_ha_plugin.core import cib, moverules, timeouts
from snow_ha_plugin.errors import NoSuchObjectError, TimedOutError, TryAgainError, UnavailableError, UnsafeError
from snow_ha_plugin.model import Action, Move
from snow_ha_plugin.steps.change import DISTURBING, change
from snow_ha_plugin.steps.foresight import places
from snow_ha_plugin.system import command, pacemaker
from snow_ha_plugin.system.pacemaker import Store

POLL_S = 0.5

# Beyond a migration's own timeout: for Pacemaker to begin it, and to see that it has ended.
MARGIN_S = 60

CLEAN_UP = ("cibadmin", "--delete-all", "--force", "--xpath", moverules.XPATH)

Progress = Callable[[Move, str], None]


def carry_out(
    store: Store, batches: Sequence[Sequence[Move]], *, on_progress: Progress = lambda move, state: None
) -> None:
    """Migrate the domains of each batch; the first move that fails ends it, with every domain where it is then.

    UnsafeError, before anything is moved, for a batch that Pacemaker would not carry out by live migration.
    """
    change(store, moverules.remove)
    with command.cleaning_up(CLEAN_UP):
        for batch in batches:
            before = store.read()
            _refuse_surprises(before, batch)
            try:
                change(store, lambda tree, batch=batch: moverules.put(tree, batch))  # type: ignore[misc]
                for move in batch:
                    on_progress(move, "migrating")
                _wait(store, before, batch, on_progress)
            finally:
                change(store, moverules.remove)


def plan_one(tree: cib.Tree, domain: str, server: str | None) -> Move | None:
    """The move of one domain; None where it is on that server already."""
    primitive = cib.domain(tree, domain)
    if primitive is None:
        raise NoSuchObjectError(f"{domain} is not registered", remedy=f"register it: snow ha add {domain}")
    source = places(tree)[domain]
    if source is None:
        raise UnavailableError(f"{domain} does not run", remedy=f"start it: snow boot {domain}")
    target = server or _roomiest(tree, other_than=source)
    if target not in [node.name for node in cib.nodes(tree)]:
        raise NoSuchObjectError(f"there is no server {target}", remedy="see snow ha status")
    memory = primitive.utilization.get("hv_memory", "")
    return None if target == source else Move(domain, source, target, int(memory) if memory.isdecimal() else 0)


def _roomiest(tree: cib.Tree, other_than: str) -> str:
    """The online server with the most free memory."""
    free = {
        node.name: node.memory_mib
        for node in cib.nodes(tree)
        if node.name != other_than and cib.is_online(tree, node.name)
    }
    for name, server in places(tree).items():
        memory = cib.domains(tree)[name].utilization.get("hv_memory", "")
        if server in free and memory.isdecimal():
            free[server] -= int(memory)
    if not free:
        raise UnavailableError("there is no other server online", remedy="see snow ha status")
    return max(sorted(free), key=lambda name: free[name])


def _refuse_surprises(tree: cib.Tree, batch: Sequence[Move]) -> None:
    """Ask the scheduler: it must migrate exactly these domains to exactly these servers, and disturb no other."""
    _refuse_absent(tree, batch)
    wanted = {(move.domain, move.target) for move in batch}
    pulled = cib.clone(tree)
    moverules.put(pulled, batch)
    planned = set(pacemaker.simulate(tree))
    caused = [action for action in pacemaker.simulate(pulled) if action.task in DISTURBING and action not in planned]
    migrated = {(action.resource, action.node) for action in caused if action.task == "migrate"}
    others = [action for action in caused if (action.resource, action.node) not in wanted or action.task != "migrate"]
    if others:
        raise UnsafeError(
            "Pacemaker would do more than migrate: " + ", ".join(_told(action) for action in others),
            "nothing was moved",
            "see what binds these together: crm configure show",
        )
    if missing := sorted(wanted - migrated):
        raise UnsafeError(
            "Pacemaker would not migrate " + ", ".join(f"{domain} to {target}" for domain, target in missing),
            "a rule, a standby server, maintenance or a lack of memory is in the way",
            "see snow ha status and crm configure show",
        )


def _refuse_absent(tree: cib.Tree, batch: Sequence[Move]) -> None:
    states = {resource.id: resource for resource in pacemaker.state(tree).resources}
    for move in batch:
        state = states.get(move.domain)
        if state is None or state.servers != (move.source,) or state.failed:
            where = " and ".join(state.servers) if state and state.servers else "no server"
            raise TryAgainError(f"{move.domain} is on {where}, not on {move.source}", remedy="run the command again")


def _wait(store: Store, before: cib.Tree, batch: Sequence[Move], on_progress: Progress) -> None:
    """Wait until each domain of the batch has arrived or failed; then an error if one has failed."""
    deadline = time.monotonic() + max(_timeout_s(before, move) for move in batch) + MARGIN_S
    under_way, failed = list(batch), []
    while under_way:
        tree = store.read()
        states = {resource.id: resource for resource in pacemaker.state(tree).resources}
        for move in list(under_way):
            state = states[move.domain]
            if state.pending:
                continue
            # Pacemaker may have brought the domain to its target after all, by stopping and starting it.
            if cib.failed_migrations(tree, move.domain) - cib.failed_migrations(before, move.domain):
                failed.append(move)
            elif state.servers != (move.target,) or state.role != "Started":
                continue
            under_way.remove(move)
            on_progress(move, "failed" if move in failed else "done")
        if under_way and time.monotonic() > deadline:
            names = ", ".join(move.domain for move in under_way)
            raise TimedOutError(f"{names} did not arrive in time", remedy="see crm_mon and the log")
        if under_way:
            time.sleep(POLL_S)
    if failed:
        raise UnavailableError(
            ", ".join(f"{move.domain} could not be migrated to {move.target}" for move in failed),
            "a live migration failed",
            "see crm_mon and the log of the server that it came from",
        )


def _timeout_s(tree: cib.Tree, move: Move) -> int:
    default_s = timeouts.for_memory(move.memory_mib).migrate_s
    return sum(cib.operation_timeout_s(tree, move.domain, name, default_s) for name in ("migrate_to", "migrate_from"))


def _told(action: Action) -> str:
    return f"{action.task} {action.resource} ({action.node})"
