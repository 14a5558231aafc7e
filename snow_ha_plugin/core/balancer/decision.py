"""What `balance` decides: from a CIB and its state to moves, rules, and what still is not as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import Enum, auto
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer import planner, replicas
from snow_ha_plugin.core.balancer.loader import Instance
from snow_ha_plugin.core.balancer.planner import Limits, Placement
from snow_ha_plugin.core.balancer.problem import By, Problem, used
from snow_ha_plugin.core.configure import location
from snow_ha_plugin.core.configure.location import LocationConstraint
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import TryAgainError
from snow_ha_plugin.model import Change, Finding, Move, Severity

NO_LIMITS = Limits()

# What one step of size is in priority: more than all roles together, so that who is large is placed first.
LARGE = 100


class Enforced(Enum):
    """What Pacemaker is to count: memory and vcpus, memory alone, or what it counts already."""

    SIZES = auto()
    MEMORY = auto()
    NOTHING = auto()


class Wishes(NamedTuple):
    """`apart_off` are the roles whose domains may share servers; `failback` lets domains return by themselves."""

    by: By = By.BOTH
    limits: Limits = NO_LIMITS
    apart_off: frozenset[str] = frozenset()
    failback: bool = False


class Decision(NamedTuple):
    """`moving` are the rules by which Pacemaker would carry the moves out, `resting` those that only hold the result,
    and `final` those that stay.

    `violations` are what is not as it should be even after the moves.
    """

    instance: Instance
    placement: Placement
    batches: tuple[tuple[Move, ...], ...]
    moving: tuple[LocationConstraint, ...]
    resting: tuple[LocationConstraint, ...]
    final: tuple[LocationConstraint, ...]
    groups: Mapping[str, str]
    priorities: Mapping[str, int]
    enforced: Enforced
    violations: tuple[Finding, ...]

    @property
    def targets(self) -> dict[str, str]:
        """Where each domain that moves is in the end."""
        return {move.domain: move.target for batch in self.batches for move in batch}

    def edit(self, tree: cib.Tree, rules: Iterable[LocationConstraint]) -> list[Change]:
        """Write all of it but the moves into a CIB; TryAgainError where one of its domains has been taken out of it."""
        there = {primitive.get("id") for primitive in tree.iter("primitive")}
        if gone := [name for name in self.priorities if name not in there]:
            raise TryAgainError(f"somebody else has removed {in_words(gone)}", remedy="run the command again")
        changes = location.put(tree, rules)
        changes += location.put_apart(tree, self.groups)
        changes += location.put_meta(tree, self.priorities)
        if self.enforced != Enforced.NOTHING and not (
            self.instance.unsized or _overfull(self.instance.problem, self.placement)
        ):
            changes += location.put_sizes_in_force(tree, vcpus=self.enforced == Enforced.SIZES)
        return changes


def decide(
    tree: cib.Tree,
    found: Instance,
    roles_of: Mapping[str, Iterable[str]],
    groups: Mapping[str, str],
    wishes: Wishes,
    *,
    fixed: Collection[str] = (),
    enforced: Enforced = Enforced.SIZES,
    large_first: bool = False,
) -> Decision:
    """The best plan that leaves the domains of `fixed` where they are; `large_first` lets Pacemaker place the domains
    that need the most memory first."""
    problem = found.problem
    if fixed:
        kept = [item._replace(movable=item.movable and item.name not in fixed) for item in problem.items]
        problem = problem._replace(items=tuple(kept))
        found = found._replace(problem=problem)
    planned = planner.plan(problem, wishes.limits)
    servers, items = problem.servers, problem.items
    batches = tuple(
        tuple(
            Move(
                items[step.item].name, servers[step.source].name, servers[step.target].name,
                items[step.item].memory_mib,
            )
            for step in batch
        )
        for batch in planned.batches
    )  # fmt: skip
    priorities = {name: replicas.priority(name, roles_of.get(name, ())) for name in cib.domains(tree)}
    if large_first:
        by_size = sorted({item.memory_mib for item in items})
        priorities |= {item.name: LARGE * by_size.index(item.memory_mib) for item in items}
    return Decision(
        instance=found,
        placement=planned,
        batches=batches,
        moving=_rules(tree, found, planned, groups, failback=wishes.failback, moving=True),
        resting=_rules(tree, found, planned, groups),
        final=_rules(tree, found, planned, groups, failback=wishes.failback),
        groups=groups,
        priorities=priorities,
        enforced=enforced,
        violations=(*_idle(found), *_violations(problem, planned), *found.findings),
    )


def _rules(
    tree: cib.Tree,
    found: Instance,
    planned: Placement,
    groups: Mapping[str, str],
    *,
    failback: bool = False,
    moving: bool = False,
) -> tuple[LocationConstraint, ...]:
    servers = found.problem.servers
    replicas = Counter(groups.values())
    rules = []
    for item, there in zip(found.problem.items, planned.assignment, strict=True):
        if there is None or (item.allowed is not None and there not in item.allowed):
            continue
        liked = found.scores.get(item.name, {})
        better = max((liked.get(server.name, 0) for server in servers), default=0) - liked.get(servers[there].name, 0)
        moves = moving and item.initial is not None and there != item.initial
        rules.append(
            location.rule(
                item.name, servers[there].name, found.stickiness[item.name], max(better, 0),
                replicas=replicas[groups.get(item.name, "")],
                beats_stickiness=failback or moves,
            )
        )  # fmt: skip
    return tuple(sorted(rules, key=lambda rule: rule.rsc))


def _overfull(problem: Problem, planned: Placement) -> list[int]:
    return [
        number
        for number, (server, (memory, _)) in enumerate(
            zip(problem.servers, used(problem, planned.assignment), strict=True)
        )
        if memory > server.memory_mib and server.memory_mib
    ]


def _idle(found: Instance) -> list[Finding]:
    remedy = "see its constraints, and memory"
    return [
        Finding(Severity.ERROR, "no-room", f"Pacemaker starts {name} on no server", remedy, subject=name)
        for name in found.idle
    ]


def _violations(problem: Problem, planned: Placement) -> list[Finding]:
    servers, items = problem.servers, problem.items
    found = []
    for number in _overfull(problem, planned):
        server, memory = servers[number], used(problem, planned.assignment)[number][0]
        message = f"{server.name} has {memory} of {server.memory_mib} MiB in use"
        remedy = "stop a domain, or add memory"
        found.append(Finding(Severity.ERROR, "server-overfull", message, remedy, subject=server.name))
    for number, (item, there) in enumerate(zip(items, planned.assignment, strict=True)):
        if there is not None and not servers[there].takes and item.movable:
            message = f"{item.name} cannot leave {servers[there].name}: no server has room for it"
            found.append(Finding(Severity.ERROR, "cannot-leave", message, subject=item.name))
        if number in planned.left_out:
            message = f"{item.name} stays where it is: no order of moves leaves room for it at every moment"
            remedy = "add memory, or stop a domain for a while"
            found.append(Finding(Severity.WARNING, "left-out", message, remedy, subject=item.name))
    shared: dict[tuple[str, int], list[str]] = {}
    for item, there in zip(items, planned.assignment, strict=True):
        if item.spread_group and there is not None:
            shared.setdefault((item.spread_group, there), []).append(item.name)
    for (_, there), names in sorted(shared.items()):
        if len(names) > 1:
            message = f"{in_words(names)} share {servers[there].name}, which takes them down together"
            found.append(Finding(Severity.WARNING, "replicas-together", message, subject=" ".join(names)))
    return found
