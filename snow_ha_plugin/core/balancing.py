"""What `balance` decides: from a CIB and its state to moves, rules, and what still is not as it should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from snow_ha_plugin.core import cib, locationrules, placement, roles, roster, standing
from snow_ha_plugin.core.load import By, Problem, used
from snow_ha_plugin.core.locationrules import Rule
from snow_ha_plugin.core.placement import Limits, Placement
from snow_ha_plugin.core.roster import Roster
from snow_ha_plugin.core.survival import stranded
from snow_ha_plugin.core.wording import in_words
from snow_ha_plugin.model import Change, ClusterState, Domain, Finding, Move, Severity

NO_LIMITS = Limits()


@dataclass(frozen=True)
class Wishes:
    """`apart_off` are the roles whose domains may share servers; `failback` lets domains return by themselves."""

    by: By = By.BOTH
    limits: Limits = NO_LIMITS
    apart_off: frozenset[str] = frozenset()
    failback: bool = False


@dataclass(frozen=True)
class Decision:
    """`resting` are the rules that hold while the moves are made: none of them moves a domain that runs.

    `violations` are what is not as it should be even after the moves.
    """

    roster: Roster
    placement: Placement
    batches: tuple[tuple[Move, ...], ...]
    rules: tuple[Rule, ...]
    resting: tuple[Rule, ...]
    groups: Mapping[str, str]
    priorities: Mapping[str, int]
    violations: tuple[Finding, ...]

    def edit(self, tree: cib.Tree, *, at_rest: bool = False) -> list[Change]:
        """Write all of it but the moves into a CIB; `at_rest` so that it moves nothing that runs."""
        changes = locationrules.put(tree, self.resting if at_rest else self.rules)
        changes += locationrules.put_apart(tree, self.groups)
        changes += locationrules.put_meta(tree, self.priorities)
        if not self.roster.unsized and not _overfull(self.roster.problem, self.placement):
            changes += locationrules.put_sizes_in_force(tree)
        return changes


def decide(
    tree: cib.Tree,
    state: ClusterState,
    files: Mapping[str, Domain],
    roles_of: Mapping[str, Iterable[str]],
    wishes: Wishes,
    *,
    rules_move: bool,
) -> Decision:
    """With `rules_move` the rules themselves make Pacemaker carry the moves out; else they only hold the result."""
    names = sorted(cib.domains(tree))
    groups = roles.groups(names, roles_of, wishes.apart_off)
    found = roster.build(tree, state, files, groups, wishes.by)
    planned = placement.plan(found.problem, wishes.limits)
    places, tenants = found.problem.places, found.problem.tenants
    batches = tuple(
        tuple(
            Move(
                tenants[step.tenant].name, places[step.source].name, places[step.target].name,
                tenants[step.tenant].memory_mib,
            )
            for step in batch
        )
        for batch in planned.batches
    )  # fmt: skip
    return Decision(
        roster=found,
        placement=planned,
        batches=batches,
        rules=_rules(tree, found, planned, wishes.failback, rules_move=rules_move),
        resting=_rules(tree, found, planned, failback=False, rules_move=False),
        groups=groups,
        priorities={name: roles.priority(name, roles_of.get(name, ())) for name in names},
        violations=(*_violations(found.problem, planned), *found.findings),
    )


def _rules(tree: cib.Tree, found: Roster, planned: Placement, failback: bool, *, rules_move: bool) -> tuple[Rule, ...]:
    places = found.problem.places
    rules = []
    for tenant, at in zip(found.problem.tenants, planned.at, strict=True):
        if at is None or (tenant.allowed is not None and at not in tenant.allowed):
            continue
        moves = rules_move and tenant.home is not None and at != tenant.home
        rules.append(
            locationrules.rule(
                tenant.name, places[at].name, found.stickiness[tenant.name], found.rules.pull[tenant.name],
                beats_stickiness=failback or moves,
            )
        )  # fmt: skip
    # A stopped domain takes no memory yet: it will start where there is the most, or where it was meant to.
    before = locationrules.servers(tree)
    free = {
        place.name: place.memory_mib - memory
        for place, (memory, _) in zip(places, used(found.problem, planned.at), strict=True)
        if place.takes and place.memory_mib
    }
    for name in found.stopped:
        liked = {server for server in free if found.rules.scores.get(name, {}).get(server, 0) >= 0}
        server = (
            before.get(name)
            if before.get(name) in free
            else max(sorted(liked), key=lambda one: free[one], default=None)
        )
        if server:
            size = cib.domains(tree)[name].utilization.get("hv_memory", "0")
            free[server] -= int(size) if size.isdecimal() else 0
            rules.append(locationrules.rule(name, server, found.stickiness[name], beats_stickiness=failback))
    return tuple(sorted(rules, key=lambda rule: rule.rsc))


def _overfull(problem: Problem, planned: Placement) -> list[int]:
    return [
        number
        for number, (place, (memory, _)) in enumerate(zip(problem.places, used(problem, planned.at), strict=True))
        if memory > place.memory_mib and place.memory_mib
    ]


def _violations(problem: Problem, planned: Placement) -> list[Finding]:
    places, tenants = problem.places, problem.tenants
    found = []
    for number in _overfull(problem, planned):
        memory = used(problem, planned.at)[number][0]
        message = f"{places[number].name} has {memory} of {places[number].memory_mib} MiB in use"
        found.append(Finding(Severity.ERROR, "server-overfull", message, "stop a domain, or add memory"))
    for number, (tenant, at) in enumerate(zip(tenants, planned.at, strict=True)):
        if at is None:
            found.append(Finding(Severity.ERROR, "no-room", f"no server has room for {tenant.name}", "add a server"))
        elif not places[at].takes and tenant.free:
            found.append(
                Finding(
                    Severity.ERROR,
                    "cannot-leave",
                    f"{tenant.name} cannot leave {places[at].name}: no server has room for it",
                )
            )
        if number in planned.left_out:
            message = f"{tenant.name} stays where it is: no order of moves leaves room for it at every moment"
            found.append(Finding(Severity.WARNING, "left-out", message, "add memory, or stop a domain for a while"))
    shared: dict[tuple[str, int], list[str]] = {}
    for tenant, at in zip(tenants, planned.at, strict=True):
        if tenant.group and at is not None:
            shared.setdefault((tenant.group, at), []).append(tenant.name)
    for (_, at), names in sorted(shared.items()):
        if len(names) > 1:
            message = f"{in_words(names)} share {places[at].name}, which takes them down together"
            found.append(Finding(Severity.WARNING, "replicas-together", message))
    for place, lost in stranded(problem, planned.at).items():
        alone = not any(other.takes for number, other in enumerate(places) if number != place)
        found.append(standing.no_room(places[place].name, [tenants[one].name for one in lost], alone=alone))
    return found
