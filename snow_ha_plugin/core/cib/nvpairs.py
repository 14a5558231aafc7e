"""Names and values: the sets that an element has, as Pacemaker reads them."""

from __future__ import annotations

from snow_ha_plugin.core.cib.document import Tree
from snow_ha_plugin.core.cib.values import score

# Pacemaker itself puts the set of this id before all others (pcmk's "cib-bootstrap-options" special case).
ADMIN_OPTIONS = "cib-bootstrap-options"


def pairs(element: Tree, set_tag: str, *, without: str = "") -> dict[str, str]:
    """Names and values of an element's sets of one kind, those of sets that are named by id-ref too.

    Of a name that comes twice the first counts. What a rule in a set says of when it holds is not asked here, and the
    set of the id `without` does not count.
    """
    found: dict[str, str] = {}
    for pair_set in sets(element, set_tag):
        for pair in pair_set.iterchildren("nvpair") if not without or pair_set.get("id") != without else ():
            pair = _referred(pair)
            found.setdefault(pair.get("name", ""), pair.get("value", ""))
    return found


def sets(element: Tree, set_tag: str) -> list[Tree]:
    """An element's sets of one kind, the one that counts most first."""
    found = [_referred(each) for each in element.iterchildren(set_tag)]
    return sorted(found, key=_rank) if len(found) > 1 else found


def _referred(element: Tree) -> Tree:
    """The element itself, or the one that it stands for."""
    reference = element.get("id-ref")
    if not reference:
        return element
    named = element.xpath("ancestor::configuration//*[@id=$id]", id=reference)
    return named[0] if named else element


def _rank(pair_set: Tree) -> tuple[bool, int]:
    return pair_set.get("id") != ADMIN_OPTIONS, -score(pair_set.get("score"))
