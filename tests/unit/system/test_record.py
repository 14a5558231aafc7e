"""The record on a directory in the place of the shared file system."""

from __future__ import annotations

import os
import pwd
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import record, storage

SHARED = record.shared
A, B, C = (Event(at, Kind.STOP, f"web{at}") for at in (1, 2, 3))


def modes(*paths: Path) -> list[int]:
    return [path.stat().st_mode & 0o777 for path in paths]


def test_what_each_server_has_recorded_is_read_on_all_by_time(
    shared_record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.append(B)
    monkeypatch.setattr(record, "here", lambda: "snow02")
    record.append(A, C)
    assert record.read() == record.Record((A, B, C))
    assert record.read(since=2).events == (B, C)
    assert (shared_record / "snow02.jsonl").read_text() == A.line + C.line


def test_nobody_but_root_sees_it(shared_record: Path) -> None:
    record.append(A)
    assert modes(shared_record, shared_record / f"{record.here()}.jsonl") == [0o700, 0o600]


def test_lines_that_are_no_events_are_counted(shared_record: Path) -> None:
    record.append(A)
    with (shared_record / "snow09.jsonl").open("wb") as file:
        file.write(b'{"at":\n\xff\xfe\n' + B.line.encode())
    assert record.read() == record.Record((A, B), unknown=2)


def test_the_oldest_go_when_a_file_is_full(shared_record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MOST_BYTES", 1000)
    told = [Event(at, Kind.STOP, "web01") for at in range(100)]
    for event in told:
        record.append(event)
    found = record.read().events
    assert 20 < len(found) < 60
    assert found == tuple(told[-len(found) :])
    assert sum(path.stat().st_size for path in shared_record.iterdir()) < 2500


# --- a shared file system that is away


@pytest.fixture
def hanging(shared_record: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """It answers again once the event is set."""
    back = threading.Event()

    def shared() -> Path:
        assert back.wait(20)
        return shared_record

    monkeypatch.setattr(record, "shared", shared)
    monkeypatch.setattr(storage, "WITHIN_S", 0.05)
    yield back
    back.set()
    for thread in storage._waiting:
        thread.join(20)


def is_back(hanging: threading.Event) -> None:
    """The shared file system answers, though not at once on a busy machine."""
    storage.WITHIN_S = 15.0
    hanging.set()
    for thread in storage._waiting:
        thread.join(20)


def test_what_cannot_be_written_there_waits_here_and_goes_there_later(
    hanging: threading.Event, shared_record: Path
) -> None:
    record.append(A)
    record.append(B)
    assert record.read() == record.Record((A, B), missing="the shared file system does not answer")
    is_back(hanging)
    record.append(C)
    assert record.read() == record.Record((A, B, C))
    assert {path.read_text() for path in record.LOCAL.iterdir()} == {""}


def test_as_long_as_it_hangs_the_next_does_not_wait(hanging: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    record.append(A)
    monkeypatch.setattr(storage, "WITHIN_S", 15.0)
    began = time.monotonic()
    record.append(B)
    assert record.read().events == (A, B)
    assert time.monotonic() - began < 10


def test_where_the_shared_file_system_is_the_record_is_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNOW_ROOT", str(tmp_path))
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    assert SHARED() == tmp_path / "snow-ha" / "history"


def test_one_that_answers_late_takes_what_was_added_meanwhile_with_it_the_next_time(
    hanging: threading.Event, shared_record: Path
) -> None:
    record.append(A)
    (own,) = record.LOCAL.iterdir()
    assert own.read_text() == A.line
    assert storage._waiting and all(thread.daemon for thread in storage._waiting)
    record.append(B)
    is_back(hanging)
    assert (shared_record / own.name).read_text() == A.line
    # What A's writer has not seen stays here, and A with it: twice is better than never.
    assert own.read_text() == A.line + B.line
    record.append(C)
    assert own.read_text() == ""
    assert record.read().events == (A, B, C)


def test_what_is_not_mounted_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "shared", SHARED)
    monkeypatch.setenv("SNOW_ROOT", str(tmp_path))
    with pytest.raises(UnavailableError):
        record.shared()
    record.append(A)
    assert list(tmp_path.iterdir()) == []
    assert record.read() == record.Record((A,), missing=f"{tmp_path} is not mounted")


def test_nothing_that_goes_wrong_reaches_who_records(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Path:
        raise PermissionError

    monkeypatch.setattr(record, "shared", broken)
    monkeypatch.setattr(record, "LOCAL", Path("/proc/nowhere"))
    record.append(A)
    assert record.read() == record.Record((), missing="")


def test_who_is_at_work_is_the_user_behind_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/snow-ha", "add", "web 01"])
    monkeypatch.setenv("SUDO_USER", "ada")
    assert record.by() == "ada: snow-ha add 'web 01'"


def test_who_is_at_work_without_sudo_is_who_this_process_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/snow-ha", "status"])
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert record.by() == f"{pwd.getpwuid(os.getuid()).pw_name}: snow-ha status"


def test_this_server_is_known_by_the_first_part_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "snow01.example.org")
    assert record.here() == "snow01"


def test_nothing_is_opened_where_nothing_happened(shared_record: Path) -> None:
    record.append()
    assert not shared_record.exists()
    assert not record.LOCAL.exists()


@pytest.mark.parametrize(("size", "is_new"), [(1000, False), (1001, True)])
def test_a_file_gives_way_once_it_is_larger_than_it_may_be(
    shared_record: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_new: bool
) -> None:
    monkeypatch.setattr(record, "MOST_BYTES", 1000)
    path = record.made(shared_record) / f"{record.here()}.jsonl"
    path.write_bytes(b"x" * size)
    record.append(A)
    assert path.with_suffix(".1.jsonl").exists() is is_new
    assert path.stat().st_mode & 0o777 == (0o600 if is_new else path.stat().st_mode & 0o777)
    assert path.read_text().endswith(A.line)
