"""The rules that make Pacemaker migrate a domain, and are there only as long as it takes."""

from __future__ import annotations

from collections.abc import Iterable

from snow_ha_plugin.core import cib
from snow_ha_plugin.model import Change, Move

PREFIX = f"{cib.OURS}moving-"

# For whoever takes these rules away after their maker has died.
XPATH = f"//rsc_location[starts-with(@id,'{PREFIX}')]"


def put(tree: cib.Tree, moves: Iterable[Move]) -> list[Change]:
    """Pull each domain to its target, more than anything finite holds it."""
    changes = []
    for move in moves:
        cib.add(
            cib.section(tree, "constraints"),
            "rsc_location",
            id=f"{PREFIX}{move.domain}",
            rsc=move.domain,
            node=move.target,
            score="INFINITY",
        )
        changes.append(Change("move", move.domain, f"migrate {move.domain} from {move.source} to {move.target}"))
    return changes


def remove(tree: cib.Tree) -> list[Change]:
    """Take all of them out, also those of a run that was killed."""
    changes = []
    for element in tree.xpath("configuration/constraints/rsc_location[starts-with(@id, $prefix)]", prefix=PREFIX):
        element.getparent().remove(element)
        changes.append(Change("moved", element.get("rsc"), f"no rule holds {element.get('rsc')} any more"))
    return changes
