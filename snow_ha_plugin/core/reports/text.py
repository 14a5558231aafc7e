"""Values in a reader's words."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Set


def in_words(names: Collection[str], most: int | None = None) -> str:
    """`a`, `a and b`, `a, b and c`; beyond `most` names `a, b, ... and 4 more`. Those of a set by name."""
    listed = sorted(names) if isinstance(names, Set) else list(names)
    if most is not None and len(listed) > most + 1:
        listed = [*listed[:most], f"{len(listed) - most} more"]
    return " and ".join(filter(None, (", ".join(listed[:-1]), *listed[-1:])))


def nearest(word: str, names: Collection[str], like: float = 0.7) -> str:
    """The name that somebody may have meant; empty where none is `like` the word (difflib's ratio)."""
    return next(iter(difflib.get_close_matches(word, sorted(names), n=1, cutoff=like)), "")


def duration(seconds: float) -> str:
    """How long something takes or took, in its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"
