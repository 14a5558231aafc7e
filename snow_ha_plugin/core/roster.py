"""From a CIB and its state to the balancer's problem: who is there, how large, and what may move where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snow_ha_plugin.core import agents, cib, rules
from snow_ha_plugin.core.load import By, Place, Problem, Tenant
from snow_ha_plugin.core.rules import INFINITY, Rules
from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import ClusterState, Domain, Finding, Node, NodeState, Primitive, ResourceState, Severity

_SECTIONS = {
    "nodes": ("node",),
    "resources": ("primitive", "group", "clone", "master", "bundle", "template"),
    "constraints": ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"),
}

# More than Pacemaker's own numbers hold (utilization is a C int).
TOO_MUCH = 2**31


@dataclass(frozen=True)
class Roster:
    """A problem, with what it does not say: `stopped` domains, and the `stickiness` and `pull` of each domain.

    `unsized` are the servers and domains that have no size: only without any may Pacemaker be told to go by sizes.
    """

    problem: Problem
    stopped: tuple[str, ...]
    stickiness: Mapping[str, int]
    rules: Rules
    unsized: tuple[str, ...]
    findings: tuple[Finding, ...]


def check(tree: cib.Tree) -> None:
    """DataError for what Pacemaker's tools would call invalid in many lines, or take without a word."""
    _refuse_unknown(tree)
    nodes = cib.nodes(tree)
    if not nodes:
        raise DataError("the CIB has no servers", remedy="give the CIB of a cluster that has run: cibadmin --query")
    for primitive in cib.domains(tree).values():
        _size(primitive, None)
    rules.read(tree, [node.name for node in nodes])


def build(
    tree: cib.Tree, state: ClusterState, files: Mapping[str, Domain], groups: Mapping[str, str], by: By
) -> Roster:
    """The problem of a CIB that passes `check`; `files` give the sizes that it lacks, `groups` the replicas."""
    nodes = sorted(cib.nodes(tree), key=lambda node: node.name)
    findings: list[Finding] = []
    places = _places(tree, nodes, state, findings)
    number_of = {place.name: number for number, place in enumerate(places)}
    found = rules.read(tree, list(number_of))
    states = {resource.id: resource for resource in state.resources}
    grouped = {
        primitive.get("id")
        for parent in tree.find("configuration/resources").iter("group", "clone", "master", "bundle")
        for primitive in parent.iter("primitive")
    }
    defaults = (
        cib.pairs(tree.find("configuration/rsc_defaults"), "meta_attributes")
        if tree.find("configuration/rsc_defaults") is not None
        else {}
    )
    primitives = dict(sorted(cib.domains(tree).items()))
    running = [
        name for name, primitive in primitives.items()
        if (states[name].servers if name in states else ()) or _target_role(primitive, defaults) != "stopped"
    ]  # fmt: skip
    order = {name: number for number, name in enumerate(running)}
    stickiness = {
        name: rules.score(primitive.meta.get("resource-stickiness", defaults.get("resource-stickiness")), name)
        for name, primitive in primitives.items()
    }
    tenants, unsized = [], [node.name for node in nodes if not (node.memory_mib and node.cpus)]
    for name in running:
        primitive, resource = primitives[name], states.get(name)
        home = number_of.get(resource.servers[0]) if resource and resource.servers else None
        size = _size(primitive, files.get(name))
        allowed = _allowed(found, name, places, home, stickiness[name])
        why = (
            "its size is unknown; run snow ha sync" if size is None
            else _why_not(primitive, resource, found, defaults)
            or ("it belongs to a group or clone" if name in grouped else "")
            or ("its stickiness is infinite" if stickiness[name] >= INFINITY else "")
            or ("its server is held" if home is not None and _is_held(places[home], state) else "")
        )  # fmt: skip
        if allowed is not None and not allowed:
            findings.append(_warning("no-server-allowed", f"the constraints leave {name} no server that could take it"))
            why = why or "no server may have it"
        if why and home is not None:
            findings.append(Finding(Severity.INFO, "domain-stays", f"{name} stays where it is: {why}"))
        if size is None:
            unsized.append(name)
        tenants.append(
            Tenant(
                name, *(size or (0, 0)), home, allowed, not why and home is not None, groups.get(name, ""),
                frozenset(
                    order[other] for pair in found.barred if name in pair for other in pair - {name} if other in order
                ),
            )
        )  # fmt: skip
    if by != By.MEMORY and not all(place.vcpus for place in places if place.takes):
        findings.append(
            _warning("cpus-unknown", "not all servers' CPUs are known, so only memory counts; run snow ha enable")
        )
        by = By.MEMORY
    stopped = tuple(name for name in primitives if name not in order)
    return Roster(Problem(places, tuple(tenants), by), stopped, stickiness, found, tuple(unsized), tuple(findings))


def _refuse_unknown(tree: cib.Tree) -> None:
    for section, tags in _SECTIONS.items():
        for element in tree.find(f"configuration/{section}"):
            if isinstance(element.tag, str) and element.tag not in tags:
                raise DataError(
                    f"the CIB has <{element.tag}> in its {section}", "Pacemaker knows no such element", "see crm_verify"
                )
            if isinstance(element.tag, str) and not element.get("id"):
                raise DataError(f"the CIB has <{element.tag}> without an id", remedy="see crm_verify")


def _places(tree: cib.Tree, nodes: list[Node], state: ClusterState, findings: list[Finding]) -> tuple[Place, ...]:
    now = {node.name: node for node in state.nodes}
    # A configuration that no cluster has run yet has no state: then all its servers count as there.
    unknown = tree.find("status/node_state") is None
    places = []
    for node in nodes:
        takes = unknown or _is_ready(now.get(node.name))
        if not node.memory_mib:
            findings.append(
                _warning("server-size-unknown", f"the memory of {node.name} is not known; run snow ha enable")
            )
        places.append(Place(node.name, node.memory_mib, node.cpus, takes and node.memory_mib > 0))
    return tuple(places)


def _is_ready(node: NodeState | None) -> bool:
    return node is not None and node.online and not (node.standby or node.maintenance or node.unclean)


def _is_held(place: Place, state: ClusterState) -> bool:
    """Whether what is on a place stays: Pacemaker touches nothing under maintenance; a size of 0 tells nothing."""
    here = next((node for node in state.nodes if node.name == place.name), None)
    return state.maintenance or not place.memory_mib or (here is not None and (here.maintenance or here.unclean))


def _target_role(primitive: Primitive, defaults: Mapping[str, str]) -> str:
    return primitive.meta.get("target-role", defaults.get("target-role", "started")).lower()


def _size(primitive: Primitive, file: Domain | None) -> tuple[int, int] | None:
    """Memory in MiB and vcpus; the domain file's where the CIB has none, None where nobody knows."""
    memory, vcpus = (_number(primitive, name) for name in ("hv_memory", "cpu"))
    if file:
        memory, vcpus = (file.memory_mib if memory is None else memory), (file.vcpus if vcpus is None else vcpus)
    return None if memory is None else (memory, 0 if vcpus is None else vcpus)


def _number(primitive: Primitive, name: str) -> int | None:
    value = primitive.utilization.get(name)
    if value is not None and not (value.isascii() and value.isdecimal() and int(value[:20]) < TOO_MUCH):
        raise DataError(
            f"the CIB gives {primitive.id} the utilization {name}={value!r}",
            "it must be a whole number of 0 or more",
            "mend it with crm configure edit",
        )
    return None if value is None else int(value)


def _allowed(
    found: Rules, name: str, places: tuple[Place, ...], home: int | None, stickiness: int
) -> frozenset[int] | None:
    """The servers that the rules like best, and its own if it sticks there; None where all are liked alike."""
    given = found.scores.get(name, {})
    scores = {number: given.get(place.name, found.default) for number, place in enumerate(places)}
    if found.default == -INFINITY:
        scores = {number: given.get(place.name, -INFINITY) for number, place in enumerate(places)}
    open_to = {number: value for number, value in scores.items() if value > -INFINITY and places[number].takes}
    best = max(open_to.values(), default=0)
    liked = {number for number, value in open_to.items() if value == best}
    if home in open_to and rules.add_scores(open_to[home], stickiness) >= best:
        # What is infinite cannot be outweighed: of two such servers Pacemaker keeps the one that it has.
        liked = {home} if best == INFINITY else liked | {home}
    takers = {number for number, place in enumerate(places) if place.takes}
    return None if liked == takers else frozenset(liked)


def _why_not(primitive: Primitive, resource: ResourceState | None, found: Rules, defaults: Mapping[str, str]) -> str:
    """Why a domain cannot move; nothing if it can."""
    migrates = primitive.meta.get("allow-migrate", defaults.get("allow-migrate"))
    if not cib.boolean(migrates or "false") and not (migrates is None and primitive.agent == agents.OURS):
        return "it cannot migrate live (allow-migrate)"
    if resource is None or not resource.servers:
        return ""
    if not resource.managed:
        return "Pacemaker does not manage it"
    if resource.failed or resource.blocked:
        return "it has failed"
    if resource.pending or len(resource.servers) > 1:
        return "something is under way with it"
    name = primitive.id
    if name in found.tied:
        return f"{found.tied[name]} ties it to another resource"
    return f"snow-ha does not understand {found.unclear[name]}" if name in found.unclear else ""


def _warning(finding_id: str, message: str) -> Finding:
    return Finding(Severity.WARNING, finding_id, message)
