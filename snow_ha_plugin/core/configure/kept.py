"""The rules of `balance` between `disable` and the next `enable`: a constraint cannot stay without the primitives that
it names, so each is written down as the value of a cluster option that is none of Pacemaker's."""

from __future__ import annotations

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.model import Change

SET = ids.of(Kind.KEPT)


def rules(tree: cib.Tree) -> list[cib.Tree]:
    """What `balance` has written; none of their attributes has a blank."""
    found = tree.xpath("configuration/constraints/*[self::rsc_location or self::rsc_colocation]")
    return [rule for rule in found if any(ids.is_a(rule.get("id", ""), kind) for kind in (Kind.PLACE, Kind.APART))]


def keep(tree: cib.Tree) -> None:
    pairs = {
        f"{SET}-{number}": " ".join([str(rule.tag), *(f"{name}={value}" for name, value in rule.items())])
        for number, rule in enumerate(rules(tree))
    }
    cib.put_notes(tree, SET, pairs)


def put_back(tree: cib.Tree) -> list[Change]:
    """Make rules of what was kept, where what they name is there and nothing newer is; nothing is kept then."""
    domains, servers = cib.domains(tree).keys(), {node.name for node in cib.nodes(tree)}
    present = {rule.get("id") for rule in rules(tree)}
    count = 0
    for pair in cib.notes(tree, SET):
        tag, *words = pair.get("value", "").split()
        attributes = dict(word.split("=", 1) for word in words)
        named = {attributes[key] for key in ("rsc", "with-rsc") if key in attributes}
        if named <= domains and {attributes.get("node")} - servers <= {None} and attributes["id"] not in present:
            cib.add(cib.section(tree, "constraints"), tag, **attributes)
            count += 1
    changes = forget(tree)
    return [Change("place", "rules", f"put back {count} rules of balance from before disable")] if count else changes


def forget(tree: cib.Tree) -> list[Change]:
    found = cib.notes(tree, SET)
    for pair in found:
        cib.drop_pair(pair)
    return [Change("forget", SET, "keep rules of balance from before disable no longer")] if found else []
