"""Values as Pacemaker reads and prints them: scores, booleans, sizes."""

from __future__ import annotations

# Pacemaker's INFINITY: sums are cut off here (Pacemaker Explained, "Infinity Math").
INFINITY = 1_000_000


def score(text: str | None) -> int:
    """The number of a score, which may be a word; 0 for what is none."""
    word = (text or "").strip().lower().lstrip("+")
    digits = word.removeprefix("-").replace("infinity", str(INFINITY))
    value = min(INFINITY, int(digits)) if digits.isdecimal() else 0
    return -value if word.startswith("-") else value


def boolean(text: str) -> bool:
    """As Pacemaker reads a boolean (crm_str_to_boolean); what is none of its words counts as false."""
    return text.lower() in ("true", "yes", "on", "1", "y")


def whole(value: str | None) -> int | None:
    """A size as a number; None for one that is none, or that Pacemaker's own numbers do not hold (a C int)."""
    fits = value is not None and value.isascii() and value.isdecimal() and len(value) < 11 and int(value) < 2**31
    return int(value) if fits and value is not None else None
