"""The shared file system: one that answers, fails, is not mounted, or is away."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from snow_ha_plugin.cli import options
from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import TimedOutError
from snow_ha_plugin.operations import sight
from snow_ha_plugin.system import snow_conf, storage
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.captures import guide_cluster


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A file in it: who opens it waits. (A FIFO without a writer.)"""
    monkeypatch.setattr(storage, "AT_MOST_S", 0.05)
    monkeypatch.setattr(storage, "WITHIN_S", 0.05)
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    file = tmp_path / "file"
    os.mkfifo(file)
    yield file
    os.close(os.open(file, os.O_RDWR))
    for thread in storage._waiting:
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    return tmp_path


def test_an_error_of_the_work_is_that_of_the_one_who_waits() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        storage.within(broken)
    assert storage.within(lambda: "well") == "well"


def test_who_waits_longer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "WITHIN_S", 0.0)
    assert storage.within(lambda: time.sleep(0.1) or "well", 20) == "well"


def test_who_may_wait_longer_waits_for_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    back = threading.Event()
    with pytest.raises(TimedOutError):
        storage.within(back.wait, 0.01)
    with pytest.raises(TimedOutError):
        storage.within(lambda: "as long as it hangs, nobody else waits")
    threading.Timer(0.2, back.set).start()
    assert storage.within(lambda: "well", 20) == "well"


def test_one_that_answers_is_not_lost(mount: Path) -> None:
    assert storage.loss(mount) == ""


def test_what_is_not_mounted_is_lost(mount: Path) -> None:
    assert storage.loss(mount / "elsewhere") == f"{mount / 'elsewhere'} is not mounted"


def test_what_fails_is_lost(mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(path: Path) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(os, "statvfs", stale)
    assert storage.loss(mount) == "the shared file system fails (Stale file handle)"


def test_what_hangs_is_lost(away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: away.read_bytes())
    assert storage.loss(away.parent) == "the shared file system does not answer"
    assert threading.active_count() > 1


def test_roles_of_domains_are_not_waited_for_for_ever(away: Path) -> None:
    """As balance, what-if and drain read them."""
    files = options.Files(away.parent, away, None)
    with pytest.raises(TimedOutError):
        options.sizes_and_roles(files, guide_cluster())


def test_sizes_that_the_cib_lacks_are_not_known_then(away: Path) -> None:
    """`status` has more to tell than those."""
    tree = guide_cluster()
    for pair in tree.xpath("//primitive[@id='nis01']/utilization"):
        cib.drop(pair)
    away.rename(away.parent / "nis01.cfg")
    (away.parent / "cib.xml").write_bytes(cib.serialize(tree))
    found = sight.outlook(ClusterInFile(away.parent / "cib.xml"), away.parent)
    assert "nis01" in found.domains and found.files == {}
    (away.parent / "nis01.cfg").rename(away)


def test_a_verb_that_needs_the_site_s_settings_does_not_hang_with_them(away: Path) -> None:
    with pytest.raises(TimedOutError) as caught:
        snow_conf.read(away)
    assert caught.value.reason == "the shared file system does not answer"
    assert caught.value.remedy == "see its server, and the network to it; then try again"
