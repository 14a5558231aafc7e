from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from snow_ha_plugin.errors import TryAgainError, UnavailableError
from snow_ha_plugin.system import command, imagefiles
from snow_ha_plugin.system.imagefiles import BLOCK, PART, Content, Meter
from tests.unit.killing import killed

DATA = b"a" * BLOCK + bytes(3 * BLOCK) + b"\0b" + bytes(BLOCK - 7) + bytes(40 * BLOCK)


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "volume"
    path.write_bytes(DATA)
    return str(path)


@pytest.fixture
def target(tmp_path: Path) -> str:
    target = str(tmp_path / "domains/web01/web01-disk")
    imagefiles.prepare(target)
    return target


def wanted(source: str) -> Content:
    return imagefiles.content(source, Meter())


def test_the_content_is_told_with_what_a_copy_will_take(source: str) -> None:
    meter = Meter()
    found = imagefiles.content(source, meter)
    assert found == Content(len(DATA), 2 * BLOCK, sha256(DATA).hexdigest())
    assert meter.done == len(DATA)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, imagefiles.CHUNK + 1])
@pytest.mark.parametrize("byte", [b"\0", b"x"])
def test_a_copy_is_the_same_and_has_holes(tmp_path: Path, target: str, size: int, byte: bytes) -> None:
    source = tmp_path / "volume"
    source.write_bytes(byte * size)
    found = wanted(str(source))
    assert found.used == (size if byte == b"x" else 0)
    imagefiles.copy(str(source), target, found, Meter())
    imagefiles.finish(target)
    assert Path(target).read_bytes() == byte * size
    assert imagefiles.used(target) <= found.used + BLOCK
    assert Path(target).stat().st_mode & 0o777 == 0o600
    assert not Path(target + PART).exists()


def test_a_copy_that_is_whole_is_kept(source: str, target: str) -> None:
    imagefiles.copy(source, target, wanted(source), Meter())
    before = Path(target + PART).stat()
    meter = Meter()
    imagefiles.copy(source, target, wanted(source), meter)
    assert Path(target + PART).stat().st_ino == before.st_ino
    # Twice: the third time was the source's, which is read before.
    assert meter.done == 2 * len(DATA)


@pytest.mark.parametrize("rest", [b"", DATA[:-1], b"x" + DATA[1:], DATA + b"x"], ids=range(4))
def test_a_copy_that_is_not_whole_is_made_anew_as_another_file(source: str, target: str, rest: bytes) -> None:
    """So that a dd that is still at it writes to one that nobody uses."""
    Path(target + PART).write_bytes(rest)
    with Path(target + PART).open("rb") as old:
        imagefiles.copy(source, target, wanted(source), Meter())
        assert Path(target + PART).read_bytes() == DATA
        assert os.fstat(old.fileno()).st_nlink == 0


def test_a_source_that_changed_after_it_was_read_is_noticed(source: str, target: str) -> None:
    before = wanted(source)
    with Path(source).open("r+b") as file:
        file.write(b"b")
    with pytest.raises(UnavailableError, match="is not what was read before"):
        imagefiles.copy(source, target, before, Meter())
    assert not Path(target + PART).exists()


def test_a_source_that_cannot_be_read_is_told_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"cannot be read at 0 bytes; Is a directory; see its mount"):
        imagefiles.content(str(tmp_path), Meter())


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of more than a GiB can be written, as on a file system that knows none."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("small_files")
def test_what_the_file_system_has_no_file_for_is_refused_before_the_copy(source: str, target: str) -> None:
    with pytest.raises(UnavailableError, match="cannot have 2147483648 bytes; File too large"):
        imagefiles.copy(source, target, Content(2**31, 0, ""), Meter())
    assert not Path(target + PART).exists()


def test_an_interrupted_copy_ends_and_goes_on_later(tmp_path: Path, target: str) -> None:
    source = tmp_path / "pipe"
    os.mkfifo(source)
    meter, failures = Meter(), []

    def work() -> None:
        try:
            imagefiles.copy(str(source), target, Content(1, 1, ""), meter)
        except TryAgainError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    # dd waits for somebody to write.
    with source.open("wb"):
        meter.stop()
        thread.join(20)
    assert not thread.is_alive()
    assert [failure.message for failure in failures] == ["interrupted"]


def test_a_second_run_says_so_and_a_killed_one_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagefiles, "LOCK", tmp_path / "run/images.lock")
    with imagefiles.alone(), pytest.raises(TryAgainError, match="another snow ha images is at work"):  # noqa: SIM117
        with imagefiles.alone():
            pass

    def die() -> None:
        with imagefiles.alone():
            os.kill(os.getpid(), signal.SIGKILL)

    assert killed(die)
    with imagefiles.alone():
        pass


# What a program has at address 0 of its memory cannot be read: a true I/O error.
UNREADABLE = "/proc/self/mem"


def test_a_source_that_fails_to_read_is_told_with_the_place_by_either_reader(target: str) -> None:
    with pytest.raises(
        UnavailableError, match=r"cannot be read at 0 bytes; Input/output error; see its mount, and the"
    ):
        imagefiles.content(UNREADABLE, Meter())
    with pytest.raises(
        UnavailableError, match=r"/proc/self/mem cannot be copied; .*Input/output error; make room, or see"
    ):
        imagefiles.copy(UNREADABLE, target, Content(1, 1, ""), Meter())
    assert not Path(target + PART).exists()


def test_a_target_that_fails_to_be_written_leaves_nothing(source: str, target: str) -> None:
    """As on a file server whose quota is found out late: dd's limit is below that of the file that is made for it."""
    before = wanted(source)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    real = imagefiles._dd

    def dd(*words: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK // 2, limits[1]))
        try:
            real(*words)  # type: ignore[arg-type]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imagefiles, "_dd", dd)
        with pytest.raises(UnavailableError, match="cannot be copied"):
            imagefiles.copy(source, target, before, Meter())
    assert not Path(target + PART).exists()
    imagefiles.prepare(target)
    imagefiles.copy(source, target, before, Meter())
    assert Path(target + PART).read_bytes() == DATA


def test_whatever_else_uses_the_disks_goes_first() -> None:
    def told() -> str:
        return command.run(["ionice", "--pid", str(threading.get_native_id())]).text.strip()

    with imagefiles.idle():
        assert told() == "idle"
        assert command.run(["ionice"]).text.strip() == "idle", "a program that is run meanwhile"
    assert told() != "idle"
