"""From what Pacemaker says of a cluster to the balancer's problem: who is there, how large, and what may move where.

Nothing here knows what a constraint means: the scores are the scheduler's, of a CIB that says only what the
administrator wants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.problem import By, Item, Problem, Server
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.cib.values import INFINITY
from snow_ha_plugin.core.configure import agents
from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import (
    Amounts,
    Answer,
    ClusterState,
    Domain,
    Finding,
    NodeState,
    Primitive,
    ResourceState,
    Severity,
)

# What a domain in the copy that is asked about likes its own server by, so that it stays there and the others' scores
# tell of them as things are now. More than any finite preference that somebody may mean, less than INFINITY.
HOLD = 200_000


class Instance(NamedTuple):
    """A problem, with what it does not say: the `scores` by which the administrator likes servers, and the `stickiness`
    of each domain.

    `idle` are the domains that should run and that Pacemaker starts nowhere.

    `unsized` are the servers and domains that have no size: only without any may Pacemaker be told to go by sizes.
    """

    problem: Problem
    idle: tuple[str, ...]
    stickiness: Mapping[str, int]
    scores: Amounts
    unsized: tuple[str, ...]
    findings: tuple[Finding, ...]


def check(tree: cib.Tree) -> None:
    """DataError for sizes that are none, which Pacemaker would take for 0 without a word."""
    if not cib.nodes(tree):
        raise DataError("the CIB has no servers", remedy="give the CIB of a cluster that has run: cibadmin --query")
    nodes = [(node.get("uname"), node) for node in tree.iterfind("configuration/nodes/node")]
    sized = [(name, cib.pairs(node, "utilization")) for name, node in nodes]
    sized += [(name, primitive.utilization) for name, primitive in cib.domains(tree).items()]
    for name, amounts in sized:
        for key in ("hv_memory", "cpu"):
            if key in amounts and cib.whole(amounts[key]) is None:
                raise DataError(
                    f"the CIB gives {name} the utilization {key}={amounts[key]!r}",
                    "it must be a whole number of 0 or more",
                    "mend it with crm configure edit",
                )


def wanted(tree: cib.Tree) -> cib.Tree:
    """A copy of a CIB that says what the administrator wants: without rules of ours, each domain held where it is, and
    without regard to sizes."""
    copy = cib.clone(tree)
    for element in copy.xpath("configuration/constraints/*[starts-with(@id, $ours)]", ours=ids.OURS):
        cib.drop(element)
    for pair in copy.xpath("configuration//nvpair[@name='resource-stickiness']"):
        pair.set("value", str(HOLD))
    cib.put_pairs(
        cib.section(copy, "rsc_defaults"),
        "meta_attributes",
        ids.of(Kind.COPY, part="hold"),
        {"resource-stickiness": str(HOLD)},
    )
    cib.put_option(copy, ids.of(Kind.COPY, part="sizes-aside"), "placement-strategy", "default")
    return copy


def without_hold(answer: Answer) -> Answer:
    """The answer to `wanted`, with a domain's score on its own server as it would be without HOLD."""
    homes = answer.before
    scores = {
        name: {
            server: value - HOLD if homes.get(name) == (server,) and abs(value) < INFINITY else value
            for server, value in given.items()
        }
        for name, given in answer.scores.items()
    }
    return answer._replace(scores=scores)


def build(
    tree: cib.Tree,
    now: Answer,
    advice: Answer,
    files: Mapping[str, Domain],
    groups: Mapping[str, str],
    by: By,
) -> Instance:
    """The problem of a CIB that passes `check`; `advice` is what the administrator wants, `files` give the sizes that
    the CIB lacks, `groups` the replicas.

    A domain that does not run counts where Pacemaker is about to start it; one that it starts nowhere takes no room.
    """
    state, anyway = now.state, now.after
    findings: list[Finding] = []
    servers = _servers(tree, state, advice, findings)
    number_of = {server.name: number for number, server in enumerate(servers)}
    states = {resource.id: resource for resource in state.resources}
    primitives = dict(sorted(cib.domains(tree).items()))
    running = [
        name
        for name in primitives
        if (states[name].servers if name in states else ()) or anyway.get(name)
    ]  # fmt: skip
    order = {name: number for number, name in enumerate(running)}
    apart = _kept_apart(tree, order)
    stickiness = {
        name: cib.score(value)
        for name, value in cib.metas(tree, "resource-stickiness", "0").items()
        if name in primitives
    }
    roles, migrates = cib.metas(tree, "target-role", ""), cib.metas(tree, "allow-migrate", "")
    single = {each.get("id") for each in tree.iterfind("configuration/resources/primitive")}
    items, unsized = [], [server.name for server in servers if not (server.memory_mib and server.vcpus)]
    for name in running:
        primitive, resource = primitives[name], states.get(name)
        runs_on = (resource.servers if resource else ()) or anyway.get(name, ())
        initial = number_of.get(runs_on[0]) if runs_on else None
        memory, vcpus = size(primitive, files.get(name), advice.sizes.get(name, {}))
        allowed = _allowed(advice, name, servers, initial, stickiness[name])
        why = (
            "its size is unknown; run snow ha sync" if memory is None
            else _why_not(primitive, resource, migrates[name], single=name in single)
            or ("its stickiness is infinite" if stickiness[name] >= INFINITY else "")
            or ("its server is held" if initial is not None and _is_held(servers[initial], state) else "")
            or ("Pacemaker does not say where it may run" if name not in advice.scores else "")
        )  # fmt: skip
        if allowed is not None and not allowed:
            message = f"the constraints leave {name} no server that could take it"
            findings.append(Finding(Severity.WARNING, "no-server-allowed", message, subject=name))
            why = why or "no server may have it"
        if why and initial is not None:
            findings.append(Finding(Severity.INFO, "domain-stays", f"{name} stays where it is: {why}", subject=name))
        if memory is None:
            unsized.append(name)
        items.append(
            Item(
                name, memory or 0, vcpus or 0, initial, allowed, not why and initial is not None, groups.get(name, ""),
                frozenset(order[other] for pair in apart if name in pair for other in pair - {name}),
            )
        )  # fmt: skip
    if by != By.MEMORY and not all(server.vcpus for server in servers if server.takes):
        message = "not all servers' CPUs are known, so only memory counts; run snow ha enable"
        findings.append(Finding(Severity.WARNING, "cpus-unknown", message))
        by = By.MEMORY
    idle = tuple(name for name in primitives if name not in order and not cib.is_stopped(roles[name]))
    problem = Problem(servers, tuple(items), by)
    return Instance(problem, idle, stickiness, advice.scores, tuple(unsized), tuple(findings))


def _servers(tree: cib.Tree, state: ClusterState, advice: Answer, findings: list[Finding]) -> tuple[Server, ...]:
    now = {node.name: node for node in state.nodes}
    # A configuration that no cluster has run yet has no state: then all its servers count as there.
    unknown = tree.find("status/node_state") is None
    servers = []
    for node in sorted(cib.nodes(tree), key=lambda node: node.name):
        takes = unknown or (node.name in now and now[node.name].serves)
        capacity = advice.capacities.get(node.name, {})
        memory, cpus = capacity.get("hv_memory", node.memory_mib), node.cpus
        if not memory:
            message = f"the memory of {node.name} is not known; run snow ha enable"
            findings.append(Finding(Severity.WARNING, "server-size-unknown", message, subject=node.name))
        servers.append(Server(node.name, memory, cpus, takes and memory > 0))
    return tuple(servers)


def _is_held(server: Server, state: ClusterState) -> bool:
    """Whether what is on a server stays: Pacemaker touches nothing under maintenance; a size of 0 tells nothing."""
    here: NodeState | None = next((node for node in state.nodes if node.name == server.name), None)
    return state.maintenance or not server.memory_mib or (here is not None and (here.maintenance or here.unclean))


def size(primitive: Primitive, file: Domain | None, seen: Mapping[str, int]) -> tuple[int | None, int | None]:
    """A domain's memory in MiB and vcpus: as Pacemaker has seen them, or as its primitive has them, or its file."""
    memory = seen.get("hv_memory", cib.whole(primitive.utilization.get("hv_memory")))
    vcpus = seen.get("cpu", cib.whole(primitive.utilization.get("cpu")))
    if file:
        memory, vcpus = (file.memory_mib if memory is None else memory), (file.vcpus if vcpus is None else vcpus)
    return memory, vcpus


def _allowed(
    advice: Answer, name: str, servers: tuple[Server, ...], initial: int | None, stickiness: int
) -> frozenset[int] | None:
    """The servers that Pacemaker likes best, and its own if it sticks there; None where all are liked alike."""
    given = advice.scores.get(name)
    if given is None:
        return None
    scores = {number: given.get(server.name, -INFINITY) for number, server in enumerate(servers)}
    open_to = {number: value for number, value in scores.items() if value > -INFINITY}
    if len(open_to) == len(servers) and len(set(open_to.values())) == 1:
        return None
    best = max((value for number, value in open_to.items() if servers[number].takes), default=None)
    allowed = {number for number, value in open_to.items() if value == best}
    if initial in open_to and best is not None and open_to[initial] + stickiness >= best:
        allowed.add(initial)
    return frozenset(allowed)


def _kept_apart(tree: cib.Tree, names: Mapping[str, int]) -> list[frozenset[str]]:
    """Pairs that a colocation keeps apart at any price: only a hint for the search, which the scheduler judges."""
    pairs = [
        frozenset((found.get("rsc", ""), found.get("with-rsc", "")))
        for found in tree.iterfind("configuration/constraints/rsc_colocation")
        if cib.score(found.get("score")) == -INFINITY
    ]
    return [pair for pair in pairs if len(pair) == 2 and pair <= names.keys()]


def _why_not(primitive: Primitive, resource: ResourceState | None, migrates: str, *, single: bool) -> str:
    """Why a domain cannot move; nothing if it can."""
    if not cib.boolean(migrates or "false") and not (not migrates and primitive.agent == agents.OURS):
        return "it would be restarted instead of migrated; snow ha move does that"
    if not single:
        return "it belongs to a group or clone"
    if resource is None or not resource.servers:
        return "it does not run yet"
    if not resource.managed:
        return "Pacemaker does not manage it"
    if resource.failed or resource.blocked:
        return "it has failed"
    return "something is under way with it" if resource.pending or len(resource.servers) > 1 else ""
