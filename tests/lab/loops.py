"""The loop devices that each server has for itself, out of those that the kernel has for the whole machine.

A server sees only its own, as loop0 to loop7 (boot.sh): on another server's, `losetup` would wait for that server's
file system, which may hang. It has no /dev/loop-control, without which `losetup --find` tries these one by one.
Who owns which is in links STATE/.loops/FIRST -> LAB/SERVER, FIRST being the machine's number of the first one.
"""

import contextlib
import errno
import fcntl
import itertools
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.lab import host

COUNT = 8
# The machine's own come first: its `losetup --find` takes the lowest.
LOWEST = 64
CLAIMS = ".loops"
# linux/loop.h
LOOP_CLR_FD = 0x4C01
LOOP_CTL_ADD = 0x4C80
LOOP_CTL_REMOVE = 0x4C81


def claim(state: Path, lab: str, server: str) -> None:
    claims = state / CLAIMS
    claims.mkdir(exist_ok=True)
    for first in itertools.count(LOWEST, COUNT):
        with contextlib.suppress(FileExistsError):
            (claims / str(first)).symlink_to(f"{lab}/{server}")
            break
    for number in range(first, first + COUNT):
        with contextlib.suppress(FileExistsError):
            _ioctl("loop-control", LOOP_CTL_ADD, number)


def numbers(state: Path, lab: str, server: str) -> list[int]:
    """The machine's numbers of a server's devices, in order."""
    return [number for claim in _claims(state, f"{lab}/{server}") for number in _devices(claim)]


def detach(state: Path, lab: str, server: str) -> None:
    """Take the files off a server's devices, as the loss of its power does. Nothing may have them open any more."""
    for number in numbers(state, lab, server):
        _detach(number)


def release(state: Path, lab: str) -> None:
    """Give all devices of a lab back to the kernel; nothing happens where it has none."""
    for claim in _claims(state, f"{lab}/"):
        for number in _devices(claim):
            _detach(number)
            # The last use of a device ends in the kernel's own time.
            host.wait_until(partial(_removed, number), 10, f"/dev/loop{number} is still in use")
        claim.unlink()


def _claims(state: Path, owner: str) -> Iterator[Path]:
    """Those whose owner begins so. Others come and go meanwhile."""
    claims = state / CLAIMS
    for claim in claims.iterdir() if claims.exists() else ():
        with contextlib.suppress(FileNotFoundError):
            if str(claim.readlink()).startswith(owner):
                yield claim


def _devices(claim: Path) -> range:
    return range(int(claim.name), int(claim.name) + COUNT)


def _detach(number: int) -> None:
    try:
        _ioctl(f"loop{number}", LOOP_CLR_FD)
    except OSError as error:
        # It has no file, or was never added.
        if error.errno not in (errno.ENXIO, errno.ENOENT):
            raise


def _removed(number: int) -> bool:
    try:
        _ioctl("loop-control", LOOP_CTL_REMOVE, number)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENODEV):
            raise
        return error.errno == errno.ENODEV  # it was never added
    return True


def _ioctl(device: str, request: int, argument: int = 0) -> None:
    descriptor = os.open(f"/dev/{device}", os.O_RDWR)
    try:
        fcntl.ioctl(descriptor, request, argument)
    finally:
        os.close(descriptor)
