"""Scores as Pacemaker's tools print them."""

from __future__ import annotations

# Pacemaker's INFINITY: sums are cut off here (Pacemaker Explained, "Infinity Math").
INFINITY = 1_000_000


def score(text: str | None) -> int:
    """The number of a printed score, which may be a word."""
    word = (text or "0").strip().lstrip("+")
    if word.lower().lstrip("-") == "infinity":
        return -INFINITY if word.startswith("-") else INFINITY
    return max(-INFINITY, min(INFINITY, int(word)))
