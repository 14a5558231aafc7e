"""Taking out, with all that would dangle or be empty afterwards."""

from __future__ import annotations

from collections.abc import Container

from lxml import etree

from snow_ha_plugin.core.cib.cluster import CONSTRAINT_REFERENCES, CONSTRAINT_TAGS
from snow_ha_plugin.core.cib.document import Tree, part
from snow_ha_plugin.core.cib.ids import OURS
from snow_ha_plugin.core.cib.resources import resource


def remove_ours(tree: Tree, keep: Container[str]) -> list[str]:
    """Take out all sets, constraints and primitives with an id of ours but `keep`; the ids of all that went."""
    ours = tree.xpath("configuration//*[starts-with(@id, $ours)][not(starts-with(../@id, $ours))]", ours=OURS)
    return _remove(tree, [element for element in ours if element.get("id") not in keep])


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
} | dict.fromkeys(CONSTRAINT_TAGS, ("resource_set",))


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
        if (identifier := element.get("id", "")) not in gone:
            gone.append(identifier)
        needed = _NEEDED.get(str(parent.tag), ())
        if needed and all(parent.find(tag) is None for tag in needed):
            queue.append(parent)
        for identifier in element.xpath("descendant-or-self::*/@id"):
            queue += naming.get(identifier, ())
    return gone


def _naming(tree: Tree) -> dict[str, list[Tree]]:
    """By the id that they name: the constraints, and the parts of sets, tags and ACLs."""
    found: dict[str, list[Tree]] = {}
    for element in part(tree, "configuration").iter(etree.Element):
        keys = ("id",) if element.tag in ("resource_ref", "obj_ref") else (*CONSTRAINT_REFERENCES, "reference")
        for key in keys:
            if (name := element.get(key)) is not None:
                found.setdefault(name, []).append(element)
    return found
