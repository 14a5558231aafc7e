"""The hardware of the lab's servers is what fencing needs: power, watchdog, BMC, cables, and a /sNow that can hang.

Times are seconds.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.lab.chassis import SELF_TEST_S
from tests.lab.cluster import QNETD, Lab
from tests.lab.host import LabError, wait_until
from tests.lab.network import Direction
from tests.lab.site import IPMI_PASSWORD, IPMI_USER, build_site
from tests.lab.world import World

pytestmark = pytest.mark.lab

WATCHDOG_S = 4
# A machine that has other work.
SLACK_S = 3
DISK = "/sNow/sbd.img"
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
MODPROBE = "/usr/local/sbin/modprobe"
PRELOAD = {**PATH, "LD_PRELOAD": "/usr/lib/lab/watchdog.so"}
# Its operations are those of linux/watchdog.h; the last line waits to be killed.
FEEDER = """
import errno, fcntl, os, signal, struct, sys
GETSUPPORT, SETTIMEOUT, GETTIMEOUT = 0x80285700, 0xC0045706, 0x80045707
fd = os.open("/dev/watchdog0", os.O_WRONLY)
print(fcntl.ioctl(fd, GETSUPPORT, bytes(40))[8:].rstrip(b"\\0").decode())
fcntl.ioctl(fd, SETTIMEOUT, struct.pack("i", 33))
print(struct.unpack("i", fcntl.ioctl(fd, GETTIMEOUT, bytes(4)))[0])
try:
    os.open("/dev/watchdog", os.O_WRONLY)
except OSError as error:
    print(errno.errorcode[error.errno])
os.write(fd, sys.argv[1].encode())
os.close(fd)
"""
AS_THE_CLUSTER = {**PATH, "LD_PRELOAD": "/usr/lib/lab/clock.so"}
# A semaphore that nobody posts, and a second by the time of day; what that is afterwards, and how long it took.
WAITER = """
import ctypes, time
until, began = time.time() + 1, time.monotonic()
moment = (ctypes.c_long * 2)(int(until), int(until % 1 * 1e9))
ctypes.CDLL(None).sem_timedwait(ctypes.create_string_buffer(32), moment)
print(time.time(), time.monotonic() - began)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.up(f"hardware-{os.getpid()}", site=build_site, qnetd=True, bmc=True) as up:
        up.run("snow01", ["dd", "if=/dev/zero", f"of={DISK}", "bs=1M", "count=4"])
        device = attach_disk(up, "snow01")
        timeouts = ["-1", str(WATCHDOG_S), "-4", str(2 * WATCHDOG_S)]
        up.run("snow01", ["sbd", "-d", device, *timeouts, "create"])
        up.run("snow01", ["losetup", "--detach", device])
        yield up


@pytest.fixture
def victim(lab: Lab) -> Iterator[str]:
    """A server that a test may do anything to; it has power, and everything is mended."""
    if not lab.is_on("snow02"):
        lab.power_on("snow02")
    yield "snow02"
    lab.heal("snow02")
    lab.shared_mend("snow02")
    lab.bmc_mend("snow02")
    # What it had running or loaded is gone, and no self-test is waited for.
    lab.power_off("snow02")


def attach_disk(lab: Lab, server: str) -> str:
    return lab.run(server, ["losetup", "--find", "--show", "--direct-io=on", DISK]).stdout.strip()


def start_sbd(lab: Lab, server: str) -> str:
    """The real sbd, without a cluster, on the shared disk; the disk's device."""
    device = attach_disk(lab, server)
    lab.run(server, [MODPROBE, "xen_wdt"], env=PATH)
    settings = {
        "SBD_PACEMAKER": "no",
        "SBD_SYNC_RESOURCE_STARTUP": "no",
        "SBD_DELAY_START": "no",
        "SBD_WATCHDOG_DEV": "/dev/watchdog0",
        "SBD_WATCHDOG_TIMEOUT": str(WATCHDOG_S),
    }
    lab.run(server, ["sbd", "-d", device, "-n", server, "-p", "/run/sbd.pid", "watch"], env={**PRELOAD, **settings})
    assert shown(lab, server) == {"identity": "xen_wdt", "state": "active", "timeout": str(WATCHDOG_S), "nowayout": "0"}
    return device


def shown(lab: Lab, server: str) -> dict[str, str]:
    """What /sys says of the first watchdog; nothing where there is none."""
    listed = lab.run(server, ["sh", "-c", "cd /sys/class/watchdog/watchdog0 && grep . *"], check=False, env=PATH)
    return dict(line.split(":", 1) for line in listed.stdout.splitlines())


def happened(lab: Lab, server: str, since: float) -> list[str]:
    return [event.what for event in lab.power_events() if event.server == server and event.mono >= since]


def wait_for(lab: Lab, server: str, what: str, since: float, within_s: float = SLACK_S) -> float:
    """Wait until this has happened; when it did."""
    wait_until(lambda: what in happened(lab, server, since), within_s, f"{server}: no {what}")
    return next(
        event.mono
        for event in lab.power_events()
        if event.server == server and event.mono >= since and event.what == what
    )


class TestPower:
    def test_reboot_from_inside_comes_back_after_the_self_test(self, lab: Lab, victim: str) -> None:
        world = World(lab.world_dir)
        lab.run(victim, ["xl", "create", "/sNow/snow-tools/etc/domains/nis01.cfg"])
        began = time.monotonic()
        lab.run(victim, ["reboot", "-ff"], check=False)
        gone = wait_for(lab, victim, "reboot", began)
        assert not lab.is_on(victim)
        assert world.where("nis01") == []
        back = wait_for(lab, victim, "on", began, SELF_TEST_S + SLACK_S)
        assert SELF_TEST_S <= back - gone < SELF_TEST_S + 1
        assert lab.is_on(victim)
        lab.run(victim, ["true"])

    def test_power_off_from_inside_and_during_the_self_test_is_one_that_stays(self, lab: Lab, victim: str) -> None:
        began = time.monotonic()
        lab.run("snow01", ["reboot", "-ff"], check=False)
        wait_for(lab, "snow01", "reboot", began)
        lab.power_off("snow01")
        lab.run(victim, ["poweroff", "-ff"], check=False)
        wait_for(lab, victim, "off", began)
        with pytest.raises(LabError, match="did not"):
            wait_until(lambda: lab.is_on("snow01") or lab.is_on(victim), SELF_TEST_S + 1, "both did not start")
        assert happened(lab, "snow01", began) == ["reboot", "off"]
        assert happened(lab, victim, began) == ["off"]
        lab.power_on("snow01")

    def test_power_on_during_the_self_test_ends_it(self, lab: Lab, victim: str) -> None:
        began = time.monotonic()
        lab.run(victim, ["reboot", "-ff"], check=False)
        wait_for(lab, victim, "reboot", began)
        lab.power_on(victim)
        assert happened(lab, victim, began) == ["reboot", "on"]

    def test_frozen_server_does_nothing_until_it_is_thawed(self, lab: Lab, victim: str) -> None:
        command = lab.command(victim, ["sh", "-c", "while echo tick; do sleep 0.1; done"])
        with subprocess.Popen(command, stdout=subprocess.PIPE) as ticking:
            assert ticking.stdout and ticking.stdout.readline() == b"tick\n"
            lab.freeze(victim)
            os.set_blocking(ticking.stdout.fileno(), False)
            ticking.stdout.read()
            with pytest.raises(LabError):
                lab.run(victim, ["true"], timeout=1)
            assert ticking.stdout.read() is None
            assert lab.is_on(victim)
            lab.thaw(victim)
            wait_until(lambda: bool(ticking.stdout and ticking.stdout.read()), SLACK_S, "it does not go on")
            ticking.send_signal(signal.SIGKILL)


class TestWatchdogModule:
    def test_device_exists_while_a_module_is_loaded(self, lab: Lab, victim: str) -> None:
        look = ["sh", "-c", "ls /dev/watchdog* /sys/class/watchdog"]
        lab.run(victim, [MODPROBE, "xen_wdt"])
        assert shown(lab, victim) == {"identity": "xen_wdt", "state": "inactive", "timeout": "60", "nowayout": "0"}
        lab.run(victim, [MODPROBE, "softdog"])
        second = ["cat", "/sys/class/watchdog/watchdog1/identity"]
        assert lab.run(victim, second).stdout == "Software Watchdog\n"
        lab.run(victim, ["test", "-c", "/dev/watchdog1"])
        for module in ("xen_wdt", "softdog"):
            lab.run(victim, [MODPROBE, "-r", module])
        assert lab.run(victim, look, check=False).stdout == "/sys/class/watchdog:\n"

    def test_other_modules_and_absent_ones_are_not_found(self, lab: Lab, victim: str) -> None:
        lab.run(victim, ["tee", "/etc/lab-absent-modules"], input=b"xen_wdt\n")
        for module in ("no_such", "xen_wdt"):
            done = lab.run(victim, [MODPROBE, module], check=False)
            assert (done.returncode, f"FATAL: Module {module} not found" in done.stderr) == (1, True)
        (lab.disk(victim) / "etc/lab-absent-modules").unlink()

    def test_is_loaded_at_boot_where_the_disk_says_so(self, lab: Lab, victim: str) -> None:
        conf = lab.disk(victim) / "etc/modules-load.d/test.conf"
        conf.write_text("# Xen's\nxen_wdt\n")
        lab.power_off(victim)
        lab.power_on(victim)
        conf.unlink()
        assert shown(lab, victim)["identity"] == "xen_wdt"
        assert lab.run(victim, ["systemctl", "--failed", "--no-legend"]).stdout == ""

    def test_device_has_one_owner_and_is_released_with_a_v(self, lab: Lab, victim: str) -> None:
        lab.run(victim, [MODPROBE, "xen_wdt"])
        done = lab.run(victim, ["python3", "-c", FEEDER, "V"], env=PRELOAD)
        assert done.stdout.split() == ["xen_wdt", "33", "EBUSY"]
        assert (shown(lab, victim)["state"], shown(lab, victim)["timeout"]) == ("inactive", "33")
        lab.run(victim, ["python3", "-c", FEEDER, "x"], env=PRELOAD)
        assert shown(lab, victim)["state"] == "active"
        done = lab.run(victim, [MODPROBE, "-r", "xen_wdt"], check=False)
        assert "in use" in done.stderr
        # Whoever opens it again may stop it.
        lab.run(victim, ["python3", "-c", FEEDER, "V"], env=PRELOAD)
        assert shown(lab, victim)["state"] == "inactive"

    def test_program_without_the_library_gets_none(self, lab: Lab, victim: str) -> None:
        lab.run(victim, [MODPROBE, "xen_wdt"])
        assert "No such device" in lab.run(victim, ["sh", "-c", "echo V >/dev/watchdog"], check=False).stderr


class TestSbd:
    def test_server_that_is_fed_lives_and_one_that_disarms_too(self, lab: Lab, victim: str) -> None:
        began = time.monotonic()
        start_sbd(lab, victim)
        with pytest.raises(LabError):
            wait_until(lambda: bool(happened(lab, victim, began)), WATCHDOG_S + 1, "nothing happened")
        lab.run(victim, ["pkill", "-TERM", "-f", "sbd: inquisitor"])
        wait_until(lambda: shown(lab, victim)["state"] == "inactive", SLACK_S, "it is armed")
        with pytest.raises(LabError):
            wait_until(lambda: bool(happened(lab, victim, began)), WATCHDOG_S + 1, "nothing happened")

    def test_poisoned_server_resets_itself(self, lab: Lab, victim: str) -> None:
        start_sbd(lab, victim)
        device = attach_disk(lab, "snow01")
        began = time.monotonic()
        lab.run("snow01", ["sbd", "-d", device, "message", victim, "reset"])
        lab.run("snow01", ["losetup", "--detach", device])
        assert wait_for(lab, victim, "reboot", began, WATCHDOG_S) - began < WATCHDOG_S

    def test_killed_sbd_is_a_reset_by_the_watchdog(self, lab: Lab, victim: str) -> None:
        start_sbd(lab, victim)
        began = time.monotonic()
        lab.run(victim, ["pkill", "-KILL", "sbd"])
        # The kernel feeds it a last time at the close.
        reset = wait_for(lab, victim, "watchdog", began, WATCHDOG_S + SLACK_S)
        assert WATCHDOG_S - 0.1 < reset - began < WATCHDOG_S + 1

    def test_frozen_server_is_reset_by_the_watchdog(self, lab: Lab, victim: str) -> None:
        start_sbd(lab, victim)
        lab.run(victim, ["xl", "create", "/sNow/snow-tools/etc/domains/nis02.cfg"])
        began = time.monotonic()
        lab.freeze(victim)
        reset = wait_for(lab, victim, "watchdog", began, WATCHDOG_S + SLACK_S)
        assert WATCHDOG_S - 1.5 < reset - began < WATCHDOG_S + 1
        wait_until(lambda: World(lab.world_dir).where("nis02") == [], SLACK_S, "nis02 outlives its server")
        wait_for(lab, victim, "on", began, SELF_TEST_S + SLACK_S)

    def test_hanging_disk_is_a_reset_by_the_watchdog(self, lab: Lab, victim: str) -> None:
        start_sbd(lab, victim)
        began = time.monotonic()
        lab.shared_hang(victim)
        wait_for(lab, victim, "watchdog", began, 2 * WATCHDOG_S + SLACK_S)
        assert not lab.is_on(victim)


class TestClock:
    def test_time_of_day_is_wrong_for_the_cluster_which_waits_no_longer_for_it(self, lab: Lab, victim: str) -> None:
        lab.set_clock(victim, -3600)
        try:
            words = lab.run(victim, ["/usr/bin/python3", "-c", WAITER], env=AS_THE_CLUSTER).stdout.split()
        finally:
            lab.set_clock(victim, 0)
        shown, waited_s = map(float, words)
        assert abs(shown - (time.time() - 3600)) < SLACK_S
        assert 0.9 < waited_s < 1 + SLACK_S


class TestShared:
    def test_hang_lasts_until_it_is_mended_and_is_one_servers_own(self, lab: Lab, victim: str) -> None:
        lab.shared_hang(victim)
        reading = subprocess.Popen(lab.command(victim, ["ls", "/sNow"], PATH), stdout=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            reading.wait(timeout=1)
        assert "snow-tools" in lab.run("snow01", ["ls", "/sNow"]).stdout
        lab.shared_mend(victim)
        assert reading.wait(timeout=SLACK_S) == 0

    def test_hang_does_not_keep_the_power(self, lab: Lab, victim: str) -> None:
        device = attach_disk(lab, victim)
        lab.shared_hang(victim)
        # In a sleep that no signal ends.
        read = ["dd", f"if={device}", "of=/dev/null", "count=1", "iflag=direct"]
        with subprocess.Popen(lab.command(victim, read, PATH), stderr=subprocess.DEVNULL):
            wait_until(
                lambda: " D " in f" {lab.run(victim, ['ps', '-o', 'stat=', '-C', 'dd'], env=PATH).stdout.split()[0]} ",
                SLACK_S,
                "it does not wait",
            )
            began = time.monotonic()
            lab.run(victim, ["reboot", "-ff"], check=False, env=PATH)
            wait_for(lab, victim, "reboot", began)
        lab.power_on(victim)
        lab.power_off(victim)
        assert time.monotonic() - began < 30

    def test_errors_end_with_the_mending_also_for_what_is_open(self, lab: Lab, victim: str) -> None:
        device = attach_disk(lab, victim)
        script = f"ls /sNow; touch /sNow/new; dd if={device} of=/dev/null count=1 iflag=direct"
        lab.shared_fail(victim)
        done = lab.run(victim, ["sh", "-c", script], check=False, env=PATH)
        assert done.stderr.count("Input/output error") == 3
        lab.shared_mend(victim)
        lab.run(victim, ["sh", "-c", f"set -e; {script}"], env=PATH)

    def test_read_only_refuses_writes_alone(self, lab: Lab, victim: str) -> None:
        lab.shared_read_only(victim)
        done = lab.run(victim, ["sh", "-c", "ls /sNow; touch /sNow/x; rm /sNow/boot/vmlinuz"], check=False, env=PATH)
        assert "snow-tools" in done.stdout
        assert done.stderr.count("Read-only file system") == 2
        lab.shared_mend(victim)
        lab.run(victim, ["touch", "/sNow/x"])

    def test_servers_see_the_same_file_at_once_and_lock_it_together(self, lab: Lab, victim: str) -> None:
        for text in ("one", "three"):
            lab.run("snow01", ["tee", "/sNow/seen"], input=text.encode())
            assert lab.run(victim, ["cat", "/sNow/seen"]).stdout == text
        numbers = {lab.run(server, ["stat", "-c", "%i", "/sNow/seen"]).stdout for server in lab.names}
        assert len(numbers) == 1
        locked = lab.command("snow01", ["flock", "/sNow/seen", "sh", "-c", "echo locked; sleep 100"])
        with subprocess.Popen(locked, stdout=subprocess.PIPE) as locker:
            assert locker.stdout and locker.stdout.readline() == b"locked\n"
            assert lab.run(victim, ["flock", "--nonblock", "/sNow/seen", "true"], check=False).returncode == 1
            locker.kill()


class TestLoops:
    def test_two_servers_loops_on_one_file_are_coherent(self, lab: Lab, victim: str) -> None:
        here, there = attach_disk(lab, "snow01"), attach_disk(lab, victim)
        for server in lab.names:  # each sees its own alone
            listed = lab.run(server, ["losetup", "--noheadings", "--output", "NAME,DIO,BACK-FILE"]).stdout.split()
            assert listed == ["/dev/loop0", "1", DISK]
            found = lab.run(server, ["losetup", "--noheadings", "--output", "NAME", "--associated", DISK]).stdout
            assert found == "/dev/loop0\n"
            assert lab.run(server, ["cat", "/sys/block/loop0/loop/backing_file"]).stdout == f"{DISK}\n"
        for text in (b"first", b"second"):
            write = ["dd", f"of={here}", "bs=512", "seek=8000", "conv=sync", "oflag=direct"]
            lab.run("snow01", write, input=text)
            read = ["dd", f"if={there}", "bs=512", "skip=8000", "count=1", "iflag=direct"]
            assert lab.run(victim, read).stdout.rstrip("\0") == text.decode()
        lab.run("snow01", ["losetup", "--detach", here])

    def test_lost_power_takes_the_files_off(self, lab: Lab, victim: str) -> None:
        device = attach_disk(lab, victim)
        lab.power_off(victim)
        lab.power_on(victim)
        assert attach_disk(lab, victim) == device


class TestNetwork:
    def reaches(self, lab: Lab, server: str, other: str) -> bool:
        """Whether a ping arrives, whatever becomes of the answer: a broadcast, which asks for no address before."""
        before = self.pings(lab, other)
        lab.run(server, ["ping", "-c1", "-W1", "-b", "10.77.0.255"], check=False)
        return self.pings(lab, other) > before

    @staticmethod
    def pings(lab: Lab, server: str) -> int:
        lines = lab.run(server, ["grep", "^IcmpMsg:", "/proc/net/snmp"], check=False).stdout.splitlines()
        words = [line.split() for line in lines]
        return int(dict(zip(*words, strict=True)).get("InType8", 0)) if words else 0

    @pytest.mark.parametrize(("direction", "hears", "is_heard"), [("in", False, True), ("out", True, False)])
    def test_cable_can_be_cut_one_way(
        self, lab: Lab, victim: str, direction: Direction, hears: bool, is_heard: bool
    ) -> None:
        lab.cut(victim, direction)
        assert self.reaches(lab, "snow01", victim) == hears
        assert self.reaches(lab, victim, "snow01") == is_heard
        lab.heal(victim)
        assert self.reaches(lab, "snow01", victim)
        assert self.reaches(lab, victim, "snow01")


class TestBmc:
    def fence(self, lab: Lab, victim: str, action: str) -> tuple[int, str]:
        options = [f"--username={IPMI_USER}", f"--password={IPMI_PASSWORD}", "--lanplus", "--cipher=3"]
        done = lab.run("snow01", ["fence_ipmilan", f"--ip={victim}-mgmt", *options, f"--action={action}"], check=False)
        return done.returncode, done.stdout.strip()

    def test_it_turns_the_server_off_and_on(self, lab: Lab, victim: str) -> None:
        lab.cut(victim)  # the cluster's network alone
        began = time.monotonic()
        assert self.fence(lab, victim, "status") == (0, "Status: ON")
        assert self.fence(lab, victim, "off") == (0, "Success: Powered OFF")
        assert not lab.is_on(victim)
        assert self.fence(lab, victim, "status") == (2, "Status: OFF")
        assert self.fence(lab, victim, "on") == (0, "Success: Powered ON")
        wait_for(lab, victim, "on", began, SELF_TEST_S + SLACK_S)
        assert happened(lab, victim, began) == ["bmc-off", "bmc-on", "on"]

    def test_it_can_lie_and_die(self, lab: Lab, victim: str) -> None:
        lab.bmc_lies(victim)
        assert self.fence(lab, victim, "off") == (0, "Success: Already OFF")
        assert lab.is_on(victim)
        lab.bmc_dead(victim)
        reach = ["ping", "-c1", "-W1", f"{victim}-mgmt"]
        assert lab.run("snow01", reach, check=False).returncode == 1
        lab.bmc_mend(victim)
        assert self.fence(lab, victim, "status") == (0, "Status: ON")


class TestQnetd:
    def test_third_host_runs_it_and_nothing_of_the_cluster(self, lab: Lab) -> None:
        assert QNETD not in lab.names
        script = "hostname; systemctl is-active corosync-qnetd corosync pacemaker"
        done = lab.run("snow01", ["ssh", "-o", "BatchMode=yes", QNETD, script], check=False)
        assert done.stdout.split() == [QNETD, "active", "inactive", "inactive"]
        lab.run("snow01", ["bash", "-c", f"exec 3<>/dev/tcp/{QNETD}/5403"])
