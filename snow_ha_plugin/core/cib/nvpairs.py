"""Names and values: the sets that an element has, as Pacemaker reads them."""

from __future__ import annotations

from snow_ha_plugin.core.cib.document import Tree
from snow_ha_plugin.core.cib.values import score

OPTIONS = "cluster_property_set"
# Pacemaker itself puts the cluster options of this id before all others (CIB_OPTIONS_FIRST); no set of another kind.
ADMIN_OPTIONS = "cib-bootstrap-options"
# The value that is none (Pacemaker compares it without regard to case).
_DEFAULT = "#default"


def pairs(
    element: Tree, set_tag: str, *, without: str = "", template: Tree | None = None, agent: Tree | None = None
) -> dict[str, str]:
    """Names and values of an element's sets of one kind, those that are named by id-ref and those of its template too.

    Of a name that comes twice the first counts, and #default takes away what came before it (populate_hash in
    Pacemaker's lib/pengine/rules.c; 2.1.5 and 3.0 alike). The set of the id `without` does not count, nor one with a
    rule for others than `agent`, an element with class, provider and type; what else a rule says is not asked here.
    """
    found: dict[str, str] = {}
    for pair_set in sets(element, set_tag, template):
        if agent is not None and _is_for_others(pair_set, agent):
            continue
        for pair in pair_set.iterchildren("nvpair") if not without or pair_set.get("id") != without else ():
            name, value = pair.get("name"), pair.get("value")
            if value is None or name is None:
                other = referred(pair)
                name, value = pair.get("name", other.get("name")), pair.get("value", other.get("value"))
                if value is None or name is None:
                    continue
            if value.lower() == _DEFAULT:
                found.pop(name, None)
            else:
                found.setdefault(name, value)
    return found


def sets(element: Tree, set_tag: str, template: Tree | None = None) -> list[Tree]:
    """An element's sets of one kind, its template's among them, the one that counts most first.

    Of those with the same score the last counts most, and an element's own are behind its template's (make_pairs in
    Pacemaker's lib/pengine/rules.c).
    """
    found = [referred(each) for each in element.iterchildren(set_tag)]
    if template is not None:
        found[:0] = [referred(each) for each in template.iterchildren(set_tag)]
    return sorted(reversed(found), key=_rank) if len(found) > 1 else found


def referred(element: Tree) -> Tree:
    """The element itself, or the one that it stands for."""
    reference = element.get("id-ref")
    if not reference:
        return element
    named = element.xpath("ancestor::configuration//*[@id=$id]", id=reference)
    return named[0] if named else element


def _rank(pair_set: Tree) -> tuple[bool, int]:
    is_first = pair_set.get("id") == ADMIN_OPTIONS and pair_set.tag == OPTIONS
    return not is_first, -score(pair_set.get("score"))


def _is_for_others(pair_set: Tree, agent: Tree) -> bool:
    rules = pair_set.findall("rule")
    return bool(rules) and all(_excludes(referred(rule), agent) for rule in rules)


def _excludes(expression: Tree, agent: Tree) -> bool:
    """Whether an expression of a rule, or a rule, cannot be true for an agent."""
    if expression.tag == "rsc_expression":
        return any(expression.get(key, agent.get(key)) != agent.get(key) for key in ("class", "provider", "type"))
    if expression.tag != "rule":
        return False
    enough = all if expression.get("boolean-op", "").lower() == "or" else any
    return enough(_excludes(referred(each), agent) for each in expression.iterchildren("*"))
