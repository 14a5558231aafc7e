"""What a look at a server's sbd says; the looking itself is tested in the lab, where sbd is real."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from snow_ha_plugin.core.configure.fencing import Found, Timing
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import sbd
from tests.unit.conftest import Machines

DISK_SCRIPT = Path(__file__).parents[3] / "packaging/sbd-disk"
FILE = Path("/sNow/snow-ha/sbd.img")
HEADER = """==Dumping header on disk /dev/snow-ha-sbd
Header version     : 2.1
UUID               : 8b2c2f34-8b5e-4b54-b3d5-8b2b6cbd2c0c
Number of slots    : 255
Sector size        : 512
Timeout (watchdog) : 15
Timeout (allocate) : 2
Timeout (loop)     : 1
Timeout (msgwait)  : 30
==Header on disk /dev/snow-ha-sbd is dumped"""


UNITS = """Id=sbd.service
ActiveState=active
UnitFileState=enabled

Id=corosync.service
ActiveState=active
UnitFileState=disabled"""


def said(**values: str) -> str:
    return "".join(f"{name.replace('_', ' ')}\0{value}\0" for name, value in values.items())


def healthy(**changed: str) -> sbd.Look:
    values = {
        "watchdog_watchdog0": "i6300ESB timer; inactive; 30",
        "watchdog_watchdog1": "xen_wdt; active; 15",
        "units": UNITS,
        "conf": sbd.conf("watchdog1", Timing(15)).rstrip("\n"),
        "file": "12 4194304 600",
        "loop": f"1 {FILE}\n",
        "header": HEADER,
        "slots": "0\tsnow01\tclear\t\n1\tsnow02\treset\tsnow01\n",
    }
    return sbd.parse_look("snow01", said(**(values | changed)))


def test_the_watchdog_is_found_by_what_it_calls_itself() -> None:
    look = healthy()
    assert look.watchdog == sbd.Watchdog("watchdog1", "xen_wdt", True, 15)
    assert look.found == Found("snow01", 15, 15, 30)
    assert healthy(watchdog_watchdog1="Software Watchdog; active; 15").watchdog is None


@pytest.mark.parametrize(
    "changed",
    [{"watchdog_watchdog1": "xen_wdt; inactive; 15"}, {"units": UNITS.replace("=active", "=inactive", 1)}],
    ids=["idle", "no sbd"],
)
def test_a_watchdog_that_sbd_does_not_hold_is_not_armed(changed: dict[str, str]) -> None:
    assert healthy(**changed).found.watchdog_s is None


def test_a_disk_that_cannot_be_read_has_no_times() -> None:
    look = healthy(header="", slots="")
    assert look.found == Found("snow01", 15, None, None)
    assert (look.uuid, look.slots) == ("", ())


def test_slots_with_what_waits_in_them() -> None:
    assert healthy().slots == (("snow01", "clear"), ("snow02", "reset"))


def test_a_server_without_anything() -> None:
    look = sbd.parse_look("snow01", said(units="Id=sbd.service\nActiveState=inactive\nUnitFileState=\n", file=""))
    assert look == sbd.Look("snow01")
    assert not look.is_idle


@pytest.mark.parametrize(
    ("conf", "by_hand", "idle"),
    [
        ('# SBD_DEVICE=""\nSBD_PACEMAKER=yes', False, True),
        ("SBD_DEVICE=/dev/disk/by-id/x", True, False),
        (sbd.conf("watchdog0", Timing(5)), False, False),
    ],
    ids=["Debian's", "by hand", "ours"],
)
def test_whose_configuration_it_is(conf: str, by_hand: bool, idle: bool) -> None:
    look = healthy(conf=conf)
    assert (look.is_by_hand, look.is_idle) == (by_hand, idle)


def test_a_shell_reads_our_configuration_as_it_is_meant() -> None:
    script = sbd.conf("watchdog1", Timing(20)) + 'echo "$SBD_DEVICE $SBD_WATCHDOG_DEV $SBD_WATCHDOG_TIMEOUT"'
    shown = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "/dev/snow-ha-sbd /dev/watchdog1 20\n"


@pytest.fixture
def with_disk(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Servers without sbd yet, on whose file systems direct I/O is what a test says."""
    # A checkout may lie below /sNow, which a server has its own of.
    monkeypatch.setattr(sbd, "DISK_SCRIPT", shutil.copy(DISK_SCRIPT, machines.root))
    monkeypatch.setattr(sbd, "DEVICE", str(machines.root / "snow-ha-sbd"))
    machines.stand_in("systemctl", "case $* in *is-active*) exit 3 ;; esac")
    return machines


def wanted() -> dict[str, tuple[str, str]]:
    return sbd.files("watchdog1", Timing(15), FILE, FILE.parents[1])


def test_a_disk_that_cannot_be_is_told_in_one_line_and_nothing_is_changed(with_disk: Machines) -> None:
    with_disk.stand_in("losetup", "case $* in *DIO*) echo 0 ;; *) echo /dev/loop0 ;; esac")
    with pytest.raises(UnavailableError) as raised:
        sbd.set_up(with_disk, "snow02", FILE, wanted())
    told = str(raised.value)
    assert told.startswith("sbd has no disk on snow02; ")
    assert "does no direct I/O (dio is not 1)" in told
    assert told.endswith("; see what /sNow/snow-ha is there: NFS, or what else all servers share, with direct I/O")
    assert not with_disk.file("snow02", sbd.CONF).exists()
    assert not any("enable" in line or "restart" in line for line in with_disk.log())


@pytest.mark.skipif(os.geteuid() != 0, reason="the files belong to root")
def test_a_disk_that_can_be_is_attached_by_its_unit(with_disk: Machines) -> None:
    with_disk.stand_in("losetup", "case $* in *DIO*) echo 1 ;; *) echo /dev/loop0 ;; esac")
    sbd.set_up(with_disk, "snow02", FILE, wanted())
    assert with_disk.file("snow02", sbd.CONF).read_text() == sbd.conf("watchdog1", Timing(15))
    done = [line for line in with_disk.log() if "systemctl" in line and "is-active" not in line]
    assert done == [
        "snow02 systemctl daemon-reload",
        "snow02 systemctl restart snow-ha-sbd-disk",
        "snow02 systemctl --quiet enable sbd",
    ]
