"""What becomes of a domain whose migration fails; and what makes Pacemaker migrate one, as long as that takes.

A migration that fails blocks the domain: Pacemaker's own answer to one is to stop and to start it, also where it runs
on as if nothing had happened (unpack_migrate_to_failure in Pacemaker's lib/pengine/unpack.c counts it as active on both
servers). Somebody must look at what is left: the verb that began it, which `hold` tells, else operations.events. Where
nobody does, the failure-timeout ends it: as a meta attribute, unlike as an attribute of the operation, on-fail=block
does not keep a failure from running out (block_failure in lib/pengine/failcounts.c), and Pacemaker tries again. A
server that shuts down does not wait for that: there failures run out at once (`retry`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.model import Change, Move

PREFIX = ids.beginning(Kind.MOVE)

# For whoever takes these away after their maker has died.
RULES = f"//rsc_location[starts-with(@id,'{PREFIX}')]"
ALL = f"//*[starts-with(@id,'{PREFIX}')]"

# What holds a domain, up to its name.
_HOLD = ids.of(Kind.MOVE, "", part=".hold")

_COLD = f"configuration/resources//primitive/meta_attributes[starts-with(@id,'{ids.beginning(Kind.COLD)}')]"

# What `retry` notes with them, for itself.
_SINCE, _TRIES = f"{ids.OURS}leaving-since", f"{ids.OURS}tries"

# A failure of more than this is none any more.
RUN_OUT = "1s"

# The operations whose failure leaves a domain running.
OPERATIONS = ("migrate_to", "migrate_from")


def block(primitive: cib.Tree) -> bool:
    """Have failed migrations block a domain of ours, unless somebody has said what they shall lead to; whether
    anything changed."""
    changed = False
    for name in OPERATIONS:
        for operation in primitive.iterfind(f"operations/op[@name='{name}']"):
            if "on-fail" not in operation.attrib and "on-fail" not in cib.pairs(operation, "meta_attributes"):
                changed |= cib.put_pairs(operation, "meta_attributes", _block_id(primitive, name), {"on-fail": "block"})
    return changed


def blocks(tree: cib.Tree) -> frozenset[str]:
    """The domains that a failed migration blocks because of `block`; others' are theirs to look after."""
    path = "//primitive[operations/op/meta_attributes[starts-with(@id, $prefix)]]"
    found = tree.xpath(path, prefix=f"{ids.beginning(Kind.OPERATION)}migrate_")
    return frozenset(primitive.get("id", "") for primitive in found)


def _block_id(primitive: cib.Tree, operation: str) -> str:
    return ids.of(Kind.OPERATION, primitive.get("id", ""), part=f"{operation}.meta")


def retry(tree: cib.Tree, tries: Mapping[str, int], since: int) -> list[Change]:
    """Have Pacemaker itself try failed migrations again at once, for as long as their server shuts down, which it does
    since then (seconds since 1970); `tries` says how often it has tried each domain's.

    Their failures run out, and nothing is forgotten: without a domain's history a server that shuts down does not wait
    for the probe that would find it, and leaves it behind running (seen, 2.1.5). Pacemaker looks at what has run out
    when something changes, or two minutes later: the number of tries is such a change.
    """
    values = {name: {"failure-timeout": RUN_OUT, _SINCE: str(since), _TRIES: str(n)} for name, n in tries.items()}
    changed = _put_passing(tree, values)
    return [Change("retry", name, f"try again at once to migrate {name}: its server shuts down") for name in changed]


def leaving_since(tree: cib.Tree) -> int:
    """Since when a server shuts down for which `retry` is in force; 0 where it is for none.

    Pacemaker's own time of that moves: a server that waits says so again whenever Pacemaker has nothing to do (2.1.5).
    """
    found = tree.xpath(f"{_COLD}/nvpair[@name='{_SINCE}']/@value")
    return min((int(value) for value in found if value.isdigit()), default=0)


def end_live(tree: cib.Tree, domains: Iterable[str]) -> list[Change]:
    """Have domains stopped and started instead of migrated, for as long as their server shuts down."""
    values = {name: {"failure-timeout": RUN_OUT, "allow-migrate": "false"} for name in domains}
    changed = _put_passing(tree, values)
    return [Change("cold", name, f"stop {name} and start it elsewhere: it cannot be migrated") for name in changed]


def _put_passing(tree: cib.Tree, values_of: Mapping[str, Mapping[str, str]]) -> list[str]:
    changed = []
    for domain, values in values_of.items():
        primitive, set_id = cib.resource(tree, domain), ids.of(Kind.COLD, domain)
        if primitive is not None and cib.put_pairs(primitive, "meta_attributes", set_id, values):
            # Of several sets the one with the highest score counts.
            cib.part(primitive, f"meta_attributes[@id='{set_id}']").set("score", "1")
            changed.append(domain)
    return changed


def passing(tree: cib.Tree) -> list[str]:
    """The domains for which `retry` or `end_live` is in force."""
    return [found.getparent().get("id", "") for found in tree.xpath(_COLD)]


def end_passing(tree: cib.Tree) -> list[Change]:
    """End every `retry` and `end_live`."""
    changes = []
    for found in tree.xpath(_COLD):
        domain = found.getparent().get("id", "")
        cib.drop(found)
        changes.append(Change("live", domain, f"let {domain} migrate as ever again"))
    return changes


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
    """Have a failed migration block the domain until `remove`, unless somebody has said what it shall lead to."""
    primitive = cib.resource(tree, domain)
    if primitive is None:
        return
    # Those that are named by id-ref are others' too, whom a failed migration blocks meanwhile as well.
    operations = cib.operations(primitive)
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
    is_ours = any(ids.is_ours(each.get("id", "")) for each in operation.iterfind("meta_attributes"))
    if is_ours or ("on-fail" not in operation.attrib and "on-fail" not in given):
        added = {"on-fail": "block"} | ({} if operation.find("meta_attributes") is not None else given)
        cib.put_pairs(operation, "meta_attributes", f"{_HOLD}{domain}", added)


def held(tree: cib.Tree) -> frozenset[str]:
    """The domains that a failed migration blocks because of `put`."""
    holds = tree.xpath("//op/meta_attributes/@id[starts-with(., $prefix)]", prefix=_HOLD)
    return frozenset(str(found).removeprefix(_HOLD) for found in holds)


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
