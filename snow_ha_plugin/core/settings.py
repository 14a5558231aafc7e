"""The settings of ours in snow.conf: one table, which the program and snow-ha-settings(5) go by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from snow_ha_plugin import watches
from snow_ha_plugin.core import qdevice, timeouts
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.reports.text import nearest

PREFIX = "SNOW_HA_"


class Setting(NamedTuple):
    """`must` says what a value is; `otherwise` what holds without one, where that is no value of its own."""

    name: str
    default: str
    is_valid: Callable[[str], bool]
    must: str
    otherwise: str = ""


def _is_whole(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdecimal() and least <= int(text) <= most


MIGRATION_MIB_S = Setting(
    "SNOW_HA_MIGRATION_MIB_S", str(timeouts.DEFAULT_MIGRATION_MIB_S),
    lambda text: _is_whole(text, 1, 10**6), "a whole number of MiB a second",
)  # fmt: skip
FENCING = Setting(
    "SNOW_HA_FENCING", "", lambda text: text in ("", *fencing.CHOICES), f"one of {', '.join(fencing.CHOICES)}",
    "the BMCs where all of them answer, else sbd",
)  # fmt: skip
WATCHDOG_S = Setting(
    "SNOW_HA_WATCHDOG_S", str(fencing.DEFAULT_WATCHDOG_S),
    lambda text: _is_whole(text, fencing.LEAST_WATCHDOG_S, fencing.MOST_WATCHDOG_S),
    f"a whole number of seconds, {fencing.LEAST_WATCHDOG_S} to {fencing.MOST_WATCHDOG_S}",
)  # fmt: skip
QDEVICE = Setting(
    "SNOW_HA_QDEVICE", "", lambda text: not text or bool(qdevice.HOST.fullmatch(text)),
    f"a host's name or address, or {qdevice.NONE}", "the host that was set up before, or none",
)  # fmt: skip

# No shell, program or header of a mail takes it for anything else.
_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._%+-]*(@[A-Za-z0-9][A-Za-z0-9.-]*)?")


def addresses(text: str) -> list[str]:
    return text.replace(",", " ").split()


ALERT_MAIL = Setting(
    "SNOW_HA_ALERT_MAIL", "", lambda text: all(_ADDRESS.fullmatch(each) for each in addresses(text)),
    "addresses of mail, or local users", "none",
)  # fmt: skip
WATCH_GRACE_S = Setting(
    "SNOW_HA_WATCH_GRACE_S", str(watches.GRACE_S), lambda text: _is_whole(text, 0, 86400),
    "a whole number of seconds, 0 to 86400",
)  # fmt: skip

SETTINGS = (MIGRATION_MIB_S, FENCING, WATCHDOG_S, QDEVICE, ALERT_MAIL, WATCH_GRACE_S)

# Those of sNow! itself that decide what a cluster is; who mistypes one has none.
_HOSTS = ("SNOW_NODES",)

_ASSIGNED = re.compile(
    r"[ \t]*(?:(?:export|declare|readonly|typeset)[ \t]+(?:-\S+[ \t]+)*)?(SNOW_\w+)(?:\[[^]]*\])?\+?="
)


def assigned(text: str) -> Iterator[tuple[int, str]]:
    """The line and the name of each variable of the host's name space that a snow.conf sets."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _ASSIGNED.match(line):
            yield number, found[1]


def unknown(text: str) -> Iterator[tuple[int, str, str]]:
    """Lines that set what nobody reads, each with the name that it is nearest to, empty where it is near to none.

    sNow! has variables of its own: only those that look like one of these are told.
    """
    names = [setting.name for setting in SETTINGS]
    for number, name in assigned(text):
        if name.startswith(PREFIX) and name not in names:
            yield number, name, nearest(name, names)
        elif name not in _HOSTS and not name.startswith(PREFIX) and (near := nearest(name, _HOSTS, like=0.9)):
            yield number, name, near
