"""What the image of a Linux kernel says of itself: its version, and whether it is of 64 bits.

The header is that of the kernel's Documentation/arch/x86/boot.rst; xl takes other images too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from snow_ha_plugin.errors import DataError, NoInputError

_HEAD = 2**16
_MAGIC, _PROTOCOL, _VERSION, _FLAGS = 0x202, 0x206, 0x20E, 0x236
# The protocol that has the flags, of Linux 3.8; the flag of an entry for 64 bits.
_WITH_FLAGS, _KERNEL_64 = 0x20C, 1


class Kernel(NamedTuple):
    text: str
    version: tuple[int, int]
    is_64bit: bool


def look(path: str) -> Kernel:
    """The kernel of a file; DataError where it does not say what it is."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise NoInputError(f"the kernel {path} cannot be read", error.strerror or "", "see the domain file") from None
    found = parse(head)
    if found is None:
        raise DataError(f"{path} is no bzImage of Linux", "its version cannot be told", "name one in the domain file")
    return found


def parse(head: bytes) -> Kernel | None:
    """The first bytes of an image."""
    if head[_MAGIC : _MAGIC + 4] != b"HdrS":
        return None
    start = 0x200 + _number(head, _VERSION)
    text = head[start : head.find(b"\0", start)].decode(errors="replace").partition(" ")[0]
    numbers = re.match(r"(\d+)\.(\d+)", text)
    if not numbers:
        return None
    is_64bit = _number(head, _PROTOCOL) >= _WITH_FLAGS and bool(head[_FLAGS] & _KERNEL_64)
    return Kernel(text, (int(numbers[1]), int(numbers[2])), is_64bit)


def _number(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + 2], "little")
