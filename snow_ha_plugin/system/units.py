"""What systemd says of units: those that run, and those that it starts at boot. Pure but for the words that ask it."""

from __future__ import annotations

from typing import NamedTuple

# One start of systemctl for all of them: it takes 10 ms. A unit that is not installed is inactive, and no error.
SHOW = ("systemctl", "show", "--property=Id,ActiveState,UnitFileState")


class Units(NamedTuple):
    """By their names, without the `.service` of services."""

    active: frozenset[str]
    enabled: frozenset[str]


def parse(text: str) -> Units:
    """What SHOW prints with names behind it: a paragraph a unit."""
    found = [dict(line.split("=", 1) for line in each.splitlines() if "=" in line) for each in text.split("\n\n")]
    return Units(
        active=frozenset(_name(each) for each in found if each.get("ActiveState") == "active"),
        enabled=frozenset(_name(each) for each in found if each.get("UnitFileState") == "enabled"),
    )


def _name(unit: dict[str, str]) -> str:
    return unit.get("Id", "").removesuffix(".service")
