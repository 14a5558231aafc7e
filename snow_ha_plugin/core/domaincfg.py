"""xl domain configuration (xl.cfg(5)): text to values, without ever evaluating it.

xl's own grammar is `key = value`, where a value is a string in single or double quotes, a whole number or a
list of values in brackets; `#` starts a comment, a newline or `;` ends a statement. Python's expressions, which
xm allowed, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import Domain

Value = str | int | list["Value"]

# Longer ones overflow xl's own 64 bits.
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19})")

_TOKEN = re.compile(
    rf"""(?> (?: [ \t\r]+ | \#[^\n]* | \\\n )* )
      (?: (?P<end>[\n;])
        | (?P<string>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
        | (?P<number>{_NUMBER.pattern}(?![A-Za-z0-9_.]))
        | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
        | (?P<mark>\+=|[=\[\],])
        | (?P<nothing>\Z)
        | (?P<wrong>.{{1,20}}) )""",
    re.VERBOSE,
)

# xl takes a domain name of any characters, but sNow! uses it as a host name, a file name and a word of its
# shell commands, and Pacemaker as an XML id.
DOMAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-._][A-Za-z0-9]+)*\Z")

DEFAULT_MEMORY_MIB = 128
DEFAULT_VCPUS = 1

# More than this (MiB, or CPUs) is a slip of the keyboard, and too much for the numbers of Pacemaker.
TOO_MUCH = 2**31


def parse(text: str, source: str = "domain file") -> dict[str, Value]:
    """The settings of a domain file; of a setting that comes twice the last one counts, as for xl."""
    tokens = _Tokens(text, source)
    settings: dict[str, Value] = {}
    while (token := tokens.next(skip_ends=True)) is not None:
        kind, key = token
        if kind != "name":
            raise tokens.error(f"a setting was expected, not {key!r}")
        if (operator := tokens.next()) != ("mark", "="):
            raise tokens.error(f"'=' was expected after {key!r}" + (f", not {operator[1]!r}" if operator else ""))
        try:
            settings[key] = _value(tokens, tokens.next())
        except RecursionError:
            raise tokens.error(f"the lists of {key!r} are nested too deeply") from None
        end = tokens.next()
        if end is not None and end[0] != "end":
            raise tokens.error(f"the value of {key!r} goes on with {end[1]!r}")
    return settings


def domain_from(text: str, name: str, path: str) -> Domain:
    """The domain that a file describes; `name` is what the file is called, and must be what it says.

    Memory is what the domain may come to need: `maxmem` where it is above `memory`. xen-tools writes numbers as
    quoted strings; xl takes both.
    """
    settings = parse(text, path)
    if "name" not in settings:
        raise DataError(f"{path}: it has no 'name'", remedy=f"add the line: name = '{name}'")
    if settings["name"] != name:
        raise DataError(
            f"{path}: it names the domain {settings['name']!r}",
            f"the file is that of {name!r}",
            "make the two the same: xl and Pacemaker would speak of different domains",
        )
    memory = _whole(settings, "memory", DEFAULT_MEMORY_MIB, path)
    return Domain(
        name=name,
        config_path=path,
        memory_mib=max(memory, _whole(settings, "maxmem", memory, path)),
        vcpus=_whole(settings, "vcpus", DEFAULT_VCPUS, path),
        disks=tuple(_disk_target(disk) for disk in _strings(settings.get("disk"))),
    )


def _disk_target(disk: str) -> str:
    """What a disk line points to: both forms of xl-disk-configuration(5), with the prefixes that xm knew."""
    words = [word.strip() for word in disk.split(",")]
    for word in words:
        if word.startswith("target="):
            return word.removeprefix("target=")
    return re.sub(r"^(?:(?:phy|file|raw|qcow2?|vhd|aio|tap2?):)+", "", words[0])


def _strings(value: Value | None) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _whole(settings: dict[str, Value], key: str, default: int, path: str) -> int:
    value = settings.get(key, default)
    try:
        number = value if isinstance(value, int) else _number(str(value))
    except ValueError:
        number = -1
    if not 0 <= number < TOO_MUCH:
        shown = f"{str(value)[:20]!r} is not a whole number from 0 to {TOO_MUCH - 1}"
        raise DataError(f"{path}: {key} = {shown}", remedy="mend the domain file")
    return number


def _number(text: str) -> int:
    """A number as xl reads it (xl.cfg(5)): hexadecimal behind 0x, octal behind 0; ValueError if it is none."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    digits = text.lstrip("-").lower()
    return int(text, 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10)


def _value(tokens: _Tokens, token: tuple[str, str] | None) -> Value:
    kind, text = token or ("end", "")
    if kind == "string":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if kind == "number":
        try:
            return _number(text)
        except ValueError:
            raise tokens.error(f"{text!r} is no number") from None
    if text == "[":
        return _list(tokens)
    raise tokens.error("a value was expected" + (f", not {text!r}" if text.strip() else ""))


def _list(tokens: _Tokens) -> list[Value]:
    items: list[Value] = []
    while (token := tokens.next(skip_newlines=True)) != ("mark", "]"):
        items.append(_value(tokens, token))
        after = tokens.next(skip_newlines=True)
        if after == ("mark", "]"):
            return items
        if after != ("mark", ","):
            raise tokens.error("',' or ']' was expected in a list")
    return items


class _Tokens:
    """The tokens of a text, one at a time; `error()` says where the last one stands."""

    def __init__(self, text: str, source: str) -> None:
        self.text, self.source, self.position = text, source, 0

    def next(self, skip_ends: bool = False, skip_newlines: bool = False) -> tuple[str, str] | None:
        while True:
            match = _TOKEN.match(self.text, self.position)
            assert match, "one of the alternatives always matches"
            kind = str(match.lastgroup)
            token = match[kind]
            self.position = match.end()
            if kind == "nothing":
                return None
            if kind == "wrong":
                raise self.error(f"cannot read {token!r}")
            if kind != "end" or not (skip_ends or (skip_newlines and token == "\n")):
                return kind, token

    def error(self, what: str) -> DataError:
        line = self.text.count("\n", 0, self.position) + 1
        return DataError(f"{self.source}: line {line}: {what}", remedy="mend the domain file (see xl.cfg(5))")
