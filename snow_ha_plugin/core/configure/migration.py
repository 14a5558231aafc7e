"""What makes Pacemaker migrate a domain, and is there only as long as it takes.

A rule pulls the domain to its target. Beside it, a migration that fails blocks the domain: Pacemaker's own answer to
one is to stop and to start it, also where it runs on as if nothing had happened (unpack_migrate_to_failure in
Pacemaker's lib/pengine/unpack.c counts it as active on both servers). That holds only while somebody is there to
look at what is left: a domain that is lost must not stay blocked.
"""

from __future__ import annotations

from collections.abc import Iterable

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.model import Change, Move

PREFIX = ids.beginning(Kind.MOVE)

# For whoever takes these away after their maker has died.
RULES = f"//rsc_location[starts-with(@id,'{PREFIX}')]"
ALL = f"//*[starts-with(@id,'{PREFIX}')]"


def put(tree: cib.Tree, moves: Iterable[Move]) -> list[Change]:
    """Pull each domain to its target, more than anything finite holds it."""
    changes = []
    for move in moves:
        cib.add(
            cib.section(tree, "constraints"),
            "rsc_location",
            id=ids.of(Kind.MOVE, move.domain),
            rsc=move.domain,
            node=move.target,
            score="INFINITY",
        )
        ways = f"{move.domain} from {move.source} to {move.target}"
        if move.restarts:
            changes.append(Change("move", move.domain, f"bring {ways} by a restart"))
            continue
        hold(tree, move.domain)
        changes.append(Change("move", move.domain, f"migrate {ways}"))
    return changes


def hold(tree: cib.Tree, domain: str) -> None:
    """Have a failed migration block the domain, unless somebody has said what it shall lead to."""
    primitive = cib.resource(tree, domain)
    if primitive is None:
        return
    operations = primitive.find("operations")
    if operations is None:
        operations = cib.add(primitive, "operations", id=ids.of(Kind.MOVE, domain, part=".operations"))
    operation = operations.find("op[@name='migrate_to']")
    given: dict[str, str] = {}
    if operation is None:
        # An operation of its own hides the one of its template, which may have a timeout.
        hidden = cib.template_operation(primitive, "migrate_to")
        attributes = {} if hidden is None else dict(hidden.attrib)
        given = {} if hidden is None else cib.pairs(hidden, "meta_attributes")
        attributes |= {"id": ids.of(Kind.MOVE, domain, part=".op"), "name": "migrate_to"}
        operation = cib.add(operations, "op", **{"interval": "0s"} | attributes)
    else:
        given = cib.pairs(operation, "meta_attributes")
    if "on-fail" not in operation.attrib and "on-fail" not in given:
        added = {"on-fail": "block"} | ({} if operation.find("meta_attributes") is not None else given)
        cib.put_pairs(operation, "meta_attributes", ids.of(Kind.MOVE, domain, part=".hold"), added)


def held(tree: cib.Tree) -> frozenset[str]:
    """The domains that a failed migration blocks because of `put`."""
    holds = tree.xpath("//primitive[operations/op/meta_attributes[starts-with(@id, $prefix)]]", prefix=PREFIX)
    return frozenset(primitive.get("id", "") for primitive in holds)


def release(tree: cib.Tree) -> list[Change]:
    """Pull no domain any more."""
    changes = []
    for element in tree.xpath("configuration/constraints/rsc_location[starts-with(@id, $prefix)]", prefix=PREFIX):
        cib.drop(element)
        changes.append(Change("moved", element.get("rsc"), f"take out the rule that pulls {element.get('rsc')}"))
    return changes


def remove(tree: cib.Tree) -> list[Change]:
    """Take all of it out, also that of a run that was killed."""
    changes = release(tree)
    for domain in sorted(held(tree)):
        changes.append(Change("moved", domain, f"leave a failed migration of {domain} to Pacemaker again"))
    for element in tree.xpath("//*[starts-with(@id, $prefix)]", prefix=PREFIX):
        cib.drop(element)
    return changes
