"""What a look at a server's sbd says; the looking itself is tested in the lab, where sbd is real."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.configure.fencing import DEVICE, Found, Timing
from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.system import command, sbd, units, waiting
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import Servers
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


def test_a_disk_is_known_by_its_uuid() -> None:
    assert healthy().uuid == "8b2c2f34-8b5e-4b54-b3d5-8b2b6cbd2c0c"


def test_the_file_and_its_loop_device_with_what_waits_in_the_slots() -> None:
    assert (healthy().file, healthy().loop) == ("12 4194304 600", f"1 {FILE}")
    assert sbd.parse_slots("0\tsnow01\n\n1\tsnow02\tclear\n") == (("snow02", "clear"),)
    assert healthy().slots == (("snow01", "clear"), ("snow02", "reset"))


def test_a_server_without_anything() -> None:
    look = sbd.parse_look("snow01", said(units="Id=sbd.service\nActiveState=inactive\nUnitFileState=\n"))
    assert look == sbd.Look("snow01")
    assert not look.is_idle
    assert (look.conf, look.watchdog, look.found) == ("", None, Found("snow01", None, None, None))


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
    with_disk.file("snow02", sbd.CONF).write_text("# Debian's\n")
    sbd.set_up(with_disk, "snow02", FILE, wanted())
    assert with_disk.file("snow02", f"{sbd.CONF}.before-snow-ha").read_text() == "# Debian's\n"
    assert with_disk.file("snow02", sbd.CONF).read_text() == sbd.conf("watchdog1", Timing(15))
    done = [line for line in with_disk.log() if "systemctl" in line and "is-active" not in line]
    assert done == [
        "snow02 systemctl daemon-reload",
        "snow02 systemctl restart snow-ha-sbd-disk",
        "snow02 systemctl --quiet enable sbd",
    ]


def test_what_was_put_on_a_server_is_what_a_look_finds_there(with_disk: Machines, mocker: MockerFixture) -> None:
    for path, text in wanted().values():
        with_disk.file("snow02", path).write_text(text)
    with_disk.file("snow02", str(FILE)).write_bytes(bytes(512))
    asked = f"{' '.join(units.SHOW[1:])} sbd corosync"
    with_disk.stand_in("systemctl", f"[ \"$*\" = '{asked}' ] && cat <<'END'\n{UNITS}\nEND")
    asked_by = mocker.spy(command, "run")
    look = sbd.look(with_disk, "snow02", FILE)
    assert sbd.look(with_disk, "snow02", FILE) is not look
    # One trip, and a file system that hangs does not hold it.
    assert asked_by.call_count == 1
    assert asked_by.call_args.kwargs["timeout_s"] == sbd.LOOK_WITHIN_S
    assert asked_by.call_args.args[0][:2] == ["bash", "-c"]
    assert (look.active, look.enabled) == (frozenset({"sbd", "corosync"}), True)
    assert dict(look.texts) == {name: text for name, (_, text) in wanted().items()}
    assert look.file.split()[1] == "512"
    assert dict(sbd.look(with_disk, "snow01", FILE).texts) == {}


def test_the_disk_is_there_before_sbd_is_which_needs_it() -> None:
    texts = dict(wanted().values())
    assert f"RequiresMountsFor={FILE.parents[1]}\nBefore=sbd.service\n" in texts[sbd.DISK_UNIT]
    assert f"attach {FILE} {DEVICE}\n" in texts[sbd.DISK_UNIT]
    assert f"Requires={Path(sbd.DISK_UNIT).name}\n" in texts[sbd.DROP_IN]
    # Where systemd looks for them (systemd.unit(5), modules-load.d(5)), and sbd's own unit.
    assert Path(sbd.DISK_UNIT).parent == Path("/etc/systemd/system")
    assert Path(sbd.DROP_IN).match("/etc/systemd/system/sbd.service.d/*.conf")
    assert Path(sbd.MODULES).match("/etc/modules-load.d/*.conf")
    assert sbd.CONF == "/etc/default/sbd"


class Ran:
    """What is run on this server, where sbd's disk has these slots."""

    def __init__(self, mocker: MockerFixture, *slots: tuple[str, str]) -> None:
        self.slots = dict(slots)
        self.commands: list[str] = []
        self.options: list[dict[str, object]] = []
        self.ends = Result((), 0, b"", b"")
        mocker.patch.object(command, "run", self)

    def __call__(self, argv: list[str], **options: object) -> Result:
        self.commands.append(" ".join(argv))
        self.options.append(options)
        listed = "".join(f"{n}\t{name}\t{said}\t\n" for n, (name, said) in enumerate(self.slots.items()))
        return self.ends._replace(stdout=listed.encode()) if "list" in argv else self.ends

    def servers(self) -> Servers:
        servers = Servers(["snow01", "snow02"])
        servers.here = "snow01"
        return servers


LIST = f"sbd -d {DEVICE} list"


def test_the_slots_are_read_from_this_servers_disk(mocker: MockerFixture) -> None:
    ran = Ran(mocker, ("snow01", "clear"), ("snow02", "reset"))
    assert sbd.slots() == (("snow01", "clear"), ("snow02", "reset"))
    assert (ran.commands, ran.options) == ([LIST], [{"timeout_s": sbd.LOOK_WITHIN_S}])


def test_a_disk_that_cannot_be_read_is_told(mocker: MockerFixture) -> None:
    ran = Ran(mocker)
    ran.ends = Result((), 1, b"", b"no such device")
    with pytest.raises(UnavailableError, match="sbd cannot read its disk; no such device"):
        sbd.slots()
    mocker.patch.object(command, "run", side_effect=TimedOutError("sbd did not end"))
    with pytest.raises(UnavailableError, match="sbd cannot read its disk; the shared file system hangs"):
        sbd.slots()


def test_only_a_server_without_a_slot_is_given_one(mocker: MockerFixture) -> None:
    ran = Ran(mocker, ("snow01", "clear"))
    sbd.allocate(ran.servers())
    assert ran.commands == [LIST, f"sbd -d {DEVICE} allocate snow02"]


@pytest.fixture
def no_time(mocker: MockerFixture) -> list[float]:
    """Two turns, the second of which is the last; how long there was to be."""
    asked: list[float] = []

    def turns(within_s: float) -> Iterator[bool]:
        asked.append(within_s)
        yield True
        yield False

    mocker.patch.object(waiting, "turns", turns)
    return asked


def message(name: str, text: str) -> str:
    return f"timeout 2 sbd -d {DEVICE} message {name} {text}"


def test_a_test_message_that_all_have_read_is_the_end_of_it(mocker: MockerFixture, no_time: list[float]) -> None:
    ran = Ran(mocker, ("snow01", "clear"), ("snow02", "clear"))
    assert sbd.test_slots(["snow01", "snow02"]) == []
    assert ran.commands == [message("snow01", "test"), message("snow02", "test"), LIST]
    # sbd looks once a second (sbd(8), "Timeout (loop)").
    assert no_time[0] >= 10


def test_of_those_who_do_not_read_only_our_own_message_is_taken_back(
    mocker: MockerFixture, no_time: list[float]
) -> None:
    ran = Ran(mocker, ("snow01", "clear"), ("snow02", "test"), ("snow03", "reset"))
    assert sbd.test_slots(["snow03", "snow02", "snow01"]) == ["snow02", "snow03"]
    sent = [line for line in ran.commands if "message" in line]
    assert sent == [*(message(f"snow0{n}", "test") for n in (3, 2, 1)), message("snow02", "clear")]
    assert ran.commands.count(LIST) == 3


def test_a_message_need_not_be_waited_for(mocker: MockerFixture, no_time: list[float]) -> None:
    ran = Ran(mocker, ("snow01", "clear"))
    ran.ends = Result((), 124, b"", b"")
    with pytest.raises(UnavailableError, match="cannot read its disk"):
        sbd.test_slots(["snow01"])
    assert ran.commands == [message("snow01", "test"), LIST]
    ran.ends = Result((), 1, b"", b"no such slot")
    with pytest.raises(UnavailableError, match="cannot write into the slot of snow01; no such slot"):
        sbd.test_slots(["snow01"])


def test_without_xen_there_is_no_such_watchdog(machines: Machines) -> None:
    machines.stand_in("modprobe", "[ $SERVER = snow01 ] || { echo 'No such device' >&2; exit 1; }")
    sbd.load_watchdog(machines, "snow01")
    with pytest.raises(UnavailableError, match="snow02 has no Xen watchdog; No such device"):
        sbd.load_watchdog(machines, "snow02")
    assert machines.log() == ["snow01 modprobe xen_wdt", "snow02 modprobe xen_wdt"]


def test_the_file_with_the_pills_has_a_slot_for_each_server(machines: Machines) -> None:
    machines.stand_in("losetup", "case $* in *--find*) echo /dev/loop7 ;; esac")
    machines.stand_in("sbd", "")
    file = machines.file("snow01", str(FILE))
    sbd.create_disk(machines, FILE, Timing(15))
    assert (file.stat().st_size, file.stat().st_mode & 0o777) == (4 * 1024 * 1024, 0o600)
    assert [line for line in machines.log() if " sbd " in line] == [
        f"snow01 sbd -d /dev/loop7 -1 15 -4 {Timing(15).msgwait_s} create",
        "snow01 sbd -d /dev/loop7 allocate snow01",
        "snow01 sbd -d /dev/loop7 allocate snow02",
    ]
    assert f"snow01 losetup --find --show --direct-io=on {file}.new" in machines.log()
    assert machines.log()[-1] == "snow01 losetup --detach /dev/loop7"
    file.with_name("sbd.img.new").touch()
    sbd.remove_disk(machines, FILE)
    assert not file.parent.exists()


def test_what_was_there_before_comes_back(with_disk: Machines) -> None:
    with_disk.stand_in("modprobe", "")
    for path, text in wanted().values():
        with_disk.file("snow02", path).write_text(text)
    conf = with_disk.file("snow02", sbd.CONF)
    conf.with_name("sbd.before-snow-ha").write_text("# Debian's\n")
    sbd.take_out(with_disk, "snow02")
    left = [path for path in (with_disk.root / "snow02").rglob("*") if path.is_file()]
    assert left == [conf]
    assert conf.read_text() == "# Debian's\n"
    assert "snow02 systemctl --quiet disable sbd" in with_disk.log()
    assert with_disk.log()[-1] == "snow02 modprobe --remove xen_wdt"
