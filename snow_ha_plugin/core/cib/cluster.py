"""What a CIB says of the cluster: its members and their sizes, its options, its constraints."""

from __future__ import annotations

from collections.abc import Iterator

from snow_ha_plugin.core import timeouts
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.document import Tree, part
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.cib.nvpairs import pairs
from snow_ha_plugin.core.cib.status import is_member
from snow_ha_plugin.core.cib.values import boolean, whole
from snow_ha_plugin.model import Constraint, Node

CONSTRAINT_REFERENCES = ("rsc", "with-rsc", "first", "then")
CONSTRAINT_TAGS = ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket")


def nodes(tree: Tree) -> tuple[Node, ...]:
    """The members, each once: of two entries of one name the one that has a state; remote nodes are none.

    Their CPUs are those that they have, however many vcpus the balancer lets them hold.
    """
    found: dict[str, Tree] = {}
    for node in tree.iterfind("configuration/nodes/node"):
        name = node.get("uname", "")
        if node.get("type") != "remote" and (name not in found or _has_state(tree, node)):
            found[name] = node
    return tuple(
        Node(node.get("id", ""), name, *_sizes(node, ids.of(Kind.OVERCOMMIT, name))) for name, node in found.items()
    )


def stale_nodes(tree: Tree) -> tuple[Node, ...]:
    """Entries of members that another entry of the same name stands for."""
    current = {node.id for node in nodes(tree)}
    return tuple(
        Node(id=node.get("id", ""), name=node.get("uname", ""))
        for node in tree.iterfind("configuration/nodes/node")
        if node.get("type") != "remote" and node.get("id") not in current
    )


def _has_state(tree: Tree, node: Tree) -> bool:
    return is_member(tree.xpath("status/node_state[@id=$id]", id=node.get("id", "")))


def _sizes(node: Tree, overcommit: str) -> tuple[int, int]:
    """A server's memory and CPUs; 0 for what is none."""
    amounts = pairs(node, "utilization", without=overcommit)
    return whole(amounts.get("hv_memory")) or 0, whole(amounts.get("cpu")) or 0


def overcommits(tree: Tree, node: Node) -> bool:
    """Whether a server has the set with which the balancer lets it hold more vcpus than it has CPUs."""
    set_id = ids.of(Kind.OVERCOMMIT, node.name)
    return bool(tree.xpath("configuration/nodes/node/utilization[@id=$id]", id=set_id))


def options(tree: Tree) -> dict[str, str]:
    """The cluster options in force, by name."""
    return pairs(part(tree, "configuration/crm_config"), "cluster_property_set")


def option_is_on(tree: Tree, name: str, *, default: bool) -> bool:
    """A cluster option that is a boolean; `default` is Pacemaker's own."""
    return boolean(options(tree).get(name, ""), default)


def migrations_at_once(tree: Tree) -> int:
    """How many migrations a server takes part in at a time; where nobody limits them, what we would."""
    limit = options(tree).get("migration-limit", "")
    return whole(limit) or timeouts.MIGRATIONS_AT_ONCE


def goes_by_sizes(tree: Tree) -> bool:
    """Whether Pacemaker counts what servers have and resources need."""
    return options(tree).get("placement-strategy", "default") != "default"


def constraints(tree: Tree) -> tuple[Constraint, ...]:
    return tuple(
        Constraint(
            id=element.get("id", ""),
            text=" ".join(f"{key}={value}" for key, value in element.items() if key != "id"),
            resources=tuple(references(element)),
        )
        for element in part(tree, "configuration/constraints")
        if isinstance(element.tag, str)
    )


def references(constraint: Tree) -> Iterator[str]:
    for key in CONSTRAINT_REFERENCES:
        if name := constraint.get(key):
            yield name
    for reference in constraint.iter("resource_ref"):
        yield reference.get("id", "")
