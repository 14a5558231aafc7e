"""What Pacemaker would do: its own scheduler, asked about servers that fail or are drained.

The answer is a place for each domain, and from it what harm that does and whether N+1 holds then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from snow_ha_plugin.core import cib, clusteroptions, harm, standing
from snow_ha_plugin.core.harm import Sharing
from snow_ha_plugin.core.wording import in_words
from snow_ha_plugin.errors import NoSuchObjectError
from snow_ha_plugin.model import Domain, Finding
from snow_ha_plugin.system import pacemaker


@dataclass(frozen=True)
class Outcome:
    """Where each domain runs now and would run afterwards; None is nowhere."""

    before: dict[str, str | None]
    after: dict[str, str | None]
    has_quorum: bool = True

    @property
    def lost(self) -> tuple[str, ...]:
        return harm.lost(self.before, self.after)


@dataclass(frozen=True)
class Consequences:
    """What an outcome means; `n_plus_1` is None where it cannot be told, for the reason in `findings`."""

    lost: tuple[str, ...]
    sharing: tuple[Sharing, ...]
    n_plus_1: bool | None
    stranded: Mapping[str, tuple[str, ...]]
    findings: tuple[Finding, ...]

    @property
    def harm(self) -> str:
        """Why this should not happen, in one line; nothing where no harm is done."""
        told = [found.text for found in self.sharing if found.is_harm]
        return ", and ".join([f"{in_words(self.lost)} would not run", *told] if self.lost else told)


def consequences(
    tree: cib.Tree,
    outcome: Outcome,
    without: Sequence[str],
    groups: Mapping[str, str],
    files: Mapping[str, Domain],
) -> Consequences:
    """What an outcome means that leaves these servers out of service; `groups` are the replicas."""
    stands, findings = standing.of_any(tree, pacemaker.state(tree), files, at=outcome.after, without=without)
    serving = stands.serving if stands else [node.name for node in cib.nodes(tree) if node.name not in without]
    return Consequences(
        lost=outcome.lost,
        sharing=harm.sharing(outcome.before, outcome.after, groups, serving),
        n_plus_1=False if outcome.lost else stands.n_plus_1 if stands else None,
        stranded=stands.stranded if stands else {},
        findings=findings,
    )


def failure_of(tree: cib.Tree, servers: Sequence[str]) -> Outcome:
    """What would become of the domains if these servers failed at once."""
    known = [node.name for node in cib.nodes(tree)]
    for server in servers:
        if server not in known:
            raise NoSuchObjectError(
                f"there is no server {server}", f"the cluster has {', '.join(known)}", "see snow ha status"
            )
    # Without fencing Pacemaker takes a lost server for dead; with it, it waits until it is.
    how = "--node-fail" if clusteroptions.has_fencing(tree) else "--node-down"
    left = sum(cib.is_online(tree, name) for name in known if name not in servers)
    arguments = [word for server in servers for word in (how, server)]
    has_quorum = _has_quorum(left, len(known))
    arguments += ["--quorum", "1" if has_quorum else "0"]
    return replace(outcome(tree, tree, arguments, gone=servers), has_quorum=has_quorum)


def outcome(now: cib.Tree, then: cib.Tree, arguments: Sequence[str] = (), gone: Sequence[str] = ()) -> Outcome:
    """Where the domains of `now` would be after what the scheduler does with `then`; on `gone` servers none is left."""
    before = places(now)
    after = {name: None if server in gone else server for name, server in before.items()}
    for action in pacemaker.simulate(then, arguments):
        if action.resource in after:
            after[action.resource] = None if action.task == "stop" else action.node
    return Outcome(before, after)


def places(tree: cib.Tree) -> dict[str, str | None]:
    """Where each domain runs, as the CIB's own status section has it."""
    running = {resource.id: resource.servers for resource in pacemaker.state(tree).resources}
    return {name: next(iter(running.get(name, ())), None) for name in sorted(cib.domains(tree))}


def _has_quorum(left: int, members: int) -> bool:
    """votequorum(5): more than half, or with two_node one of two."""
    return left * 2 > members or (members == 2 and left == 1)
