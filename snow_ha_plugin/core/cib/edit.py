"""The few ways in which a CIB is added to."""

from __future__ import annotations

from collections.abc import Mapping

from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.document import Tree, add, drop, section
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.cib.nvpairs import OPTIONS, sets
from snow_ha_plugin.core.cib.values import boolean


def add_operation(operations: Tree, resource_id: str, name: str, timeout_s: int, interval_s: int = 0) -> None:
    """An explicit operation of a resource: Pacemaker ignores the timeouts that an agent advertises."""
    op_id = ids.of(Kind.OPERATION, resource_id, part=name)
    add(operations, "op", id=op_id, name=name, interval=f"{interval_s}s", timeout=f"{timeout_s}s")


def put_pairs(parent: Tree, set_tag: str, set_id: str, values: Mapping[str, str], *, yields: bool = False) -> bool:
    """Give our set of that id at least these values, adding what is missing; whether anything changed.

    A new set comes behind all others, where it counts before them (see `sets`), or `yields` to them.
    """
    pair_set = next((found for found in parent.iterfind(set_tag) if found.get("id") == set_id), None)
    if pair_set is None:
        first = parent.find(set_tag)
        pair_set = add(parent, set_tag, id=set_id)
        if yields and first is not None:
            first.addprevious(pair_set)
    changed = False
    for name, value in values.items():
        pair = next((found for found in pair_set.iterfind("nvpair") if found.get("name") == name), None)
        if pair is None:
            pair = add(pair_set, "nvpair", id=ids.pair(set_id, name), name=name)
        if pair.get("value") != value:
            pair.set("value", value)
            changed = True
    return changed


def drop_pair(pair: Tree) -> None:
    """Take a pair out, and its set where it was the last."""
    holder = pair.getparent()
    drop(pair)
    if holder is not None and len(holder) == 0:
        drop(holder)


def notes(tree: Tree, set_id: str) -> list[Tree]:
    """The pairs of a set of cluster options that are none of Pacemaker's, and what snow-ha must remember."""
    return tree.findall(f"configuration/crm_config/{OPTIONS}[@id='{set_id}']/nvpair")


def put_notes(tree: Tree, set_id: str, values: Mapping[str, str]) -> bool:
    return bool(values) and put_pairs(section(tree, "crm_config"), OPTIONS, set_id, values)


def put_option(tree: Tree, set_id: str, name: str, value: str) -> bool:
    """Give a cluster option a value where it is in force now, else in our set of that id; whether anything changed."""
    options = section(tree, "crm_config")
    for options_set in sets(options, OPTIONS):
        pair = options_set.find(f"nvpair[@name='{name}']")
        if pair is not None:
            changed = bool(pair.get("value") != value)
            pair.set("value", value)
            return changed
    return put_pairs(options, OPTIONS, set_id, {name: value})


def put_standby(tree: Tree, node: str, *, on: bool) -> bool:
    """Set or clear a node's standby, where crm and pcs keep it: in the node's own attributes.

    One that lasts until a reboot is in the states, which are not ours to write (see `transient_standby`).
    """
    entries = tree.xpath("configuration/nodes/node[@uname=$node]", node=node)
    present = [pair for entry in entries for pair in entry.findall("instance_attributes/nvpair[@name='standby']")]
    if not on:
        present = [pair for pair in present if boolean(pair.get("value", ""))]
        for pair in present:
            drop(pair)
        return bool(present)
    if present:
        off = [pair for pair in present if not boolean(pair.get("value", ""))]
        for pair in off:
            pair.set("value", "on")
        return bool(off)
    return put_pairs(entries[-1], "instance_attributes", f"nodes-{entries[-1].get('id')}", {"standby": "on"})
