"""The CIB: bytes to an lxml tree and back, what is in it as values, and the few ways in which we change it.

Rules that never differ between Pacemaker 1.1 and 3.0 are the only ones used here: constraints with `node` and
`score`, one set of each kind per element of ours. What is ours is known by its id (`OURS`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from snow_ha_plugin.core.scores import score
from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import Constraint, Node, Primitive

# An lxml element; lxml brings no types.
Tree = Any

OURS = "snow-ha-"

# Pacemaker itself puts the set of this id before all others (pcmk's "cib-bootstrap-options" special case).
ADMIN_OPTIONS = "cib-bootstrap-options"

_CONSTRAINT_REFERENCES = ("rsc", "with-rsc", "first", "then")
_CONSTRAINT_TAGS = ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket")


def parse(data: bytes, source: str = "the CIB") -> Tree:
    """The tree of a CIB; DataError if it is cut short, is no CIB, or lacks a section that each CIB has."""
    # Entities and the network stay off: a CIB has neither, and the file may come from anywhere.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    try:
        tree = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise DataError(f"{source} is not whole XML", str(error.msg), "give the output of cibadmin --query") from None
    if tree.getroottree().docinfo.doctype:
        raise DataError(f"{source} is no CIB", "it has a document type", "give the output of cibadmin --query")
    if tree.tag != "cib":
        raise DataError(f"{source} is no CIB", f"its root is <{tree.tag}>", "give the output of cibadmin --query")
    for section in ("crm_config", "nodes", "resources", "constraints"):
        if tree.find(f"configuration/{section}") is None:
            raise DataError(
                f"{source} is no complete CIB",
                f"configuration/{section} is missing",
                "give the output of cibadmin --query",
            )
    for version in ("admin_epoch", "epoch", "num_updates"):
        if not tree.get(version, "0").isdecimal():
            raise DataError(f"{source} is no CIB", f"its {version} is no number", "give the output of cibadmin --query")
    return tree


def reconfigured(tree: Tree, configured: Tree) -> Tree:
    """A CIB with the configuration of `configured`, and all else, versions and states, of `tree`."""
    changed = clone(tree)
    changed.replace(changed.find("configuration"), clone(configured.find("configuration")))
    return changed


def empty() -> Tree:
    """The CIB of a cluster that nobody has configured yet."""
    sections = "".join(f"<{name}/>" for name in ("crm_config", "nodes", "resources", "constraints"))
    return parse(f"<cib><configuration>{sections}</configuration><status/></cib>".encode())


def serialize(tree: Tree) -> bytes:
    return bytes(etree.tostring(tree, pretty_print=True))


def clone(tree: Tree) -> Tree:
    return copy.deepcopy(tree)


def epoch(tree: Tree) -> str:
    """The version of the configuration as crm_mon and the logs write it; num_updates counts states only."""
    return f"{tree.get('admin_epoch', '0')}.{tree.get('epoch', '0')}"


def raise_epoch(tree: Tree) -> None:
    tree.set("epoch", str(int(tree.get("epoch", "0")) + 1))
    tree.set("num_updates", "0")


def raise_num_updates(tree: Tree) -> None:
    """Make a patch to this tree one that Pacemaker takes: the target must be newer than the source.

    Pacemaker raises the epoch itself; a patch that raises it too would count as two changes (measured, 2.1.5).
    """
    tree.set("num_updates", str(int(tree.get("num_updates", "0")) + 1))


def has_quorum(tree: Tree) -> bool:
    return bool(tree.get("have-quorum") == "1")


def section(tree: Tree, name: str) -> Tree:
    """A section of the configuration, made where the CIB has none yet (rsc_defaults, op_defaults)."""
    configuration = tree.find("configuration")
    found = configuration.find(name)
    return add(configuration, name) if found is None else found


# --- what is there


def nodes(tree: Tree) -> tuple[Node, ...]:
    """The members, each once: of two entries of one name the one that has a state; remote nodes are none.

    Their CPUs are those that they have, however many vcpus the balancer lets them hold.
    """
    found: dict[str, Tree] = {}
    for node in tree.iterfind("configuration/nodes/node"):
        name = node.get("uname", "")
        if node.get("type") != "remote" and (name not in found or _has_state(tree, node)):
            found[name] = node
    return tuple(Node(node.get("id", ""), name, *_sizes(node, overcommit_id(name))) for name, node in found.items())


def stale_nodes(tree: Tree) -> tuple[Node, ...]:
    """Entries of members that another entry of the same name stands for."""
    current = {node.id for node in nodes(tree)}
    return tuple(
        Node(id=node.get("id", ""), name=node.get("uname", ""))
        for node in tree.iterfind("configuration/nodes/node")
        if node.get("type") != "remote" and node.get("id") not in current
    )


def _has_state(tree: Tree, node: Tree) -> bool:
    return _is_member(tree.xpath("status/node_state[@id=$id]", id=node.get("id", "")))


def primitives(tree: Tree) -> tuple[Primitive, ...]:
    """Every primitive, also those in groups and clones."""
    return tuple(_primitive(element) for element in tree.find("configuration/resources").iter("primitive"))


def domains(tree: Tree) -> dict[str, Primitive]:
    """The primitives that run Xen domains, ours and others', by id."""
    elements = tree.find("configuration/resources").iter("primitive")
    found = (_primitive(element) for element in elements if element.get("type") in ("Xen", None))
    return {primitive.id: primitive for primitive in found if primitive.is_domain}


def domain(tree: Tree, name: str) -> Primitive | None:
    """The primitive of that id if it runs a Xen domain; much cheaper than all `domains`."""
    element = resource(tree, name)
    primitive = _primitive(element) if element is not None and element.tag == "primitive" else None
    return primitive if primitive and primitive.is_domain else None


def resource(tree: Tree, resource_id: str) -> Tree | None:
    """The element of a resource (a primitive, group, clone ... or template) of that id."""
    for element in tree.find("configuration/resources").iter(
        "primitive", "group", "clone", "master", "bundle", "template"
    ):
        if element.get("id") == resource_id:
            return element
    return None


def pairs(element: Tree, set_tag: str, *, without: str = "") -> dict[str, str]:
    """Names and values of an element's sets of one kind, those of sets that are named by id-ref too.

    Of a name that comes twice the set of the highest score counts, as in Pacemaker. What a rule in a set says of when
    it holds is not asked here, and the set of the id `without` does not count.
    """
    found: dict[str, str] = {}
    sets = [_referred(each) for each in element.iterfind(set_tag) if not without or each.get("id") != without]
    for pair_set in sorted(sets, key=_rank) if len(sets) > 1 else sets:
        for pair in pair_set.iterfind("nvpair"):
            pair = _referred(pair)
            found.setdefault(pair.get("name", ""), pair.get("value", ""))
    return found


def _referred(element: Tree) -> Tree:
    """The element itself, or the one that it stands for."""
    reference = element.get("id-ref")
    if not reference:
        return element
    named = element.xpath("ancestor::configuration//*[@id=$id]", id=reference)
    return named[0] if named else element


def _rank(pair_set: Tree) -> int:
    return -score(pair_set.get("score")) if re.fullmatch(r"[+-]?(\d+|INFINITY)", pair_set.get("score", "0")) else 0


def parent(tree: Tree, resource_id: str) -> Tree | None:
    """The group, clone or bundle that a resource is in."""
    element = resource(tree, resource_id)
    found = None if element is None else element.getparent()
    return None if found is None or found.tag == "resources" else found


def meta(tree: Tree, resource_id: str, name: str, default: str) -> str:
    """A resource's meta attribute as it is in force: its own, its template's, that of what it is in, or a default."""
    element = resource(tree, resource_id)
    while element is not None and element.tag != "resources":
        for source in (element, *_templates(element)):
            found = pairs(source, "meta_attributes")
            if name in found:
                return found[name]
        element = element.getparent()
    defaults = tree.find("configuration/rsc_defaults")
    return default if defaults is None else pairs(defaults, "meta_attributes").get(name, default)


def _templates(element: Tree) -> list[Tree]:
    name = element.get("template")
    return list(element.xpath("ancestor::resources/template[@id=$id]", id=name)) if name else []


def template_operation(element: Tree, name: str) -> Tree | None:
    """The operation of that name that a primitive has from its template."""
    return next((op for each in _templates(element) for op in each.iterfind(f"operations/op[@name='{name}']")), None)


def options(tree: Tree) -> dict[str, str]:
    """The cluster options in force, by name."""
    found: dict[str, str] = {}
    for options_set in _option_sets(tree):
        for pair in options_set.iterfind("nvpair"):
            found.setdefault(pair.get("name", ""), pair.get("value", ""))
    return found


def _option_sets(tree: Tree) -> list[Tree]:
    """The sets of cluster options; of an option that comes twice the first counts."""
    sets: list[Tree] = tree.findall("configuration/crm_config/cluster_property_set")
    return sorted(sets, key=lambda options_set: options_set.get("id") != ADMIN_OPTIONS)


def goes_by_sizes(tree: Tree) -> bool:
    """Whether Pacemaker counts what servers have and resources need."""
    return options(tree).get("placement-strategy", "default") != "default"


def boolean(text: str) -> bool:
    """As Pacemaker reads a boolean (crm_str_to_boolean); what is none of its words counts as false."""
    return text.lower() in ("true", "yes", "on", "1", "y")


def constraints(tree: Tree) -> tuple[Constraint, ...]:
    return tuple(
        Constraint(
            id=element.get("id", ""),
            text=" ".join(f"{key}={value}" for key, value in element.items() if key != "id"),
            resources=tuple(_referenced(element)),
        )
        for element in tree.find("configuration/constraints")
        if isinstance(element.tag, str)
    )


def is_online(tree: Tree, node: str) -> bool:
    """Whether Pacemaker on that node is a member now: `crmd` is a word, or since 2.1.7 the time of joining."""
    return _is_member(tree.xpath("status/node_state[@uname=$node]", node=node))


def _is_member(states: list[Tree]) -> bool:
    return any(state.get("crmd", "0") not in ("offline", "0") for state in states)


def since(tree: Tree, resource_id: str, node: str) -> int | None:
    """When the resource came to run on a node (seconds since 1970), as the history in the status section has it."""
    path = "status/node_state[@uname=$node]//lrm_resource[@id=$id]/lrm_rsc_op"
    times = [
        int(operation.get("last-rc-change", "0"))
        for operation in tree.xpath(path, node=node, id=resource_id)
        if operation.get("rc-code") == "0" and operation.get("operation") in ("start", "migrate_from", "monitor")
    ]
    return max((time for time in times if time), default=None)


def operation_timeout_s(tree: Tree, resource_id: str, name: str, default_s: int) -> int:
    """The timeout of a resource's operation, where it is written in seconds as we write it; else `default_s`."""
    element = resource(tree, resource_id)
    operation = None if element is None else element.find(f"operations/op[@name='{name}']")
    if operation is None and element is not None:
        operation = template_operation(element, name)
    text = "" if operation is None else operation.get("timeout", "").removesuffix("s")
    return int(text) if text.isdecimal() else default_s


def fail_counts(tree: Tree) -> list[tuple[str, str, str]]:
    """Server, resource and count of each failure that Pacemaker remembers."""
    found = []
    for pair in tree.iterfind("status/node_state/transient_attributes/instance_attributes/nvpair"):
        name = pair.get("name", "")
        if name.startswith("fail-count-"):
            state = next(pair.iterancestors("node_state"))
            resource_name = name.removeprefix("fail-count-").partition("#")[0]
            found.append((state.get("uname", ""), resource_name, pair.get("value", "")))
    return found


def failed_migrations(tree: Tree, resource_id: str) -> frozenset[tuple[str, str]]:
    """Which migrations of a resource have failed, as the history remembers them: node and number of the call."""
    path = "status/node_state//lrm_resource[@id=$id]/lrm_rsc_op[starts-with(@operation, 'migrate_') and @rc-code!='0']"
    return frozenset(
        (operation.get("on_node", ""), operation.get("call-id", ""))
        for operation in tree.xpath(path, id=resource_id)
        # Of one that is under way there is no result yet.
        if operation.get("op-status") != "-1"
    )


def was_started(tree: Tree, resource_id: str, node: str) -> bool:
    """Whether a node's history has a start of the resource; it has none of one that was found running."""
    path = "status/node_state[@uname=$node]//lrm_resource[@id=$id]/lrm_rsc_op[@operation='start' and @rc-code='0']"
    return bool(tree.xpath(path, id=resource_id, node=node))


# --- changes


def add(parent: Tree, tag: str, **attributes: str) -> Tree:
    return etree.SubElement(parent, tag, **attributes)


def add_operation(operations: Tree, op_id: str, name: str, timeout_s: int, interval_s: int = 0) -> None:
    """An explicit operation: Pacemaker ignores the timeouts that an agent advertises."""
    add(operations, "op", id=op_id, name=name, interval=f"{interval_s}s", timeout=f"{timeout_s}s")


def put_pairs(parent: Tree, set_tag: str, set_id: str, values: Mapping[str, str]) -> bool:
    """Give our set of that id at least these values, adding what is missing; whether anything changed."""
    pair_set = next((found for found in parent.iterfind(set_tag) if found.get("id") == set_id), None)
    if pair_set is None:
        pair_set = add(parent, set_tag, id=set_id)
    changed = False
    for name, value in values.items():
        pair = next((found for found in pair_set.iterfind("nvpair") if found.get("name") == name), None)
        if pair is None:
            pair = add(pair_set, "nvpair", id=f"{set_id}-{name}", name=name)
        if pair.get("value") != value:
            pair.set("value", value)
            changed = True
    return changed


def put_option(tree: Tree, set_id: str, name: str, value: str) -> bool:
    """Give a cluster option a value where it is in force now, else in our set of that id; whether anything changed."""
    for options_set in _option_sets(tree):
        pair = options_set.find(f"nvpair[@name='{name}']")
        if pair is not None:
            changed = bool(pair.get("value") != value)
            pair.set("value", value)
            return changed
    return put_pairs(section(tree, "crm_config"), "cluster_property_set", set_id, {name: value})


def put_standby(tree: Tree, node: str, *, on: bool) -> bool:
    """Set or clear a node's standby, where crm and pcs keep it: in the node's own attributes.

    One that lasts until a reboot is in the states, which are not ours to write (see `transient_standby`).
    """
    entries = tree.xpath("configuration/nodes/node[@uname=$node]", node=node)
    present = [pair for entry in entries for pair in entry.findall("instance_attributes/nvpair[@name='standby']")]
    if not on:
        present = [pair for pair in present if pair.get("value") != "off"]
        for pair in present:
            pair.getparent().remove(pair)
        return bool(present)
    if present:
        changed = any(pair.get("value") != "on" for pair in present)
        for pair in present:
            pair.set("value", "on")
        return changed
    return put_pairs(entries[-1], "instance_attributes", f"nodes-{entries[-1].get('id')}", {"standby": "on"})


def transient_standby(tree: Tree, node: str) -> bool:
    """Whether a node is in standby until it is rebooted."""
    path = "status/node_state[@uname=$node]/transient_attributes//nvpair[@name='standby' and @value!='off']"
    return bool(tree.xpath(path, node=node))


def remove_ours(tree: Tree, keep: str) -> list[str]:
    """Take out all sets, constraints and primitives with an id of ours but `keep`; the ids of all that went."""
    ours = tree.xpath(
        "configuration//*[starts-with(@id, $ours) and @id != $keep][not(starts-with(../@id, $ours))]",
        ours=OURS, keep=keep,
    )  # fmt: skip
    return _remove(tree, ours)


def remove_resource(tree: Tree, resource_id: str) -> list[str]:
    """Take a primitive out, with what would dangle without it; the ids of everything that went."""
    element = resource(tree, resource_id)
    return [] if element is None else _remove(tree, [element])


# What is invalid once the last of these is gone from it.
_NEEDED = {
    "group": ("primitive",),
    "clone": ("primitive", "group"),
    "master": ("primitive", "group"),
    "resource_set": ("resource_ref",),
    "tag": ("obj_ref",),
} | dict.fromkeys(_CONSTRAINT_TAGS, ("resource_set",))


def _remove(tree: Tree, elements: list[Tree]) -> list[str]:
    """Take elements out, then what they leave empty, and what names anything that went; the ids of all that."""
    naming = _naming(tree)
    gone: list[str] = []
    queue = list(elements)
    while queue:
        element = queue.pop(0)
        parent = element.getparent()
        if parent is None:
            continue
        parent.remove(element)
        if element.get("id") not in gone:
            gone.append(element.get("id"))
        needed = _NEEDED.get(parent.tag, ())
        if needed and all(parent.find(tag) is None for tag in needed):
            queue.append(parent)
        for identifier in element.xpath("descendant-or-self::*/@id"):
            queue += naming.get(identifier, ())
    return gone


def _naming(tree: Tree) -> dict[str, list[Tree]]:
    """By the id that they name: the constraints, and the parts of sets, tags and ACLs."""
    found: dict[str, list[Tree]] = {}
    for element in tree.find("configuration").iter(etree.Element):
        keys = ("id",) if element.tag in ("resource_ref", "obj_ref") else (*_CONSTRAINT_REFERENCES, "reference")
        for key in keys:
            if key in element.attrib:
                found.setdefault(element.get(key), []).append(element)
    return found


def _referenced(constraint: Tree) -> Iterator[str]:
    for key in _CONSTRAINT_REFERENCES:
        if constraint.get(key):
            yield constraint.get(key)
    for reference in constraint.iter("resource_ref"):
        yield reference.get("id", "")


def _primitive(element: Tree) -> Primitive:
    source = next(iter(_templates(element)), element)
    agent = [source.get(key) for key in ("class", "provider", "type")]
    return Primitive(
        id=element.get("id", ""),
        agent=":".join(part for part in agent if part),
        parameters=pairs(source, "instance_attributes") | pairs(element, "instance_attributes"),
        utilization=pairs(source, "utilization") | pairs(element, "utilization"),
        meta=pairs(source, "meta_attributes") | pairs(element, "meta_attributes"),
    )


def overcommit_id(node: str) -> str:
    """The set with which the balancer lets a server hold more vcpus than it has CPUs."""
    return f"{OURS}{node}-overcommit"


def overcommits(tree: Tree, node: Node) -> bool:
    """Whether a server has that set."""
    return bool(tree.xpath("configuration/nodes/node/utilization[@id=$id]", id=overcommit_id(node.name)))


def _sizes(node: Tree, overcommit: str) -> tuple[int, int]:
    """A server's memory and CPUs; 0 for what is none."""
    amounts = pairs(node, "utilization", without=overcommit)
    return whole(amounts.get("hv_memory")) or 0, whole(amounts.get("cpu")) or 0


def whole(value: str | None) -> int | None:
    """A size as a number; None for one that is none, or that Pacemaker's own numbers do not hold (a C int)."""
    fits = value is not None and value.isascii() and value.isdecimal() and len(value) < 11 and int(value) < 2**31
    return int(value) if fits and value is not None else None
