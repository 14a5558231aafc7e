"""The ids of what is ours in a CIB: made and read here alone.

`snow-ha--KIND--NAME`, with the name of a domain or server that it belongs to. No domain's name has two dashes in a row
(domainfile.DOMAIN_NAME), and no kind does, so no two things share an id whatever domains are called. What belongs to
that thing has a part behind its kind: `snow-ha--params.xmfile--nis01`.

The primitives of ours (the floating IP and the fencing devices) have ids with one dash, `snow-ha-sbd`: a resource that
is called otherwise is another one, and no domain may be called so.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from snow_ha_plugin.core.cib.document import Tree
from snow_ha_plugin.core.cib.document import part as part_of

OURS = "snow-ha-"
_SEPARATOR = "--"
_ROOT = "snow-ha"


class Kind(StrEnum):
    """What an id is of. None begins as another one, so that `beginning` of one finds nothing else."""

    OPTIONS = "options"
    RESOURCE_DEFAULTS = "rsc-defaults"
    OPERATION_DEFAULTS = "op-defaults"
    LEFT_OUT = "not-protected"
    KEPT = "kept-rules"
    ACCEPTED = "accepted"
    ALERT = "alert"
    RAN_TWICE = "ran-twice"
    # of a primitive
    PARAMETERS = "params"
    META = "meta"
    SIZE = "size"
    OPERATION = "op."
    HELD = "held"
    PAUSE = "pause"
    RESTARTED = "restarted"
    COLD = "cold"
    # of a server
    CAPACITY = "capacity"
    OVERCOMMIT = "overcommit"
    ATTRIBUTES = "attributes"
    LEVEL = "level."
    # rules
    PLACE = "place"
    APART = "apart"
    ELSEWHERE = "elsewhere"
    # all that is there only as long as a migration
    MOVE = "move"
    # in copies that the scheduler is asked about
    COPY = "copy."


# What is there only as long as a verb is at work.
PASSING = (Kind.MOVE, Kind.PAUSE, Kind.HELD, Kind.COLD)


def of(kind: Kind, *names: str, part: str = "") -> str:
    """The id of what is of that kind and of those names; `part` tells several of one kind apart."""
    return _SEPARATOR.join((_ROOT, kind + part, *names))


def pair(set_id: str, name: str) -> str:
    """The id of a pair in a set."""
    if not set_id.startswith(_ROOT + _SEPARATOR):
        return f"{set_id}-{name}"
    root, kind, *names = set_id.split(_SEPARATOR, 2)
    return _SEPARATOR.join((root, f"{kind}.{name}", *names))


def is_ours(identifier: str) -> bool:
    return identifier.startswith(OURS)


def beginning(kind: Kind) -> str:
    """How all ids of a kind begin, for XPath's starts-with."""
    return f"{_ROOT}{_SEPARATOR}{kind}"


def is_a(identifier: str, kind: Kind) -> bool:
    return identifier.startswith(beginning(kind))


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
    return _rename(tree, part_of(tree, "configuration").xpath(path, ours=OURS, today=_ROOT + _SEPARATOR), _today)


def age(tree: Tree) -> bool:
    """The way back of `renew`: while servers still have a former version, it must find what is its own, too."""
    return _rename(
        tree, part_of(tree, "configuration").xpath(".//*[starts-with(@id, $it)]", it=_ROOT + _SEPARATOR), _former
    )


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
