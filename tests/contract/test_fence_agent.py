"""fence_snow_sbd as Pacemaker calls it, with stand-ins for sbd and corosync: a disk that is a directory of slots.

It says 0 only where the server must be dead. tests/cluster/test_fencing.py has it with the real ones.
"""

from __future__ import annotations

import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[2] / "ocf/fence_snow_sbd"
MSGWAIT_S = 3

SBD = """#!/bin/sh
# sbd -d DISK dump | list | message SERVER MESSAGE
disk=$2
shift 2
case $1 in
    dump) echo "Timeout (msgwait)  : {msgwait}" ;;
    list)
        [ ! -e "$disk/hangs" ] || exec sleep 60
        for slot in "$disk"/slot.*; do
            [ ! -e "$slot" ] || printf '0\\t%s\\t%s\\tme\\n' "${{slot##*.}}" "$(cat "$slot")"
        done ;;
    message)
        echo "$3" >>"$disk/sent"
        [ -e "$disk/readonly" ] || echo "$3" >"$disk/slot.$2"
        sleep {msgwait} ;;
esac
"""

CMAPCTL = """#!/bin/sh
cat {disk}/members
"""

MEMBERS = """nodelist.node.0.name (str) = snow01
nodelist.node.0.nodeid (u32) = 1
nodelist.node.1.name (str) = snow02
nodelist.node.1.nodeid (u32) = 2
runtime.members.1.join_count (u32) = 1
runtime.members.1.status (str) = joined
runtime.members.2.join_count (u32) = {}
runtime.members.2.status (str) = {}
"""


@dataclass(frozen=True)
class Disk:
    path: Path

    def member(self, there: bool, joins: int = 1) -> None:
        fresh = self.path / "members.new"
        fresh.write_text(MEMBERS.format(joins, "joined" if there else "left"))
        fresh.rename(self.path / "members")

    @property
    def slot(self) -> str:
        return (self.path / "slot.snow02").read_text().strip()

    @property
    def sent(self) -> list[str]:
        return (self.path / "sent").read_text().split() if (self.path / "sent").exists() else []

    def fence(self, action: str = "reboot", **given: str) -> subprocess.CompletedProcess[str]:
        values = {"action": action, "nodename": "snow02", "plug": "snow02", "devices": str(self.path)} | given
        return subprocess.run(
            [AGENT], input="".join(f"{name}={value}\n" for name, value in values.items()), capture_output=True,
            text=True, timeout=60, env={"PATH": f"{self.path}:/usr/bin:/bin"},
        )  # fmt: skip


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    for name, text in (("sbd", SBD.format(msgwait=MSGWAIT_S)), ("corosync-cmapctl", CMAPCTL.format(disk=tmp_path))):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for server in ("snow01", "snow02"):
        (tmp_path / f"slot.{server}").write_text("clear\n")
    found = Disk(tmp_path)
    found.member(False)
    return found


def at(after_s: float, work: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(after_s, work)
    timer.start()
    return timer


def test_a_lost_server_counts_as_dead_after_msgwait_and_not_before(disk: Disk) -> None:
    began = time.monotonic()
    assert disk.fence().returncode == 0
    assert time.monotonic() - began >= MSGWAIT_S
    assert (disk.slot, disk.sent) == ("reset", ["reset"])


def test_off_is_another_pill(disk: Disk) -> None:
    assert disk.fence("off").returncode == 0
    assert disk.slot == "off"


def test_a_disk_that_refuses_the_pill_fails_the_fencing(disk: Disk) -> None:
    (disk.path / "readonly").touch()
    ended = disk.fence()
    assert ended.returncode == 1
    assert "did not take the message 'reset' for snow02" in ended.stderr


def test_an_old_pill_does_not_pass_for_the_new_one(disk: Disk) -> None:
    (disk.path / "slot.snow02").write_text("reset\n")
    (disk.path / "readonly").touch()
    assert disk.fence().returncode == 1
    (disk.path / "readonly").unlink()
    assert disk.fence().returncode == 0
    assert disk.sent[-2:] == ["clear", "reset"]


def test_a_disk_that_hangs_fails_the_fencing(disk: Disk) -> None:
    (disk.path / "hangs").touch()
    ended = disk.fence()
    assert ended.returncode == 1
    assert "did not end within" in ended.stderr


def test_a_member_is_dead_only_once_it_has_left_and_its_second_pill_has_had_its_time(disk: Disk) -> None:
    disk.member(True)
    left = time.monotonic() + 2
    at(2, lambda: disk.member(False))
    assert disk.fence().returncode == 0
    assert time.monotonic() - left >= MSGWAIT_S
    assert disk.sent == ["reset", "clear", "reset"]


def test_a_server_that_comes_back_during_the_wait_gets_a_new_pill_and_a_new_wait(disk: Disk) -> None:
    at(1, lambda: disk.member(True))
    left = time.monotonic() + 2.2
    at(2.2, lambda: disk.member(False))
    assert disk.fence().returncode == 0
    assert time.monotonic() - left >= MSGWAIT_S
    assert disk.sent[-1] == "reset"
    assert disk.sent.count("reset") == 2


def test_also_one_that_came_and_went_between_two_looks(disk: Disk) -> None:
    seen = time.monotonic() + 1.5
    at(1.5, lambda: disk.member(False, joins=2))
    assert disk.fence().returncode == 0
    assert time.monotonic() - seen >= MSGWAIT_S
    assert disk.sent.count("reset") == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [({"plug": "snow09"}, "corosync knows no snow09"), ({"action": "on"}, "no action 'on'")],
)
def test_what_it_cannot_do_it_says(disk: Disk, given: dict[str, str], said: str) -> None:
    ended = disk.fence(**given)
    assert ended.returncode == 1
    assert said in ended.stderr


def test_monitor_reads_the_disk(disk: Disk) -> None:
    assert disk.fence("monitor").returncode == 0
    for slot in disk.path.glob("slot.*"):
        slot.unlink()
    assert disk.fence("monitor").returncode == 1


def test_meta_data_names_what_pacemaker_asks_for() -> None:
    shown = subprocess.run([AGENT, "-o", "metadata"], capture_output=True, text=True, check=True)
    root = ET.fromstring(shown.stdout)
    assert {action.get("name") for action in root.iter("action")} >= {"reboot", "off", "monitor", "metadata"}
    assert {parameter.get("name") for parameter in root.iter("parameter")} >= {"plug", "devices", "action"}
