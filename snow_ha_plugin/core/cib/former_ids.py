"""The ids of what a former version of ours has written, renewed on the fly and back.

While servers still have that version both must find what is theirs, so a configuration that has its ids keeps them.
"""

from __future__ import annotations

from collections.abc import Callable

from snow_ha_plugin.core.cib.document import Tree
from snow_ha_plugin.core.cib.document import part as part_of
from snow_ha_plugin.core.cib.ids import OURS, Kind, of, pair

# How all begin that have an id of today.
TODAY = "snow-ha--"

# What ids were like up to version 0.1.0, by the element's tag: behind `snow-ha-`, with the name of what it belongs to.
_OPERATIONS = ("start", "stop", "monitor", "migrate_to", "migrate_from")
_FORMER: dict[str, tuple[tuple[str, Kind, str], ...]] = {
    "cluster_property_set": (("options", Kind.OPTIONS, ""),),
    "instance_attributes": (("{}-params", Kind.PARAMETERS, ""), ("{}-attributes", Kind.ATTRIBUTES, "")),
    "meta_attributes": (
        ("rsc-defaults", Kind.RESOURCE_DEFAULTS, ""), ("op-defaults", Kind.OPERATION_DEFAULTS, ""),
        ("{}-meta", Kind.META, ""), ("{}-held", Kind.HELD, ""), ("moving-{}-hold", Kind.MOVE, ".hold"),
    ),
    "utilization": (("{}-utilization", Kind.SIZE, ""), ("{}-overcommit", Kind.OVERCOMMIT, "")),
    "operations": (("moving-{}-operations", Kind.MOVE, ".operations"),),
    "op": (
        *(("{}-" + name, Kind.OPERATION, name) for name in _OPERATIONS), ("moving-{}-op", Kind.MOVE, ".op"),
    ),
    "rsc_location": (
        ("{}-location", Kind.PLACE, ""), ("moving-{}", Kind.MOVE, ""), ("{}-elsewhere", Kind.ELSEWHERE, ""),
    ),
    "rsc_colocation": (("apart-{}-{}", Kind.APART, ""),),
    "fencing-level": (("fencing-{}-1", Kind.LEVEL, "1"), ("fencing-{}-2", Kind.LEVEL, "2")),
}  # fmt: skip


def renew(tree: Tree) -> bool:
    """Give what has an id of a former version its id of today, in place, and all that refers to it; whether any had.

    Pacemaker does nothing about it: none of these ids is a resource's.
    """
    path = ".//*[starts-with(@id, $ours) and not(starts-with(@id, $today))]"
    return _rename(tree, part_of(tree, "configuration").xpath(path, ours=OURS, today=TODAY), _today)


def age(tree: Tree) -> bool:
    """The way back of `renew`: while servers still have a former version, it must find what is its own, too."""
    return _rename(tree, part_of(tree, "configuration").xpath(".//*[starts-with(@id, $it)]", it=TODAY), _former)


def _rename(tree: Tree, elements: list[Tree], translate: Callable[[Tree], str]) -> bool:
    """An id that is taken already stays the only one of its kind."""
    configuration = part_of(tree, "configuration")
    taken = set(configuration.xpath(".//@id")) if elements else set()
    renamed: dict[str, str] = {}
    before_of: dict[str, str] = {}
    for element in elements:
        before = element.get("id", "")
        if element.tag == "nvpair":
            set_id, name = next(element.iterancestors()).get("id", ""), element.get("name", "")
            after = pair(set_id, name) if before == pair(before_of.get(set_id, ""), name) else ""
        else:
            after = translate(element)
        if after and after not in taken:
            element.set("id", after)
            taken.add(after)
            renamed[before], before_of[after] = after, before
    for reference in configuration.xpath(".//*[@id-ref or @reference or self::obj_ref]") if renamed else ():
        for key in ("id-ref", "reference", "id"):
            if now := renamed.get(reference.get(key, "")):
                reference.set(key, now)
    return bool(renamed)


def _today(element: Tree) -> str:
    owner, names = _owner(element)
    for form, kind, part in _FORMER.get(str(element.tag), ()):
        if ("{}" in form) == bool(names) and element.get("id") == _filled(form, names):
            return of(Kind.CAPACITY if owner == "node" and kind == Kind.SIZE else kind, *names, part=part)
    return ""


def _former(element: Tree) -> str:
    """What is there only as long as a migration, or what no former version has, keeps its id of today."""
    owner, names = _owner(element)
    for form, kind, part in _FORMER.get(str(element.tag), ()):
        here = Kind.CAPACITY if owner == "node" and kind == Kind.SIZE else kind
        if kind != Kind.MOVE and ("{}" in form) == bool(names) and element.get("id") == of(here, *names, part=part):
            return _filled(form, names)
    return ""


def _filled(form: str, names: tuple[str, ...]) -> str:
    """What belongs to a primitive of ours began as that does."""
    return OURS + form.format(*names).replace(OURS, "")


def _owner(element: Tree) -> tuple[str, tuple[str, ...]]:
    """What an element belongs to: the tag, and the name or, of a pair, names."""
    for tag, keys in (
        ("rsc_location", ("rsc",)), ("rsc_colocation", ("rsc", "with-rsc")), ("fencing-level", ("target",)),
    ):  # fmt: skip
        if element.tag == tag:
            return tag, tuple(element.get(key, "") for key in keys)
    for ancestor in element.iterancestors("primitive", "node"):
        return str(ancestor.tag), (ancestor.get("uname" if ancestor.tag == "node" else "id", ""),)
    return "", ()
