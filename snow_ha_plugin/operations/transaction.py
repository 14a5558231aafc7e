"""Read, decide, ask, apply: how every verb changes a CIB. A refused commit is read and decided again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.reports import losses
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import SnowHaError, TryAgainError, UnsafeError
from snow_ha_plugin.model import Action, Change, Move
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import xen
from snow_ha_plugin.system.cluster import Cluster
from snow_ha_plugin.system.servers import Servers

Edit = Callable[[cib.Tree], list[Change]]
Locate = Callable[[cib.Tree, set[str]], Mapping[str, str | None]]
Judge = Callable[[cib.Tree, cib.Tree], None]
Tell = Callable[[str], None]

# Others commit too: another administrator's snow-ha, and Pacemaker itself with each operation that ends.
COMMIT_WITHIN_S = 60


def change(cluster: Cluster, edit: Edit, judge: Judge, *, dry_run: bool = False) -> list[Change]:
    """Carry out `edit` on the CIB in one commit, and tell what changed; nothing is committed where nothing did.

    `judge` is given the CIB of before and of after, and raises UnsafeError for what must not be: see `undisturbed`.
    """
    deadline = time.monotonic() + COMMIT_WITHIN_S
    while True:
        # read
        old = cluster.read()
        # decide
        new = cib.clone(old)
        changes = edit(new)
        if not changes:
            return []
        cluster.require_quorum(old)
        # ask
        judge(old, new)
        if dry_run:
            return changes
        # apply
        try:
            cluster.commit(old, new)
        except TryAgainError:
            if time.monotonic() > deadline:
                raise
            # Two that retry in step would meet again.
            time.sleep(random.uniform(0, 0.2))
            continue
        cluster.record(changes, cib.epoch(old))
        return changes


def undisturbed(*, locate: Locate | None = None, moves: Iterable[Move] = (), tell: Tell | None = None) -> Judge:
    """Judge by Pacemaker's scheduler: no domain is disturbed but by `moves`, and no server's failure costs more.

    `locate` gives the server that each new domain runs on now, or None. With `tell` a failure that would cost more is
    told, and is no reason to refuse: room that a new domain takes is room that others lose. Of `unsaid` none is asked.
    """

    moves = tuple(moves)

    def judge(old: cib.Tree, new: cib.Tree) -> None:
        before, after = cib.domains(old), cib.domains(new)
        imagined = cib.clone(new)
        probes.assume(imagined, locate(new, set(after) - set(before)) if locate else {})
        now, then = Outlook(old), Outlook(imagined)
        of_domains = [action for action in then.now.actions if action.resource in after or action.resource in before]
        if disturbed := now.disturbed(of_domains, moves):
            raise UnsafeError(
                "Pacemaker would disturb domains: " + ", ".join(told(action) for action in disturbed),
                "nothing was changed",
                "see the constraints that name them: crm configure show",
            )
        idle = [name for name in after if name not in before and not _starts(new, then, name)]
        if idle and tell:
            tell(_why_idle(new, idle))
        for server, names in _lost_more(now, then).items() if tell is not unsaid else ():
            text = f"if {server} failed, {in_words(names)} would then be lost"
            if tell is None:
                raise UnsafeError(text, "nothing was changed", "see snow ha balance")
            tell(text)

    return judge


def _starts(tree: cib.Tree, then: Outlook, name: str) -> bool:
    return bool(then.now.after.get(name)) or cib.is_stopped(cib.meta(tree, name, "target-role", ""))


def _why_idle(tree: cib.Tree, names: list[str]) -> str:
    told = f"Pacemaker would run {in_words(names)} nowhere"
    if cib.goes_by_sizes(tree) and not any(node.memory_mib for node in cib.nodes(tree)):
        return f"{told}: no server has a capacity yet; run snow ha enable"
    return f"{told}; see the constraints, and snow ha status for memory"


def unsaid(text: str) -> None:
    """For what has been told already, or lasts only as long as the verb runs."""


def cleaning(old: cib.Tree, new: cib.Tree) -> None:
    """The judge of what takes out only what a verb has put in for as long as it ran, and lets Pacemaker go of all that
    it looks after before it is stopped: nothing there to refuse, since what would be left is worse."""


def _lost_more(now: Outlook, then: Outlook) -> dict[str, tuple[str, ...]]:
    """Of the domains that there were before: a new one is no loss."""
    if not then.n_plus_1.stranded:
        return {}
    worse = losses.worse(now.n_plus_1.failures, then.n_plus_1.failures)
    known = {server: tuple(name for name in names if name in now.places) for server, names in worse.items()}
    return {server: names for server, names in known.items() if names}


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


def told(action: Action) -> str:
    """An action of Pacemaker's in a reader's words."""
    return f"{action.task} {action.resource}" + (f" ({action.node})" if action.node else "")


def let_go(cluster: Cluster, edit: Edit, judge: Judge, *, dry_run: bool = False) -> list[Change]:
    """`change` for an edit that takes primitives out: their domains run on, which only holds while an option does."""

    def guarded(tree: cib.Tree) -> list[Change]:
        changes = edit(tree)
        if any(change.action == "unregister" for change in changes):
            cluster.require_orphans_run_on(tree)
        return changes

    return change(cluster, guarded, judge, dry_run=dry_run)
