"""Files that are never half written: their mode and owner, and what of them is on the disk when."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snow_ha_plugin.system import files


def test_a_file_is_its_users_alone_or_as_another_one(tmp_path: Path) -> None:
    path, other = tmp_path / "new", tmp_path / "other"
    files.put(path, b"1")
    assert path.stat().st_mode & 0o7777 == 0o600
    other.touch()
    other.chmod(0o604)
    files.put(path, b"2", like=other)
    assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (b"2", 0o604)
    files.put(path, b"3", mode=0o644)
    assert path.stat().st_mode & 0o7777 == 0o644


def test_the_data_and_then_the_name_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, done = tmp_path / "file", []
    path.write_bytes(b"old")

    def sync(descriptor: int) -> None:
        done.append((os.path.realpath(f"/proc/self/fd/{descriptor}"), path.read_bytes()))

    monkeypatch.setattr(os, "fsync", sync)
    files.put(path, b"new")
    (data, before), (directory, after) = done
    assert data.startswith(f"{tmp_path}/.file.")
    assert (before, directory, after) == (b"old", str(tmp_path), b"new")


def test_who_cannot_write_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.put(tmp_path / "new", b"", like=tmp_path / "absent")
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError):
        files.put(tmp_path / "directory", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]
