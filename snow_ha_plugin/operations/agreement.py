"""A plan that Pacemaker agrees to: what `balance` would write is put to the scheduler, and each server's failure then.

What the scheduler does otherwise is planned around; what stays a contradiction is told with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer import loader, replicas
from snow_ha_plugin.core.balancer.decision import Decision, Enforced, Wishes, decide
from snow_ha_plugin.core.balancer.n_plus_one import stranded
from snow_ha_plugin.core.reports import losses
from snow_ha_plugin.core.reports.health import NPlus1
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import TimedOutError
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations import simulation
from snow_ha_plugin.operations.simulation import DISTURBING, Outlook
from snow_ha_plugin.operations.survey import survey
from snow_ha_plugin.system import scheduler

# How often a plan is changed after what the scheduler said of it, before no domain moves at all.
ATTEMPTS = 6

# Going by sizes costs the scheduler a minute for each transition at 32 servers and 1000 domains, and a second without
# (measured, 2.1.5): where that is so it is not put in force.
PATIENCE_S = 15

# What is put in force, and whether large domains are placed first: from what is wanted most to what changes the least.
WAYS = (
    (Enforced.SIZES, False),
    (Enforced.SIZES, True),
    (Enforced.MEMORY, False),
    (Enforced.MEMORY, True),
    (Enforced.NOTHING, False),
)


class Agreement(NamedTuple):
    """A decision, and whether N+1 holds after it; `refused` says why nothing may be written."""

    decision: Decision
    after: NPlus1
    refused: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        found = [*self.after.findings, *self.decision.violations]
        if self.refused:
            message = f"nothing can be changed: {self.refused}"
            found.insert(0, Finding(Severity.WARNING, "no-plan", message, "see snow ha what-if, and add memory"))
        return tuple(found)


def agree(outlook: Outlook, roles_of: Mapping[str, tuple[str, ...]], wishes: Wishes, *, rules_move: bool) -> Agreement:
    """The best plan that Pacemaker agrees to; with `rules_move` the moving rules are those that are written."""
    groups = replicas.groups(outlook.domains, roles_of, wishes.apart_off)
    found = survey(outlook, groups, wishes.by)
    search = _Search(outlook, found, roles_of, groups, wishes, rules_move)
    refused = ""
    for enforced, large_first in WAYS:
        agreement, refused = search.agreed(enforced, large_first=large_first)
        if agreement:
            return search.with_n_plus_1(agreement) or agreement
    nothing = decide(
        outlook.tree, found, roles_of, groups, wishes, fixed=outlook.domains.keys(), enforced=Enforced.NOTHING
    )
    nothing = nothing._replace(moving=(), resting=(), final=())
    return Agreement(nothing, outlook.n_plus_1, refused)


class _Search:
    def __init__(
        self, outlook: Outlook, found: loader.Instance, roles_of: Mapping[str, tuple[str, ...]],
        groups: Mapping[str, str], wishes: Wishes, rules_move: bool,
    ) -> None:  # fmt: skip
        self.outlook, self.found, self.roles_of, self.groups = outlook, found, roles_of, groups
        self.wishes, self.rules_move = wishes, rules_move
        self.too_slow = ""

    def with_n_plus_1(self, found: Agreement) -> Agreement | None:
        """A plan with which N+1 holds, where only Pacemaker's order or its counting of vcpus stands in the way."""
        decision = found.decision
        if not found.after.stranded or stranded(decision.instance.problem, decision.placement.assignment):
            return None
        for enforced, large_first in WAYS[1:-1]:
            agreement, _ = self.agreed(enforced, large_first=large_first)
            if agreement and agreement.after.holds:
                return agreement
        return None

    def agreed(self, enforced: Enforced, *, large_first: bool = False) -> tuple[Agreement | None, str]:
        """A plan with these sizes in force; nothing, and why, where Pacemaker would do otherwise or lose more."""
        if self.too_slow and enforced != Enforced.NOTHING:
            return None, self.too_slow
        fixed: set[str] = set()
        reason = ""
        for attempt in range(ATTEMPTS):
            decision = decide(
                self.outlook.tree, self.found, self.roles_of, self.groups, self.wishes,
                fixed=fixed, enforced=enforced, large_first=large_first,
            )  # fmt: skip
            try:
                surprised, reason, settled = self._put(decision)
            except TimedOutError:
                self.too_slow = f"with sizes in force Pacemaker would take more than {PATIENCE_S} s for each decision"
                return None, self.too_slow
            movers = decision.targets.keys()
            if not surprised and movers:
                surprised = self._moved_again(decision, settled)
            if not surprised:
                break
            if not movers:
                return None, reason
            fixed |= surprised & movers if surprised & movers and attempt < ATTEMPTS - 2 else set(movers)
        else:
            return None, reason
        after = settled.n_plus_1
        if after.stranded:
            worse = losses.worse(self.outlook.n_plus_1.failures, after.failures)
            # What is overfull already is relieved first: what its neighbour's failure costs is no comparison.
            if worse and max(self.outlook.loads.values(), default=0.0) <= 1:
                server, names = next(iter(worse.items()))
                return None, f"if {server} failed then, {in_words(names)} would be lost, and today would not"
        return Agreement(decision, after), ""

    def _put(self, decision: Decision) -> tuple[set[str], str, Outlook]:
        """What the scheduler does otherwise than planned, and how; and the cluster as it is then."""
        outlook = self.outlook
        moving = cib.clone(outlook.tree)
        decision.edit(moving, decision.moving)
        is_new = cib.options(moving).get("placement-strategy") != cib.options(outlook.tree).get("placement-strategy")
        timeout_s = PATIENCE_S if is_new else scheduler.TIMEOUT_S
        answer = scheduler.ask(moving, timeout_s=timeout_s)
        surprised, told = set(), []
        targets, now, anyway = decision.targets, outlook.now.before, outlook.now.after
        for resource, servers in answer.after.items():
            expected = [(targets[resource],)] if resource in targets else [now.get(resource, ()), anyway.get(resource)]
            if servers not in expected:
                surprised.add(resource)
                told.append(f"{resource} would go to {in_words(servers) or 'no server'}")
        for action in outlook.disturbed(answer.actions, (move for batch in decision.batches for move in batch)):
            if now.get(action.resource):
                surprised.add(action.resource)
                told.append(f"{action.task} {action.resource}")
        if surprised:
            return surprised, self._said(told), outlook
        final = moving
        if not self.rules_move:
            final = cib.clone(outlook.tree)
            decision.edit(final, decision.final)
        settled = simulation.settled(moving, answer, final, outlook.files, timeout_s=timeout_s)
        back = [action for action in settled.now.actions if action.task in DISTURBING]
        told = [f"{action.task} {action.resource} again" for action in back]
        return {action.resource for action in back}, self._said(told), settled

    def _moved_again(self, decision: Decision, settled: Outlook) -> set[str]:
        """One domain that the next run would move once more, if there is one: what the administrator wants of it
        changes with where others are, as two domains that dislike each other would both leave, and meet again."""
        found = survey(settled, self.groups, self.wishes.by)
        again = decide(settled.tree, found, self.roles_of, self.groups, self.wishes)
        return set(sorted(again.targets.keys() & decision.targets.keys())[:1])

    def _said(self, told: list[str]) -> str:
        return f"Pacemaker would do otherwise: {', '.join(sorted(set(told)))}" if told else ""
