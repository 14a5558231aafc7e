"""What kernels say of themselves, by images of the header that the kernel's documentation describes."""

from __future__ import annotations

from pathlib import Path

import pytest

from snow_ha_plugin.errors import DataError, NoInputError
from snow_ha_plugin.system import kernel


def image(version: str, protocol: int = 0x20F, flags: int = 0x3F) -> bytes:
    text_at = 0x3000
    head = bytearray(text_at + 0x200)
    head[0x202:0x206] = b"HdrS"
    head[0x206:0x208] = protocol.to_bytes(2, "little")
    head[0x20E:0x210] = text_at.to_bytes(2, "little")
    head[0x236] = flags
    return bytes(head) + version.encode() + b"\0more"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (image("6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP"), ("6.1.0-18-amd64", (6, 1), True)),
        (image("4.9.0-13-686 (x) #1", flags=0), ("4.9.0-13-686", (4, 9), False)),
        (image("3.8.0 (x)", protocol=0x20C), ("3.8.0", (3, 8), True)),
        (image("3.2.0-4-amd64 (x)", protocol=0x20A), ("3.2.0-4-amd64", (3, 2), False)),
    ],
)
def test_version_and_width_are_in_the_header(tmp_path: Path, data: bytes, expected: tuple[object, ...]) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(data)
    found = kernel.look(str(path))
    assert (found.text, found.version, found.is_64bit) == expected


@pytest.mark.parametrize("data", [b"", b"\x7fELF" + bytes(4096), image(""), image("none"), image("6.1")[:0x220]])
def test_what_says_nothing_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(data)
    with pytest.raises(DataError, match="is no bzImage of Linux"):
        kernel.look(str(path))


def test_a_kernel_that_is_not_there_is_told() -> None:
    with pytest.raises(NoInputError, match="the kernel /not/there cannot be read"):
        kernel.look("/not/there")


def test_this_machines_own_kernel_is_one() -> None:
    for path in sorted(Path("/boot").glob("vmlinuz-*")):
        assert kernel.look(str(path)).text in path.name
