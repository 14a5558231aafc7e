"""The ids of what is ours in a CIB: made and read here alone.

`snow-ha--KIND--NAME`, with the name of a domain or server that it belongs to. No domain's name has two dashes in a row
(domainfile.DOMAIN_NAME), and no kind does, so no two things share an id whatever domains are called. What belongs to
that thing has a part behind its kind: `snow-ha--params.xmfile--nis01`.

The primitives of ours (the floating IP and the fencing devices) have ids with one dash, `snow-ha-sbd`: a resource that
is called otherwise is another one, and no domain may be called so.
"""

from __future__ import annotations

from enum import StrEnum

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
