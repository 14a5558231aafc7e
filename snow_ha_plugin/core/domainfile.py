"""What a domain file says of its domain: the settings that xl reads (xlcfg) as a value with units."""

from __future__ import annotations

import re

from snow_ha_plugin import xlcfg
from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import Disk, Domain

# As strtol(3) reads it, which xl uses. Longer ones overflow its 64 bits.
_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19})")

# xl takes a domain name of any characters, but sNow! uses it as a host name, a file name and a word of its
# shell commands, and Pacemaker as an XML id, where names with this beginning are ours (core.cib.ids).
DOMAIN_NAME = re.compile(r"(?!snow-ha-)[A-Za-z][A-Za-z0-9]*(?:[-._][A-Za-z0-9]+)*\Z")

DEFAULT_MEMORY_MIB = 128
DEFAULT_VCPUS = 1

# More than this (MiB, or CPUs) is a slip of the keyboard, and too much for the numbers of Pacemaker.
TOO_MUCH = 2**31


def parse(text: str, path: str) -> xlcfg.Settings:
    """The settings of a domain file; DataError, with the line, if xl would refuse it."""
    try:
        return xlcfg.settings(text)
    except xlcfg.BadFile as bad:
        raise DataError(f"{path}: {bad}", remedy="mend the domain file (see xl.cfg(5))") from None


def domain_from(text: str, name: str, path: str) -> Domain:
    """The domain that a file describes; `name` is what the file is called, and must be what it says.

    Memory is what the domain may come to need: `maxmem` where it is above `memory`. DataError if the file, or what
    it says of the domain, makes no sense.
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
        disks=tuple(_disk(disk) for disk in disks(settings, path) if disk.format != "empty"),
        uuid=uuid_in(settings),
        boot=_boot(settings),
        bridges=_bridges(settings),
        is_pv=is_pv(settings),
        addresses=tuple(xlcfg.addresses(settings)),
        cpuid=tuple(xlcfg.lines(settings, "cpuid")),
    )


def is_pv(settings: xlcfg.Settings) -> bool:
    """Whether xl makes a para-virtualised guest of it, as it does by default (xl.cfg(5), type); builder and pvh are
    what older files have instead."""
    said = (settings.get("type"), settings.get("builder"), settings.get("pvh", "0"))
    return said[0] in (None, "pv") and said[1] in (None, "generic", "linux") and said[2] == "0"


def uuid_in(settings: xlcfg.Settings) -> str:
    """The uuid that a domain file gives, in one spelling; empty where xl makes a new one at each start."""
    uuid = settings.get("uuid")
    return uuid.strip().lower() if isinstance(uuid, str) else ""


def disks(settings: xlcfg.Settings, path: str) -> list[xlcfg.Disk]:
    """The disks of a domain, as xl reads their lines; DataError for one that it would refuse."""
    found = []
    for line in xlcfg.lines(settings, "disk"):
        try:
            found.append(xlcfg.disk(line))
        except xlcfg.BadLine as bad:
            remedy = "mend the domain file (see xl-disk-configuration(5))"
            raise DataError(f"{path}: the disk {line[:80]!r}: {bad}", remedy=remedy) from None
    return found


def _disk(found: xlcfg.Disk) -> Disk:
    is_drbd = found.script.rpartition("/")[2] == "block-drbd"
    drbd = found.target if is_drbd else ""
    return Disk(
        found.vdev, found.target, found.path, drbd, is_direct=found.is_direct, wants_aio=found.wants_aio,
        is_raw=found.is_raw, is_read_only=found.access in ("r", "ro"),
    )  # fmt: skip


def _boot(settings: xlcfg.Settings) -> tuple[str, ...]:
    """Its kernel and ramdisk; a name without a directory is for xl to find among its own."""
    named = (settings.get(key) for key in ("kernel", "ramdisk"))
    return tuple(path for path in named if isinstance(path, str) and path.startswith("/"))


def _bridges(settings: xlcfg.Settings) -> tuple[str, ...]:
    """The bridges that its interfaces name; what another script than xl's own makes of one is not known."""
    interfaces = [xlcfg.vif(line) for line in xlcfg.lines(settings, "vif")]
    return tuple(vif["bridge"].rstrip() for vif in interfaces if vif.get("bridge") and "script" not in vif)


def _whole(settings: xlcfg.Settings, key: str, default: int, path: str) -> int:
    value = settings.get(key, str(default))
    number = _number(value) if isinstance(value, str) else -1
    if not 0 <= number < TOO_MUCH:
        shown = f"{str(value)[:20]!r} is not a whole number from 0 to {TOO_MUCH - 1}"
        raise DataError(f"{path}: {key} = {shown}", remedy="mend the domain file")
    return number


def _number(text: str) -> int:
    """A number as xl reads it: hexadecimal behind 0x, octal behind 0; -1 if it is none."""
    if not _NUMBER.fullmatch(text):
        return -1
    digits = text.strip().lstrip("+-").lower()
    base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    try:
        return int(text, base)
    except ValueError:
        return -1
