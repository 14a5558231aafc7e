"""What Pacemaker would know, written into a CIB's status section: what its probes would find, or that servers failed.

With it the scheduler can be asked what it will do then. Only for a copy that is simulated: a real history is
Pacemaker's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.model import Primitive

RUNNING = 0
NOT_RUNNING = 7


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

    To have crm_simulate itself do it takes a run as long as that which then tells what comes of it.
    """
    crmd, member = ("online", "member") if fenced else ("offline", "down")
    status = _child(tree, "status")
    for node in cib.nodes(tree):
        if node.name not in servers:
            continue
        states = [state for state in status if state.get("uname") == node.name]
        for state in states or [cib.add(status, "node_state", id=node.id, uname=node.name)]:
            state.attrib.update({"in_ccm": "false", "crmd": crmd, "join": member, "expected": member})
            for known in () if fenced else [*state.iterfind("lrm"), *state.iterfind("transient_attributes")]:
                state.remove(known)
    tree.set("have-quorum", str(int(quorum)))


def without_idle_probes(tree: cib.Tree) -> cib.Tree:
    """A copy without the results of probes that have found nothing, which are most of a large cluster's CIB.

    The scheduler says the same of it: what it has not probed it takes for stopped, since the copy has startup probes
    switched off.
    """
    thin = cib.clone(tree)
    for resource in thin.findall("status/node_state/lrm/lrm_resources/lrm_resource"):
        found = [(each.get("operation"), each.get("rc-code"), each.get("op-status")) for each in resource]
        if found == [("monitor", str(NOT_RUNNING), "0")]:
            cib.drop(resource)
    cib.put_option(thin, cib.ids.of(cib.ids.Kind.COPY, part="thin"), "enable-startup-probes", "false")
    return thin


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
