"""A domain file of a para-virtualised guest as that of a PVH guest: of its text only what that takes changes."""

from __future__ import annotations

from typing import NamedTuple

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core import domainfile
from snow_ha_plugin.errors import ConfigurationError, DataError

# A PVH guest has no console but those that its kernel is told of.
CONSOLE = "console=hvc0"

# What such a guest cannot have, or what says otherwise than `type`, and why.
_IN_THE_WAY = {
    "bootloader": "its kernel is in its image, which a bootloader such as pygrub reads",
    "pci": "it has devices of its server",
    "pvh": "it says pvh, which xl has given up for type",
}


class _Setting(NamedTuple):
    """Where a setting stands in a text: from its key to the end of its value."""

    key: str
    start: int
    end: int


def converted(text: str, path: str) -> str:
    """The text of the domain file as that of a PVH guest; the same text where it is one already.

    ConfigurationError for a guest that cannot be one, DataError where more than that would change.
    """
    settings = domainfile.parse(text, path)
    if settings.get("type") == "pvh":
        return text
    if not domainfile.is_pv(settings):
        raise _refused(path, "it is no para-virtualised guest")
    for key, why in _IN_THE_WAY.items():
        if settings.get(key):
            raise _refused(path, why)
    new, found = text, _settings(text)
    first = next((each for each in found if each.key == "kernel"), None)
    if not settings.get("kernel") or first is None:
        raise _refused(path, "it names no kernel")
    key = "cmdline" if "cmdline" in settings else "extra"
    line = settings.get(key, "")
    words = line.split() if isinstance(line, str) else []
    wanted = words if CONSOLE in words else [*words, CONSOLE]
    new_lines = []
    if not any(each.key in ("type", "builder") for each in found):
        new_lines.append('type = "pvh"\n')
    if key not in settings:
        new_lines.append(f'{key} = "{CONSOLE}"\n')
    for each in reversed(found):
        if each is first:
            new = new[: each.start] + "".join(new_lines) + new[each.start :]
        elif each.key in ("type", "builder"):
            new = f'{new[: each.start]}type = "pvh"{new[each.end :]}'
        elif each.key == key and wanted != words and text[each.end - 1] in "'\"":
            new = f"{new[: each.end - 1].rstrip(' ')} {CONSOLE}{new[each.end - 1 :]}"
    expected = {name: value for name, value in settings.items() if name != "builder"} | {"type": "pvh"}
    after = domainfile.parse(new, path)
    told = after.get(key)
    if {**after, key: ""} != {**expected, key: ""} or not isinstance(told, str) or told.split() != wanted:
        raise DataError(
            f"{path}: what is to change cannot be told apart from the rest", "nothing was changed", "set each once"
        )
    return new


def _refused(path: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"{path} cannot become that of a PVH guest", why, "mend that, or leave it as it is")


def _settings(text: str) -> list[_Setting]:
    """All settings of a text that xl reads whose values are single ones."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found = []
    tokens, depth, key, key_start = xlcfg.Tokens(text), 0, "", 0
    while (kind := tokens.next()) != xlcfg.END:
        line_start = starts[tokens.line - 1]
        if kind == xlcfg.NAME:
            key, key_start = tokens.text, line_start + tokens.start
        elif kind in ("[", "]"):
            depth += 1 if kind == "[" else -1
        elif kind == xlcfg.ATOM and depth == 0:
            found.append(_Setting(key, key_start, line_start + tokens.end))
    return found
