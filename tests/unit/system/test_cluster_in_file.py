"""A CIB in a file: whatever happens, and whoever else writes, it is whole and no change is lost."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.errors import ConfigurationError, DataError, NoInputError, PermissionDeniedError, TryAgainError
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.captures import capture, domain
from tests.unit.core.test_cib import with_parts

ROOT = Path(__file__).parents[3]
# Each commit is put to the scheduler several times, and again after the other writer's: on a busy machine 2 s.
EACH, WRITTEN_WITHIN_S = 8, 240

# Registers NAME0, NAME1 ... one by one through the way that every verb takes.
WRITER = """
import sys
from pathlib import Path
from snow_ha_plugin.operations import registration
from snow_ha_plugin.system import command
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.captures import domain
command.is_installed = lambda program: False
path, name, count = sys.argv[1:]
print("ready", flush=True)
for number in range(int(count)):
    registration.register(ClusterInFile(Path(path)), [domain(f"{name}{number}")], 80)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cib.xml"
    path.write_bytes(capture("cibadmin-2.1.5-guide-domains.xml"))
    return path


def add(path: Path, name: str = "web01") -> None:
    cluster = ClusterInFile(path)
    old = cluster.read()
    new = cib.clone(old)
    primitive.register(new, domain(name), 80)
    cluster.commit(old, new)


def names(path: Path) -> set[str]:
    return set(cib.domains(ClusterInFile(path).read()))


def writer(path: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def test_a_change_is_committed_as_one_epoch(path: Path) -> None:
    before = int(ClusterInFile(path).read().get("epoch"))
    add(path)
    assert "web01" in names(path)
    assert ClusterInFile(path).read().get("epoch") == str(before + 1)


def test_the_files_mode_and_owner_stay(path: Path) -> None:
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()
    add(path)
    after = path.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.xml"
    link.symlink_to(path)
    add(link)
    assert link.is_symlink()
    assert "web01" in names(path)


def test_a_change_of_what_somebody_else_has_changed_is_refused(path: Path) -> None:
    cluster = ClusterInFile(path)
    old = cluster.read()
    add(path, "theirs")
    new = cib.clone(old)
    primitive.register(new, domain("ours"), 80)
    with pytest.raises(TryAgainError):
        cluster.commit(old, new)
    assert "theirs" in names(path)
    assert "ours" not in names(path)


def test_an_invalid_change_is_refused_and_the_file_stays(path: Path) -> None:
    before = path.read_bytes()
    new = with_parts(constraints='<rsc_location id="l" rsc="nobody" node="snow01" score="5"/>')
    with pytest.raises(ConfigurationError, match="nobody"):
        ClusterInFile(path).commit(ClusterInFile(path).read(), new)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "kind"),
    [("none.xml", NoInputError), (".", NoInputError), ("cib.xml/x", NoInputError), ("cut.xml", DataError)],
)
def test_a_file_that_will_not_do_is_told(path: Path, name: str, kind: type[Exception]) -> None:
    (path.parent / "cut.xml").write_bytes(path.read_bytes()[:-100])
    with pytest.raises(kind):
        ClusterInFile(path.parent / name).read()


def test_a_full_disk_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PermissionDeniedError, match="No space left"):
        add(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_two_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    before = int(ClusterInFile(path).read().get("epoch"))
    writers = [writer(path, name, EACH) for name in ("a", "b")]
    assert [process.wait(180) for process in writers] == [0, 0]
    assert {f"{name}{number}" for name in "ab" for number in range(EACH)} <= names(path)
    assert ClusterInFile(path).read().get("epoch") == str(before + 2 * EACH)


def test_a_writer_that_is_killed_leaves_a_whole_file_with_all_it_had_committed(path: Path) -> None:
    seen = 0
    for round_number in range(8):
        process = writer(path, f"r{round_number}x", 10_000)
        assert process.stdout is not None
        process.stdout.readline()
        wait_for_change(path)
        # Somewhere else within a commit each time.
        time.sleep(0.003 * round_number)
        process.send_signal(signal.SIGKILL)
        process.wait()
        committed = len(names(path))
        assert committed > seen
        seen = committed
    add(path, "after")
    assert "after" in names(path)


def wait_for_change(path: Path, deadline_s: float = 20) -> None:
    inode, deadline = path.stat().st_ino, time.monotonic() + deadline_s
    while path.stat().st_ino == inode:
        assert time.monotonic() < deadline, "no commit came"
        time.sleep(0.0005)
