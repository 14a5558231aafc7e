"""What Pacemaker would do: its own scheduler, asked about servers that fail. The answer is a place for each domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snow_ha_plugin.core import cib, clusteroptions
from snow_ha_plugin.errors import NoSuchObjectError
from snow_ha_plugin.system import pacemaker


@dataclass(frozen=True)
class Outcome:
    """Where each domain runs now and would run afterwards; None is nowhere."""

    before: dict[str, str | None]
    after: dict[str, str | None]

    @property
    def lost(self) -> tuple[str, ...]:
        """The domains that run now and would not run any more."""
        return tuple(name for name, server in self.before.items() if server and not self.after[name])


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
    arguments += ["--quorum", "1" if _has_quorum(left, len(known)) else "0"]
    return outcome(tree, tree, arguments, gone=servers)


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
