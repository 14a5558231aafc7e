"""Names and values: the sets that an element has, as Pacemaker reads them."""

from __future__ import annotations

from snow_ha_plugin.core.cib.document import Tree
from snow_ha_plugin.core.cib.values import score


def pairs(element: Tree, set_tag: str, *, without: str = "") -> dict[str, str]:
    """Names and values of an element's sets of one kind, those of sets that are named by id-ref too.

    Of a name that comes twice the set of the highest score counts, as in Pacemaker. What a rule in a set says of when
    it holds is not asked here, and the set of the id `without` does not count.
    """
    found: dict[str, str] = {}
    sets = [_referred(each) for each in element.iterchildren(set_tag) if not without or each.get("id") != without]
    for pair_set in sorted(sets, key=_rank) if len(sets) > 1 else sets:
        for pair in pair_set.iterchildren("nvpair"):
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
    return -score(pair_set.get("score"))
