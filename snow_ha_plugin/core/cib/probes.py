"""What Pacemaker would know, written into a CIB's status section: what its probes would find, that servers failed,
or that domains have been migrated.

With it the scheduler can be asked what it will do then. Only for a copy that is simulated: a real history is
Pacemaker's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.model import Answer, Primitive

RUNNING = 0
NOT_RUNNING = 7

# What a domain's server has done with one that runs, each with the result 0.
_UNDISTURBED = [(task, str(RUNNING), "0") for task in ("start", "monitor", "migrate_from")]


def assume(tree: cib.Tree, found: Mapping[str, str | None]) -> None:
    """For each resource that has no history, let a probe have found it on a node, or (None) nowhere."""
    primitives = {primitive.id: primitive for primitive in cib.primitives(tree)}
    for state in tree.iterfind("status/node_state"):
        resources = _child(_child(state, "lrm", id=state.get("id", "")), "lrm_resources")
        known = {resource.get("id") for resource in resources}
        for name, node in found.items():
            if name in primitives and name not in known:
                code = RUNNING if node == state.get("uname") else NOT_RUNNING
                _add_probe(resources, primitives[name], state.get("uname", ""), code, tree)


def fail(tree: cib.Tree, servers: Collection[str], *, fenced: bool, quorum: bool) -> None:
    """Let servers be lost as crm_simulate has it: with `fenced` as by `--node-fail`, still to be fenced, else as by
    `--node-down`, dead; `quorum` is what the others have.

    A lost server's controller is gone, which `--node-fail` leaves out: one that shuts down would go on doing so.

    To have crm_simulate itself do it takes a run as long as that which then tells what comes of it.
    """
    member = "member" if fenced else "down"
    status = _child(tree, "status")
    for node in cib.nodes(tree):
        if node.name not in servers:
            continue
        states = [state for state in status if state.get("uname") == node.name]
        for state in states or [cib.add(status, "node_state", id=node.id, uname=node.name)]:
            state.attrib.update({"in_ccm": "false", "crmd": "offline", "join": member, "expected": member})
            for known in () if fenced else [*state.iterfind("lrm"), *state.iterfind("transient_attributes")]:
                state.remove(known)
    tree.set("have-quorum", str(int(quorum)))


def without_idle_probes(tree: cib.Tree) -> cib.Tree:
    """A copy without the results of probes that have found nothing, which are most of a large cluster's CIB.

    The scheduler says the same of it: what it has not probed it takes for stopped, since the copy has startup probes
    switched off. Those of a migration's two servers stay: on its target the probe is what makes it half done.
    """
    thin = cib.clone(tree)
    histories = [
        (state.get("uname"), history)
        for state in thin.iterfind("status/node_state")
        for history in state.iterfind("lrm/lrm_resources/lrm_resource")
    ]
    ends = {
        (operation.get(end), history.get("id"))
        for _, history in histories
        for operation in history
        for end in ("migrate_source", "migrate_target")
    }
    for server, history in histories:
        found = [(each.get("operation"), each.get("rc-code"), each.get("op-status")) for each in history]
        if found == [("monitor", str(NOT_RUNNING), "0")] and (server, history.get("id")) not in ends:
            cib.drop(history)
    cib.put_option(thin, cib.ids.of(cib.ids.Kind.COPY, part="thin"), "enable-startup-probes", "false")
    return thin


def migrated(tree: cib.Tree, answer: Answer) -> cib.Tree | None:
    """A copy in which the migrations that the scheduler wants have ended well: what a domain's server knows of it the
    other one knows. None where more is to happen, or where a domain has a history that is not simply one of running.

    To have crm_simulate carry migrations out takes it a copy of the CIB for each of their actions.
    """
    arrived = without_idle_probes(tree)
    known = {state.get("uname"): state.find("lrm/lrm_resources") for state in arrived.iterfind("status/node_state")}
    histories = {(server, each.get("id")): each for server, of in known.items() if of is not None for each in of}
    before = answer.before
    for action in answer.actions:
        sources = before.get(action.resource, ())
        here = histories.get((sources[0], action.resource)) if len(sources) == 1 else None
        target = known.get(action.node)
        if action.task != "migrate" or here is None or target is None or not _runs(here):
            return None
        if (there := histories.get((action.node, action.resource))) is not None:
            cib.drop(there)
        target.append(here)
        for operation in here:
            operation.set("on_node", action.node)
    return arrived


def _runs(history: cib.Tree) -> bool:
    """Whether a history says that a resource runs, and nothing else: no failure, no migration of before."""
    told = [(each.get("operation"), each.get("rc-code"), each.get("op-status")) for each in history]
    return bool(told) and all(each in _UNDISTURBED for each in told)


def _child(parent: cib.Tree, tag: str, **attributes: str) -> cib.Tree:
    child = parent.find(tag)
    return cib.add(parent, tag, **attributes) if child is None else child


def _add_probe(resources: cib.Tree, primitive: Primitive, node: str, code: int, tree: cib.Tree) -> None:
    agent_class, *provider, agent_type = primitive.agent.split(":")
    agent = {"class": agent_class, "type": agent_type} | ({"provider": provider[0]} if provider else {})
    key = f"1:1:{NOT_RUNNING}:00000000-0000-0000-0000-000000000000"
    probe = {
        "operation": "monitor",
        "operation_key": f"{primitive.id}_monitor_0",
        "crm_feature_set": tree.get("crm_feature_set", ""),
        "transition-key": key,
        "transition-magic": f"0:{code};{key}",
        "on_node": node,
        "call-id": "1",
        "rc-code": str(code),
        "op-status": "0",
        "interval": "0",
        "op-digest": _digest(primitive.parameters),
    }
    history = cib.add(resources, "lrm_resource", id=primitive.id, **agent)
    cib.add(history, "lrm_rsc_op", id=f"{primitive.id}_last_0", **probe)


def _digest(parameters: Mapping[str, str]) -> str:
    """Pacemaker's digest of a resource's parameters; another one reads as "resource definition change".

    calculate_operation_digest() hashes the element as its own XML writer puts it: a leading space, names in
    order, always double quotes, a newline at the end (measured with 2.1.5 and 3.0.0, which differ in how they
    write an apostrophe: a value with one reads as changed, and the verb refuses).
    """
    written = etree.tostring(etree.Element("parameters", dict(sorted(parameters.items()))), encoding="unicode")
    return hashlib.md5(f" {written}\n".encode(), usedforsecurity=False).hexdigest()
