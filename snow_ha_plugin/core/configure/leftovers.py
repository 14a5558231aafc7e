"""What is left over in the configuration from something that has long ended, taken out: edits of one thing each."""

from __future__ import annotations

from snow_ha_plugin.core import cib
from snow_ha_plugin.model import Change

# Of crm_resource --move. One of --ban may be meant to stay.
_MOVED = "cli-prefer-"


def finished_move(constraint: str, tree: cib.Tree) -> list[Change]:
    """Take out the rule by which a domain was moved by hand; not one that ends by itself, nor what bans it."""
    found = tree.xpath("configuration/constraints/rsc_location[@id=$id]", id=constraint)
    if not constraint.startswith(_MOVED) or not found or len(found[0]):
        return []
    cib.drop(found[0])
    resource = found[0].get("rsc", "")
    return [Change("leftover", resource, f"remove {constraint}, by which {resource} was moved once")]


def second_entry(name: str, tree: cib.Tree) -> list[Change]:
    """Take out the entries of a server that another one of its name stands for; while it is away none is known to."""
    if not cib.is_online(tree, name):
        return []
    stale = [node.id for node in cib.stale_nodes(tree) if node.name == name]
    for entry in tree.iterfind("configuration/nodes/node"):
        if entry.get("id") in stale:
            cib.drop(entry)
    return [Change("leftover", name, f"remove the second entry of {name}, with the id {each}") for each in stale]
