"""The chassis of one server: its power, its watchdog, its BMC, its way to /sNow.

A process that lives as long as the lab, in the lab's cgroup but not in the server's; server.py starts it. Whatever
happens to the server's power happens here, one thing after the other: what the lab and the BMC ask for on the control
socket, what comes from inside (reboot, power-off, sysrq), and the watchdog. Times are seconds.
"""

import argparse
import contextlib
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from tests.lab import host, loops, power
from tests.lab.bmc import Bmc
from tests.lab.server import CLOCK, Server
from tests.lab.share import Share
from tests.lab.watchdog import Watchdogs
from tests.lab.world import World

BOOT = Path(__file__).with_name("boot.sh")
# A real machine's self-test: a fenced server that is back sooner hears of its own fencing, and stays down.
SELF_TEST_S = 10.0
START_TIMEOUT_S = 30
# Between two looks at whether the server is going down, but cannot.
LOOK_S = 0.5
# linux/sched.h
PF_EXITING = 0x4
# Of drivers/tty/sysrq.c. A panic reboots, as under a Xen without `noreboot`.
SYSRQ_REBOOT, SYSRQ_OFF = b"bc", b"o"

log = logging.getLogger(__name__)


class Chassis:
    def __init__(self, server: Server, libraries: Path, world: World | None, has_bmc: bool) -> None:
        self._server = server
        self._world = world
        self._container: subprocess.Popen[bytes] | None = None
        self._end: int | None = None  # a descriptor that is ready when the container has ended
        self._init = 0  # the server's systemd, a process id
        self._on_at: float | None = None  # the end of the self-test
        self._selector = DefaultSelector()
        server.power.mkdir()
        self._watchdogs = Watchdogs(server.power, self._selector)
        self._share = Share(server.lab / "shared", server.directory / "view", libraries / "share.so")
        (server.power / CLOCK).write_bytes(bytes(8))
        os.mkfifo(server.power / "sysrq", 0o200)
        self._sysrq = os.open(server.power / "sysrq", os.O_RDWR | os.O_NONBLOCK)
        self._selector.register(self._sysrq, EVENT_READ, self._sysrq_written)
        self._bmc_lies = False
        self._bmc: Bmc | None = None
        if has_bmc:
            self._bmc = Bmc(server.name, server.number, server.directory / "bmc", server.control, server.network)
            self._bmc.start()
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.bind(str(server.control))
        control.listen()
        self._selector.register(control, EVENT_READ, lambda: self._serve(control))
        self._verbs: dict[str, Callable[[], object]] = {
            "power-on": self._power_on,
            "power-off": lambda: self._lose_power("off"),
            "is-on": lambda: int(self._container is not None),
            "shared-hang": lambda: self._share.put("hang"),
            "shared-fail": lambda: self._share.put("fail"),
            "shared-read-only": lambda: self._share.put("read-only"),
            "shared-mend": lambda: self._share.put("fine"),
            "bmc-dead": lambda: self._has_bmc().stop(),
            "bmc-lies": lambda: self._mend_bmc(lies=True),
            "bmc-mend": lambda: self._mend_bmc(lies=False),
            # What bmcswitch.py asks.
            "bmc get power": self._bmc_shows,
            "bmc set power 0": lambda: self._bmc_switches(lambda: self._lose_power("bmc-off")),
            "bmc set power 1": lambda: self._bmc_switches(self._bmc_turns_on),
            "bmc set reset 1": lambda: self._bmc_switches(lambda: self._reset("bmc-off")),
        }

    def run(self) -> None:
        """For as long as there is a lab."""
        while True:
            for key, _ in self._selector.select(self._patience()):
                # What was done for one may have been the end of another.
                if key in self._selector.get_map().values():
                    self._try(key.data)
            self._try(self._look)

    @staticmethod
    def _try(action: Callable[[], None]) -> None:
        try:
            action()
        except host.LabError:
            log.exception("what was asked for, or what had to be, was not done")

    def _patience(self) -> float | None:
        """How long nothing need be done by itself."""
        now = time.monotonic()
        moments = [moment for moment in (self._watchdogs.deadline(), self._on_at) if moment is not None]
        if self._container:
            moments.append(now + LOOK_S)
        return max(0.0, min(moments) - now) if moments else None

    def _look(self) -> None:
        now = time.monotonic()
        deadline = self._watchdogs.deadline()
        if deadline is not None and deadline <= now:
            self._reset("watchdog")
        elif self._on_at is not None and self._on_at <= now:
            self._power_on()
        elif self._container and self._is_exiting():
            # A real machine is gone at once: here whoever waits for /sNow must get his answer first.
            self._share.stop()

    def _is_exiting(self) -> bool:
        try:
            fields = Path(f"/proc/{self._init}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return True
        return bool(int(fields[6]) & PF_EXITING)

    def _serve(self, control: socket.socket) -> None:
        connection, _ = control.accept()
        with connection:
            connection.settimeout(1)
            try:
                verb = connection.recv(100).decode()
                if verb not in self._verbs:
                    raise host.LabError(f"a chassis cannot do {verb!r}")
                answer = self._verbs[verb]()
                connection.send(f"ok {'' if answer is None else answer}".encode())
            except host.LabError as error:
                connection.send(f"error {error}".encode())
            except OSError:  # whoever asked is gone
                pass

    # the BMC

    def _has_bmc(self) -> Bmc:
        if self._bmc is None:
            raise host.LabError(f"{self._server.name} has no BMC: see `bmc` of Lab.up")
        return self._bmc

    def _mend_bmc(self, lies: bool) -> None:
        self._has_bmc().start()
        self._bmc_lies = lies

    def _bmc_shows(self) -> int:
        return int(self._has_power() and not self._bmc_lies)

    def _bmc_switches(self, switch: Callable[[], None]) -> None:
        if not self._bmc_lies:
            switch()

    def _bmc_turns_on(self) -> None:
        if not self._has_power():
            power.record(self._server.lab, self._server.name, "bmc-on")
            self._on_at = time.monotonic() + SELF_TEST_S

    # on

    def _has_power(self) -> bool:
        """Whether it runs, or tests itself before it does."""
        return self._container is not None or self._on_at is not None

    def _power_on(self) -> None:
        if self._container:
            raise host.LabError(f"{self._server.name} is on already")
        self._on_at = None
        power.record(self._server.lab, self._server.name, "on")
        if self._world:
            self._world.power_on(self._server.name)
        self._server.cgroup.create()
        try:
            self._share.start()
            self._boot()
        except host.LabError:
            power.record(self._server.lab, self._server.name, "off")
            self._end_all()
            raise
        self._share.settle()

    def _boot(self) -> None:
        """Start the container; returns when systemd has been started, long before it is done."""
        server = self._server
        namespace = server.network.plug(server.name, server.number)
        devices = loops.numbers(server.lab.parent, server.lab.name, server.name)
        with server.boot_log.open("wb") as output:
            self._container = subprocess.Popen([
                *server.cgroup.entered(),
                "nsenter", f"--net=/run/netns/{namespace}",
                "unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child=KILL",
                "sh", BOOT, server.disk, server.name, self._share.view, server.lab / "world", server.power,
                *map(str, devices),
            ], stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # fmt: skip
        container = self._container

        def started() -> bool:
            return server.pid is not None or container.poll() is not None

        host.wait_until(started, START_TIMEOUT_S, f"{server.name} did not start")
        pid = server.pid
        if pid is None:
            raise host.LabError(f"{server.name} did not start: {server.boot_log.read_text()}")
        self._init = pid
        self._end = os.pidfd_open(container.pid)
        self._selector.register(self._end, EVENT_READ, self._ended)
        server.network.forget(server.name)

    # off

    def _ended(self) -> None:
        """The server has gone down from inside: unshare(1) ends as its child did, see reboot(2) in pid namespaces."""
        assert self._container
        if self._container.wait() == -signal.SIGHUP:
            self._reset("reboot")
        else:
            self._lose_power("off")

    def _sysrq_written(self) -> None:
        keys = os.read(self._sysrq, 100)
        if self._container and any(key in keys for key in SYSRQ_REBOOT):
            self._reset("reboot")
        elif self._container and any(key in keys for key in SYSRQ_OFF):
            self._lose_power("off")

    def _reset(self, what: power.Power) -> None:
        if self._has_power():
            self._lose_power(what)
            self._on_at = time.monotonic() + SELF_TEST_S

    def _lose_power(self, what: power.Power) -> None:
        """Everything that runs in the server ends, and its domains; nothing in it gets to hear of it."""
        if self._has_power():
            power.record(self._server.lab, self._server.name, what)
        self._on_at = None
        if self._container:
            self._end_all()

    def _end_all(self) -> None:
        server = self._server
        server.cgroup.strike()
        if self._world:
            self._world.power_off(server.name)
        self._share.stop()  # before the rest is waited for: some may wait for it
        server.cgroup.kill()
        if self._end is not None:
            self._selector.unregister(self._end)
            os.close(self._end)
            self._end = None
        if self._container:
            self._container.wait()
            self._container = None
        server.network.unplug(server.name)
        self._watchdogs.reset()
        loops.detach(server.lab.parent, server.lab.name, server.name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="chassis")
    parser.add_argument("lab", type=Path, help="the lab's directory")
    parser.add_argument("server")
    parser.add_argument("number", type=int)
    parser.add_argument("libraries", type=Path, help="the directory that native.py has made")
    parser.add_argument("--xen", action="store_true", help="it is in the world of `xl`")
    parser.add_argument("--bmc", action="store_true", help="with a BMC")
    given = parser.parse_args()
    server = Server(given.server, given.number, given.lab)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # A watchdog is in time also on a machine with other work. What the chassis starts is as everything else.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    world = World(given.lab / "world") if given.xen else None
    Chassis(server, given.libraries, world, given.bmc).run()


if __name__ == "__main__":
    main()
