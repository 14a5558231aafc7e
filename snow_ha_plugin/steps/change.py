"""Read, decide, apply: how every verb changes a CIB. A refused commit is read and decided again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

from snow_ha_plugin.core import cib, history
from snow_ha_plugin.errors import ConfigurationError, NoQuorumError, SnowHaError, TryAgainError, UnsafeError
from snow_ha_plugin.model import Action, Change
from snow_ha_plugin.system import pacemaker, xen
from snow_ha_plugin.system.pacemaker import Store
from snow_ha_plugin.system.servers import Servers

Edit = Callable[[cib.Tree], list[Change]]
Locate = Callable[[cib.Tree, set[str]], Mapping[str, str | None]]

# Others commit too: another administrator's snow-ha, and Pacemaker itself with each operation that ends.
COMMIT_WITHIN_S = 60

# What would disturb a domain that runs; `start` is all that registering may lead to.
DISTURBING = ("stop", "restart", "recover", "move", "migrate", "reload", "leave")


def change(store: Store, edit: Edit, *, locate: Locate | None = None, dry_run: bool = False) -> list[Change]:
    """Carry out `edit` on the CIB in one commit, and tell what changed; nothing is committed where nothing did.

    With `locate` (the server that each new domain runs on now, or None) Pacemaker's scheduler is asked first:
    UnsafeError if it would disturb a domain.
    """
    deadline = time.monotonic() + COMMIT_WITHIN_S
    while True:
        # read
        old = store.read()
        # decide
        new = cib.clone(old)
        changes = edit(new)
        if not changes:
            return []
        if store.live and not cib.has_quorum(old):
            raise NoQuorumError(
                "the cluster has no quorum", "a change now could contradict the other servers", "start them"
            )
        if locate:
            _refuse_disturbance(old, new, locate)
        if dry_run:
            return changes
        # apply
        try:
            store.commit(old, new)
            return changes
        except TryAgainError:
            if time.monotonic() > deadline:
                raise
            # Two that retry in step would meet again.
            time.sleep(random.uniform(0, 0.2))


def whereabouts(servers: Servers) -> Locate:
    """Look with xl on every server; UnsafeError for a domain that runs twice, or where Pacemaker cannot see it.

    A server that Pacemaker calls online must answer; of one that is offline nothing may be to be had.
    """

    def locate(tree: cib.Tree, names: set[str]) -> dict[str, str | None]:
        found: dict[str, str | None] = dict.fromkeys(names)
        if not names:
            return found
        for server, answer in servers.outcomes(lambda name: xen.guests(servers, name)).items():
            online = cib.is_online(tree, server)
            if isinstance(answer, SnowHaError):
                if online:
                    raise answer
                continue
            for name in sorted(names & {guest.name for guest in answer}):
                if found[name] or not online:
                    where = (
                        f"on {found[name]} and on {server} at once"
                        if found[name]
                        else f"on {server}, outside the cluster"
                    )
                    raise UnsafeError(f"{name} runs {where}", remedy=f"end it where it is wrong: xl shutdown {name}")
                found[name] = server
        return found

    return locate


def _refuse_disturbance(old: cib.Tree, new: cib.Tree, locate: Locate) -> None:
    before, after = cib.domains(old), cib.domains(new)
    found = locate(new, set(after) - set(before))
    imagined = cib.clone(new)
    history.assume(imagined, found)
    caused = [
        action
        for action in pacemaker.simulate(imagined)
        if action.task in DISTURBING and (action.resource in after or action.resource in before)
    ]
    if caused:
        # What Pacemaker is about to do anyway is not this change's doing.
        planned = set(pacemaker.simulate(old))
        caused = [action for action in caused if action not in planned]
    if caused:
        raise UnsafeError(
            "Pacemaker would disturb domains: " + ", ".join(_told(action) for action in caused),
            "nothing was changed",
            "see the constraints that name them: crm configure show",
        )


def _told(action: Action) -> str:
    return f"{action.task} {action.resource}" + (f" ({action.node})" if action.node else "")


def let_go(store: Store, edit: Edit, *, locate: Locate | None = None, dry_run: bool = False) -> list[Change]:
    """`change` for an edit that takes primitives out: their domains run on, which only holds while an option does."""

    def guarded(tree: cib.Tree) -> list[Change]:
        changes = edit(tree)
        leaving = any(change.action == "unregister" for change in changes)
        if leaving and store.live and cib.options(tree).get("stop-orphan-resources", "true") != "false":
            raise ConfigurationError(
                "Pacemaker would stop the domain",
                "the cluster option stop-orphan-resources is not false",
                "crm configure property stop-orphan-resources=false",
            )
        return changes

    return change(store, guarded, locate=locate, dry_run=dry_run)
