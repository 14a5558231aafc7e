"""One server of a lab: a container with systemd as PID 1, and a disk that survives power-off.

Everything that runs in a server is in its cgroup. By that it is found again and ended, so that no file with
process ids can be wrong. Its power is in the hands of its chassis, a process of its own. Times are seconds.
"""

import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import host, network
from tests.lab.network import NAMESPACE_PREFIX, Network

CHECKOUT = Path(__file__).parents[2]
CHASSIS_TIMEOUT_S = 30
# Of a power-on or power-off, which wait for each other.
POWER_TIMEOUT_S = 120
BOOT_TIMEOUT_S = 120
# Of its side of the chassis: what native/clock.c reads.
CLOCK = "clock"
DEBIAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {
    # The administrator's: sNow!'s own program first.
    "PATH": f"/sNow/snow-tools/sbin:{DEBIAN_PATH}",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
}


def cgroup(lab: str, branch: str = "") -> host.Cgroup:
    return host.Cgroup(f"{NAMESPACE_PREFIX}.{lab}/{branch}")


@dataclass(frozen=True)
class Server:
    """`lab` is the lab's directory, which has its name; `number` is the last part of the server's addresses."""

    name: str
    number: int
    lab: Path

    @property
    def address(self) -> str:
        return network.address(self.number)

    @property
    def bmc_address(self) -> str:
        return network.bmc_address(self.number)

    @property
    def cgroup(self) -> host.Cgroup:
        return cgroup(self.lab.name, self.name)

    @property
    def network(self) -> Network:
        return Network(self.lab.name)

    @property
    def directory(self) -> Path:
        return self.lab / self.name

    @property
    def disk(self) -> Path:
        return self.directory / "root"

    @property
    def power(self) -> Path:
        """What the server has as /lab/power: its side of the chassis."""
        return self.directory / "power"

    @property
    def control(self) -> Path:
        """The lab's side of it."""
        return self.directory / "chassis"

    @property
    def boot_log(self) -> Path:
        return self.directory / "boot.log"

    def make_disk(self, layers: Sequence[Path]) -> None:
        """Mount the server's disk: its own changes over `layers`, the first on top."""
        upper, work = self.disk.with_name("upper"), self.disk.with_name("work")
        for path in (upper, work, self.disk):
            path.mkdir(parents=True)
        lower = ":".join(map(str, layers))
        # volatile: a disk that is lost when the machine crashes need not wait for fsync.
        options = f"lowerdir={lower},upperdir={upper},workdir={work},volatile"
        host.run(["mount", "-t", "overlay", "-o", options, "overlay", self.disk])

    def make_chassis(self, libraries: Path, xen: bool, bmc: bool) -> None:
        """Start the chassis, of a Xen server or another one, with or without a BMC; the server is off."""
        log = self.directory / "chassis.log"
        options = [*(["--xen"] if xen else []), *(["--bmc"] if bmc else [])]
        # Mounts of its own: the machine need not see a file system that hangs.
        host.run([
            "setsid", "--fork", "sh", "-c", 'log=$0; exec "$@" >"$log" 2>&1', log,
            *cgroup(self.lab.name, f"{self.name}.chassis").entered(),
            "unshare", "--mount",
            "env", f"PYTHONPATH={CHECKOUT}", sys.executable,
            "-m", "tests.lab.chassis", self.lab, self.name, str(self.number), libraries, *options,
        ])  # fmt: skip
        host.wait_until(self._has_chassis, CHASSIS_TIMEOUT_S, f"{self.name} has no chassis, see {log}")

    def _has_chassis(self) -> bool:
        try:
            self.ask("is-on")
        except host.LabError:
            return False
        return True

    def ask(self, verb: str) -> str:
        """Have the chassis do something; its answer. LabError: it cannot."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
            control.settimeout(POWER_TIMEOUT_S)
            try:
                control.connect(str(self.control))
                control.send(verb.encode())
                result, _, text = control.recv(4096).decode().partition(" ")
            except OSError as error:
                raise host.LabError(f"{self.name}: its chassis does not answer: {error}") from error
        if result != "ok":
            log = self.directory / "chassis.log"
            raise host.LabError(text or f"{self.name}: its chassis failed, see {log}")
        return text

    def freeze(self, frozen: bool) -> None:
        try:
            self.cgroup.freeze(frozen)
        except OSError:
            raise host.LabError(f"{self.name} is off") from None

    @property
    def pid(self) -> int | None:
        """The process id, on this machine, of the server's systemd; None while the server is off."""
        for pid in self.cgroup.processes():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            fields = dict(line.split(":", 1) for line in status.splitlines())
            # Until systemd runs, boot.sh is number 1, and still sees the machine's files.
            if fields["NSpid"].split()[1:] == ["1"] and fields["Name"].strip() == "systemd":
                return pid
        return None

    def wait_until_up(self) -> None:
        """Wait until systemd is done with booting and sshd lets root in."""
        host.wait_until(self._is_up, BOOT_TIMEOUT_S, f"{self.name} did not come up")

    def _is_up(self) -> bool:
        booted = "systemctl is-system-running | grep -qxE 'running|degraded'"
        script = ["bash", "-c", f"{booted} && ssh -o ConnectTimeout=5 $HOSTNAME true"]
        try:
            # Without /sNow in its path, which may hang.
            host.run(self.command(script, {"PATH": DEBIAN_PATH}))
        except host.LabError:
            return False
        return True

    def command(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        """The command line that runs `argv` in the server; it dies with the process that starts it.

        Raises LabError while the server is off.
        """
        pid = self.pid
        if pid is None:
            raise host.LabError(f"{self.name} is off")
        try:
            entered = self.cgroup.entered("lab-run")
        except FileNotFoundError:  # since a moment ago
            raise host.LabError(f"{self.name} is off") from None
        variables = [f"{name}={value}" for name, value in {**ENVIRONMENT, **(env or {})}.items()]
        return [
            *entered,
            "nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
            "setpriv", "--pdeathsig", "KILL",
            "env", "--ignore-environment", "--chdir=/root", *variables, *argv,
        ]  # fmt: skip
