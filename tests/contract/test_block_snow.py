"""Xen's script of shared images as a program, with a stand-in for what Xen's own scripts share, and for losetup."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging/block-snow"
# Of /etc/xen/scripts; a store is a directory.
COMMON = """
command=$1
fatal() { echo "$@" >&2; exit 1; }
xenstore_read() { cat "$1"; }
xenstore_read_default() { cat "$1" 2>/dev/null || echo "$2"; }
xenstore_write() { printf %s "$2" >"$1"; }
write_dev() { xenstore_write "$XENBUS_PATH/physical-device" "$1"; }
"""
LOSETUP = """#!/bin/sh
echo "$*" >>"$XENBUS_PATH/log"
case $* in
    --find*) [ ! -e "$XENBUS_PATH/fails" ] || { echo "losetup: no such file" >&2; exit 1; }; echo /dev/loop7 ;;
    *DIO*) cat "$XENBUS_PATH/dio" ;;
esac
"""


class Store:
    def __init__(self, root: Path) -> None:
        self.root, self.bin, self.path = root, root / "bin", root / "51712"
        for directory in (self.bin, self.path):
            directory.mkdir()
        for name, text in (("block-snow", SCRIPT.read_text()), ("block-common.sh", COMMON), ("losetup", LOSETUP)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        self.put(params="/sNow/a disk", mode="w", dio="1")

    def put(self, **values: str) -> None:
        for name, value in values.items():
            (self.path / name.replace("_", "-")).write_text(value)

    def get(self, name: str) -> str:
        return (self.path / name).read_text() if (self.path / name).exists() else ""

    def run(self, action: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self.bin}:{os.environ['PATH']}", "XENBUS_PATH": str(self.path)}
        return subprocess.run(
            ["bash", self.bin / "block-snow", action], env=env, capture_output=True, text=True, check=False
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.mark.parametrize(("mode", "more"), [("w", ""), ("w!", ""), ("r", "--read-only ")])
def test_a_file_becomes_a_device_past_the_cache_and_goes_again(store: Store, mode: str, more: str) -> None:
    store.put(mode=mode)
    assert store.run("add").returncode == 0
    assert (store.get("node"), store.get("physical-device")) == ("/dev/loop7", "/dev/loop7")
    assert store.get("log").splitlines()[0] == f"--find --show --direct-io=on {more}/sNow/a disk"
    assert store.run("remove").returncode == 0
    assert store.get("log").splitlines()[-1] == "--detach /dev/loop7"


def test_a_second_call_for_the_same_disk_makes_nothing(store: Store) -> None:
    store.put(physical_device="7:7")
    assert store.run("add").returncode == 0
    assert store.get("log") == ""


def test_a_file_system_without_direct_io_has_no_disk(store: Store) -> None:
    store.put(dio="0")
    done = store.run("add")
    assert (done.returncode, "does no direct I/O" in done.stderr) == (1, True)
    assert store.get("log").splitlines()[-1] == "--detach /dev/loop7"
    assert store.get("physical-device") == ""


def test_a_file_that_is_not_there_is_told_in_losetups_words(store: Store) -> None:
    store.put(fails="")
    done = store.run("add")
    assert (done.returncode, done.stderr) == (1, "losetup: no such file\n")


def test_what_was_never_made_can_be_removed(store: Store) -> None:
    assert store.run("remove").returncode == 0
    assert store.get("log") == ""
