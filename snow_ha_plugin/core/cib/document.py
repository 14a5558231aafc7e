"""A CIB as a document: bytes to an lxml tree and back, its version, its sections."""

from __future__ import annotations

import copy

from lxml import etree

from snow_ha_plugin.errors import DataError

Tree = etree._Element
REMEDY = "give the output of cibadmin --query"


def parse(data: bytes, source: str = "the CIB") -> Tree:
    """The tree of a CIB; DataError if it is cut short, is no CIB, or lacks a section that each CIB has."""
    # Entities and the network stay off: a CIB has neither, and the file may come from anywhere.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    try:
        tree = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise DataError(f"{source} is not whole XML", str(error.msg), REMEDY) from None
    if tree.getroottree().docinfo.doctype:
        raise DataError(f"{source} is no CIB", "it has a document type", REMEDY)
    if tree.tag != "cib":
        raise DataError(f"{source} is no CIB", f"its root is <{tree.tag!s}>", REMEDY)
    for section in ("crm_config", "nodes", "resources", "constraints"):
        if tree.find(f"configuration/{section}") is None:
            raise DataError(f"{source} is no complete CIB", f"configuration/{section} is missing", REMEDY)
    for version in ("admin_epoch", "epoch", "num_updates"):
        if not tree.get(version, "0").isdecimal():
            raise DataError(f"{source} is no CIB", f"its {version} is no number", REMEDY)
    return tree


def reconfigured(tree: Tree, configured: Tree) -> Tree:
    """A CIB with the configuration of `configured`, and all else, versions and states, of `tree`."""
    changed = clone(tree)
    changed.replace(part(changed, "configuration"), clone(part(configured, "configuration")))
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


def is_shared(tree: Tree) -> bool:
    """Whether the cluster has this CIB: a server that has just started has one of its own, without a DC, at first."""
    return bool(tree.get("dc-uuid"))


def part(tree: Tree, path: str) -> Tree:
    """An element that must be there, as the sections are that each CIB has."""
    found = tree.find(path)
    if found is None:
        raise DataError(f"there is no {path} in <{tree.tag!s}>", "it is not whole", REMEDY)
    return found


def section(tree: Tree, name: str) -> Tree:
    """A section of the configuration, made where the CIB has none yet (rsc_defaults, op_defaults)."""
    configuration = part(tree, "configuration")
    found = configuration.find(name)
    return add(configuration, name) if found is None else found


def add(parent: Tree, tag: str, **attributes: str) -> Tree:
    return etree.SubElement(parent, tag, attributes)


def drop(element: Tree) -> None:
    """Take an element out of what it is in."""
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
