"""Copies of images: what may be killed anywhere and leaves nothing half done. On this server only. Sizes are in bytes.

`dd` copies: of what Debian has everywhere it is the quickest that leaves holes where there are only zeros, and it says
how far it is (tests/bench/images).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from snow_ha_plugin.errors import SnowHaError, TryAgainError, UnavailableError, UnsafeError
from snow_ha_plugin.system import command, files

# What dd looks at at once: where all of it is zero, the copy has a hole.
BLOCK = 65536
CHUNK = 64 * BLOCK
ZEROS = bytes(BLOCK)

# linux/fs.h
BLKFLSBUF = 0x1261

LOCK = Path("/run/snow-ha/images.lock")
DAYS_S = 7 * 86400

# A copy that is not known to be whole.
PART = ".part"


class Content(NamedTuple):
    """What is in an image; `used` is what a copy with holes takes."""

    size: int
    used: int
    digest: str


class Meter:
    """How much has been read, of how much, by several threads; `stop` ends their work with TryAgainError."""

    def __init__(self) -> None:
        self.total = 0
        self._passed: dict[int, int] = {}
        self._programs: dict[int, int] = {}
        self._stopped = threading.Event()

    @property
    def done(self) -> int:
        return sum(list(self._passed.values())) + sum(map(_position, list(self._programs.values())))

    def passed(self, count: int) -> None:
        """This thread has read so much more."""
        thread = threading.get_ident()
        self._passed[thread] = self._passed.get(thread, 0) + count

    def stop(self) -> None:
        self._stopped.set()
        for pid in list(self._programs.values()):
            _end(pid)

    def go_on(self) -> None:
        if self._stopped.is_set():
            raise TryAgainError("interrupted", remedy="run the same command again to go on")

    def runs(self, pid: int) -> None:
        """A program reads for this thread, its input is its descriptor 0."""
        self._programs[threading.get_ident()] = pid
        if self._stopped.is_set():
            _end(pid)

    def ended(self) -> None:
        """The program of this thread has ended."""
        self._programs.pop(threading.get_ident(), None)


def _position(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/fdinfo/0").read_text().split()[1])
    except OSError:
        return 0


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """TryAgainError where another process of this server is at it; another server has other volumes."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryAgainError(
                "another snow ha images is at work on this server", remedy="wait for its end, and try again"
            ) from None
        yield


@contextlib.contextmanager
def idle() -> Iterator[None]:
    """Let whatever else reads and writes go first, also before the programs that this thread runs meanwhile."""
    thread = str(threading.get_native_id())
    command.run(["ionice", "--class", "idle", "--pid", thread])
    try:
        yield
    finally:
        command.run(["ionice", "--class", "none", "--pid", thread])


@contextlib.contextmanager
def claimed(path: str) -> Iterator[None]:
    """A device that nothing has mounted, and that nobody can mount meanwhile; of a file that is not known."""
    is_device = Path(path).is_block_device()
    with contextlib.ExitStack() as stack:
        try:
            descriptor = os.open(path, os.O_RDONLY | (os.O_EXCL if is_device else 0))
            stack.callback(os.close, descriptor)
            if is_device:
                # A domain writes to it past this server's memory, in which may be what was there before.
                fcntl.ioctl(descriptor, BLKFLSBUF)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise UnsafeError(f"{path} is in use on this server", "mounted, perhaps", f"see lsblk {path}") from None
            raise _failed(path, "cannot be opened", error) from None
        yield


def last_written(path: str) -> str:
    """Something that changes whenever this server writes to a device or file."""
    status = Path(path).stat()
    if not stat.S_ISBLK(status.st_mode):
        return f"{status.st_size} {status.st_mtime_ns}"
    # Field 7 are the sectors written since the server started (kernel's Documentation/block/stat.rst).
    device = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return Path(f"/sys/dev/block/{device}/stat").read_text().split()[6]


def content(path: str, meter: Meter) -> Content:
    """Read an image from its storage, not from memory, from end to end."""
    size = used = 0
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (any bytes)
            _forget(file.fileno())
            while chunk := file.read(CHUNK):
                meter.go_on()
                digest.update(chunk)
                used += sum(
                    min(BLOCK, len(chunk) - at) for at in range(0, len(chunk), BLOCK) if not _is_zero(chunk, at)
                )
                size += len(chunk)
                meter.passed(len(chunk))
            _forget(file.fileno())
    except OSError as error:
        raise _failed(path, f"cannot be read at {size} bytes", error) from None
    return Content(size, used, digest.hexdigest())


def _is_zero(chunk: bytes, at: int) -> bool:
    block = chunk[at : at + BLOCK]
    return block == ZEROS[: len(block)]


def _forget(descriptor: int) -> None:
    """What this server has in memory of it, so that it is read from the storage, and others keep theirs."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def prepare(target: str) -> None:
    """A file for a copy to `target`, which servers can be asked about; what is left of an earlier one stays."""
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(target + PART, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise _failed(target, "cannot be written", error) from None


def copy(source: str, target: str, wanted: Content, meter: Meter) -> None:
    """Bring the content of `source`, which is `wanted`, into the part file of `target`, and see that it is there.

    A part file that has it already is kept. Any other gives way to a new one: of a dd that outlived its snow-ha
    nothing reaches a new copy.
    """
    part = Path(target + PART)
    if part.stat().st_size == wanted.size and content(str(part), meter) == wanted:
        meter.passed(wanted.size)
        return
    part.unlink()
    try:
        with part.open("xb") as file:
            part.chmod(0o600)
            # Better now than hours later, where the file system has no files of this size.
            file.truncate(wanted.size)
            file.truncate(0)
        _dd(source, str(part), meter)
        if content(str(part), meter) != wanted:
            raise UnavailableError(
                f"the copy of {source} is not what was read before", "it was written to meanwhile, or read wrongly",
                "see the kernel's log, and try again",
            )  # fmt: skip
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _failed(target, f"cannot have {wanted.size} bytes", error) from None
    except SnowHaError:
        # Not after a stop, which is to go on later.
        meter.go_on()
        part.unlink(missing_ok=True)
        raise


def _dd(source: str, part: str, meter: Meter) -> None:
    # It ends with us, whatever we die of.
    argv = ["setpriv", "--pdeathsig", "KILL", "dd", f"if={source}", f"of={part}", f"bs={BLOCK}", "conv=sparse,fsync"]
    try:
        result = command.run([*argv, "status=none"], timeout_s=DAYS_S, started=meter.runs)
    finally:
        meter.ended()
    meter.go_on()
    if not result.ok:
        raise UnavailableError(f"{source} cannot be copied", result.reason, "make room, or see the kernel's log")
    meter.passed(Path(part).stat().st_size)


def _failed(path: str, what: str, error: OSError) -> UnavailableError:
    return UnavailableError(f"{path} {what}", error.strerror or "", "see its mount, and the kernel's log")


def finish(target: str) -> None:
    """Give a copy that is whole its name, for good."""
    Path(target + PART).rename(target)
    files.persist(Path(target).parent)


def used(path: str) -> int:
    """What a file takes now; nothing where there is none."""
    with contextlib.suppress(FileNotFoundError):
        return Path(path).stat().st_blocks * 512
    return 0


def free(directory: str) -> int:
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize
