"""The plan in the CIB: rules that keep domains where it puts them, and options that keep servers from overflowing.

A domain that rests where the plan wants it has a rule weaker than its stickiness: the rule says where it starts, but
does not bring it back after a failure to a server that may be half broken. With failback the rule is the stronger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.problem import OVERCOMMIT
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.cib.values import INFINITY
from snow_ha_plugin.core.configure import agents, cluster_options, live
from snow_ha_plugin.model import Change

# What a rule of ours adds to a server's score; with failback so much more than the stickiness.
PULL = 50

# Keeps replicas apart after a failure. All replicas of a role together weigh less than a rule, and far less than
# stickiness: where servers are few, they share one.
APART = -10

# Other than all that only uses scores as a preference, it never puts more on a server than fits.
STRATEGY = "balanced"


class LocationConstraint(NamedTuple):
    id: str
    rsc: str
    node: str
    score: int


def rule(
    name: str, node: str, stickiness: int, better: int = 0, *, replicas: int = 1, beats_stickiness: bool
) -> LocationConstraint:
    """The rule of a domain; `better` is by how much it likes another server, `replicas` how many are kept apart.

    Without a stickiness that would hold it, the rule must outweigh what keeps replicas apart.
    """
    if beats_stickiness:
        score = min(stickiness + better + PULL, INFINITY - 1)
    elif stickiness > 1:
        score = min(PULL, stickiness - 1)
    else:
        score = PULL - APART * replicas
    return LocationConstraint(ids.of(Kind.PLACE, name), name, node, score)


def put(tree: cib.Tree, wanted: Iterable[LocationConstraint]) -> list[Change]:
    """Make these our rules of the domains that they name."""
    present = {element.get("id"): element for element in tree.iterfind("configuration/constraints/rsc_location")}
    changes = []
    for found in wanted:
        element = present.get(found.id)
        if element is None:
            element = cib.add(cib.section(tree, "constraints"), "rsc_location", id=found.id)
        attributes = {"rsc": found.rsc, "node": found.node, "score": str(found.score)}
        if {name: element.get(name) for name in attributes} != attributes:
            for name, value in attributes.items():
                element.set(name, value)
            changes.append(Change("place", found.rsc, f"prefer {found.node} for {found.rsc} (score {found.score})"))
    return changes


def put_apart(tree: cib.Tree, groups: Mapping[str, str]) -> list[Change]:
    """Keep each pair of replicas apart, softly; pairs that are none any more go."""
    members: dict[str, list[str]] = {}
    for name, group in sorted(groups.items()):
        members.setdefault(group, []).append(name)
    pairs = {
        ids.of(Kind.APART, one, other): (one, other)
        for names in members.values()
        for one, other in combinations(names, 2)
    }
    changes = []
    for element in tree.findall("configuration/constraints/rsc_colocation"):
        found = element.get("id", "")
        if ids.is_a(found, Kind.APART) and pairs.pop(found, None) is None:
            cib.drop(element)
            changes.append(
                Change(
                    "apart",
                    element.get("rsc", ""),
                    f"let {element.get('rsc')} and {element.get('with-rsc')} share a server",
                )
            )
    for found, (one, other) in pairs.items():
        cib.add(
            cib.section(tree, "constraints"),
            "rsc_colocation",
            id=found,
            rsc=one,
            score=str(APART),
            **{"with-rsc": other},
        )
        changes.append(Change("apart", one, f"keep {one} and {other} on different servers"))
    return changes


def put_sizes_in_force(tree: cib.Tree, *, vcpus: bool) -> list[Change]:
    """Make Pacemaker go by sizes, with each CPU counting for as many vcpus as the balancer lets it.

    Without `vcpus` each server may hold all that there are. What an administrator has set of it stays.
    """
    changes = []
    if "placement-strategy" not in cib.options(tree):
        cib.put_option(tree, cluster_options.OPTIONS_ID, "placement-strategy", STRATEGY)
        changes.append(Change("option", "placement-strategy", "give no server more than fits, also after a failure"))
    if not cib.goes_by_sizes(tree):
        return changes
    needed = sum(cib.whole(domain.utilization.get("cpu")) or 0 for domain in cib.domains(tree).values())
    for node in cib.nodes(tree):
        element = cib.part(tree, f"configuration/nodes/node[@id='{node.id}']")
        set_id = ids.of(Kind.OVERCOMMIT, node.name)
        count = node.cpus * OVERCOMMIT if vcpus else max(node.cpus * OVERCOMMIT, needed)
        if cib.put_pairs(element, "utilization", set_id, {"cpu": str(count)}):
            # Pacemaker takes the set of the highest score first.
            cib.part(element, f"utilization[@id='{set_id}']").set("score", "1")
            changes.append(Change("capacity", node.name, f"let {node.name} hold {count} vcpus"))
    return changes


def put_meta(tree: cib.Tree, priorities: Mapping[str, int]) -> list[Change]:
    """Who starts first where not all fit, and that our agent migrates live; other agents' domains stay as they are."""
    changes = []
    for name, primitive in cib.domains(tree).items():
        element = cib.resource(tree, name)
        if primitive.agent != agents.OURS or element is None:
            continue
        wanted = {live.OPTION: "true"} | ({"priority": str(priorities[name])} if priorities.get(name) else {})
        missing = {key: value for key, value in wanted.items() if key not in primitive.meta}
        if missing and cib.put_pairs(element, "meta_attributes", ids.of(Kind.META, name), missing):
            text = ", ".join(f"{key}={value}" for key, value in missing.items())
            changes.append(Change("option", name, f"set {text} for {name}"))
    return changes
