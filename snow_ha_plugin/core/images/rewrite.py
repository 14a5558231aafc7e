"""A domain file that names other images: only the values of its disks change, all other bytes stay."""

from __future__ import annotations

import re
from collections.abc import Mapping

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core import domainfile
from snow_ha_plugin.errors import DataError, UsageError

# What stands in a string of xl's as it is, and in a shell's words too.
_PLAIN = re.compile(r"/[A-Za-z0-9@%+:./_-]*\Z")

# LVM writes the `-` of a name twice there, and one between the group and the volume.
_MAPPED = re.compile(r"/dev/mapper/(?:[^-]|--)+-((?:[^-]|--)+)\Z")


def with_images(text: str, path: str, images: Mapping[int, str]) -> str:
    """The text of a domain file with other images: `images` has the path of each, by the disk's place in the list.

    DataError where that cannot be done without changing something else.
    """
    settings = domainfile.parse(text, path)
    disks, places = domainfile.disks(settings, path), _places(text)
    wanted = {at: disk_line(disks[at], image) for at, image in images.items()}
    new = text
    for at in sorted(wanted, key=lambda at: places[at], reverse=True):
        start, end = places[at]
        new = f"{new[: start + 1]}{wanted[at]}{new[end - 1 :]}"
    lines = [wanted.get(at, line) for at, line in enumerate(xlcfg.lines(settings, "disk"))]
    if domainfile.parse(new, path) != {**settings, "disk": lines}:
        raise DataError(
            f"{path}: its disks cannot be told apart from the rest", "nothing was changed", "write disk = [ ... ] once"
        )
    return new


def disk_line(disk: xlcfg.Disk, image: str) -> str:
    """The line of a disk with another image, a raw file unless it says otherwise.

    It is written past the page cache of the server (packaging/block-snow): what a guest was told is written is there
    for the server that it migrates to, also on NFS. The bug that direct-io-safe speaks of, of pages that the network
    still sends when the guest has them again, is none any more: Linux waits for them (4.0, gnttab_unmap_refs_async).
    """
    if not _PLAIN.match(image):
        raise UsageError(
            f"{image!r} cannot be the path of an image", "xl or a shell could misread it", "choose another"
        )
    drive = ["devtype=cdrom"] if disk.is_cdrom else []
    words = [f"format={disk.format or 'raw'}", f"vdev={disk.vdev}", f"access={disk.access or 'rw'}", *drive]
    # Only QEMU reads other formats, and an emulated drive.
    is_ours = disk.format in ("", "raw") and not disk.is_cdrom
    others = [word for word in disk.others if word != "direct-io-safe" or not is_ours]
    script = [f"script={xlcfg.BLOCK_SCRIPT}"] if is_ours else []
    return ", ".join([*words, *others, *script, f"target={image}"])


def file_name(domain: str, disk: xlcfg.Disk) -> str:
    """What the file of a volume is called: as the volume, where that says whose it is."""
    mapped = _MAPPED.match(disk.path)
    name = mapped[1].replace("--", "-") if mapped else disk.path.rpartition("/")[2]
    return name if name.startswith(f"{domain}-") and _PLAIN.match("/" + name) else f"{domain}-{disk.vdev}"


def _places(text: str) -> list[tuple[int, int]]:
    """From where to where each string of the list `disk` stands in a text that xl reads, quotes included."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    places: list[tuple[int, int]] = []
    tokens, depth, key, is_new = xlcfg.Tokens(text), 0, "", False
    while (kind := tokens.next()) != xlcfg.END:
        if kind == xlcfg.NAME:
            key = tokens.text
        elif kind in ("=", "+="):
            is_new = kind == "="
        elif kind == "[":
            depth += 1
            if key == "disk" and depth == 1 and is_new:
                places = []
        elif kind == "]":
            depth -= 1
        elif kind == xlcfg.ATOM and key == "disk" and depth == 1:
            start = starts[tokens.line - 1]
            places.append((start + tokens.start, start + tokens.end))
    return places
