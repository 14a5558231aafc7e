"""Values as Pacemaker reads and prints them: booleans, times, scores, sizes. Nothing else of us reads any."""

from __future__ import annotations

import re

# Pacemaker's INFINITY: sums are cut off here (Pacemaker Explained, "Infinity Math").
INFINITY = 1_000_000

# crm_str_to_boolean
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1", "y"), True),
    **dict.fromkeys(("false", "no", "off", "0", "n"), False),
}  # fmt: skip

# crm_get_msec: what follows a unit does not matter, nor what follows the point.
_TIME = re.compile(r"[ \t\n\r\f]*(\d+)[\d.]*[ \t\n\r\f]*(ms|us|s|m|h|$)", re.IGNORECASE)
_UNIT_MS = {"ms": 1, "us": 0.001, "s": 1000, "": 1000, "m": 60_000, "h": 3_600_000}
# A duration of ISO 8601, as an interval may be. A timeout too from Pacemaker 3 on; 2.1 takes it for none.
_DURATION = re.compile(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?\Z")

_NUMBER = re.compile(r"\s*([+-]?\d+)")


def boolean(text: str, default: bool = False) -> bool:
    """A boolean; what is none of Pacemaker's words counts as `default`."""
    return _BOOLEANS.get(text.lower(), default)


def interval_s(text: str) -> int | None:
    """A time in whole seconds, rounded up; None for what is none."""
    if duration := _DURATION.match(text):
        hours, minutes, seconds = (int(part or 0) for part in duration.groups())
        return hours * 3600 + minutes * 60 + seconds
    if time := _TIME.match(text):
        return -int(-int(time[1]) * _UNIT_MS[time[2].lower()] // 1000)
    return None


def score(text: str | None) -> int:
    """A score, also one that is a word; 0 for what is none."""
    word = text or "0"
    if word in ("INFINITY", "+INFINITY", "-INFINITY"):
        return -INFINITY if word.startswith("-") else INFINITY
    number = _NUMBER.match(word)
    return max(-INFINITY, min(INFINITY, int(number[1]))) if number else 0


def whole(value: str | None) -> int | None:
    """A size as a number; None for one that is none, or that Pacemaker's own numbers do not hold (a C int)."""
    fits = value is not None and value.isascii() and value.isdecimal() and len(value) < 11 and int(value) < 2**31
    return int(value) if fits and value is not None else None


def is_stopped(role: str) -> bool:
    """Whether a target-role lets nothing run."""
    return role.lower() == "stopped"
