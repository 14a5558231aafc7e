"""One server of a lab: a container with systemd as PID 1, and a disk that survives power-off.

Everything that runs in a server is in its cgroup. By that it is found again and ended, so that no file with
process ids can be wrong. Times are seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import host
from tests.lab.network import Network

BOOT = Path(__file__).with_name("boot.sh")
START_TIMEOUT_S = 30
BOOT_TIMEOUT_S = 60
ENVIRONMENT = {
    # The administrator's: sNow!'s own program first.
    "PATH": "/sNow/snow-tools/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True)
class Server:
    """`directory` is the lab's: it has the servers' disks, and what they see as /sNow and /lab/world."""

    name: str
    address: str
    directory: Path
    cgroup: host.Cgroup
    network: Network

    @property
    def disk(self) -> Path:
        return self.directory / self.name / "root"

    @property
    def _cut_mark(self) -> Path:
        return self.directory / self.name / "cut"

    def make_disk(self, layers: Sequence[Path]) -> None:
        """Mount the server's disk: its own changes over `layers`, the first on top."""
        upper, work = self.disk.with_name("upper"), self.disk.with_name("work")
        for path in (upper, work, self.disk):
            path.mkdir(parents=True)
        lower = ":".join(map(str, layers))
        # volatile: a disk that is lost when the machine crashes need not wait for fsync.
        options = f"lowerdir={lower},upperdir={upper},workdir={work},volatile"
        host.run(["mount", "-t", "overlay", "-o", options, "overlay", self.disk])

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

    def start(self) -> None:
        """Power on; returns when systemd has been started, long before it is done."""
        if self.pid:
            raise host.LabError(f"{self.name} is on already")
        self.cgroup.kill()
        self.cgroup.create()
        namespace = self.network.plug(self.name, self.address, connected=not self._cut_mark.exists())
        boot_log = self.disk.with_name("boot.log")
        host.run([
            "setsid", "--fork", "sh", "-c", 'log=$0; exec "$@" >"$log" 2>&1', boot_log,
            *self.cgroup.entered(),
            "nsenter", f"--net=/run/netns/{namespace}",
            "unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child=KILL",
            "sh", BOOT, self.disk, self.name, self.directory / "shared", self.directory / "world",
        ])  # fmt: skip
        try:
            host.wait_until(lambda: self.pid is not None, START_TIMEOUT_S, f"{self.name} did not start")
        except host.LabError as error:
            raise host.LabError(f"{error}: {boot_log.read_text()}") from error
        self.network.forget(self.name)

    def wait_until_up(self) -> None:
        """Wait until systemd is done with booting and sshd lets root in."""
        host.wait_until(self._is_up, BOOT_TIMEOUT_S, f"{self.name} did not come up")

    def _is_up(self) -> bool:
        booted = "systemctl is-system-running | grep -qxE 'running|degraded'"
        command = self.command(["bash", "-c", f"{booted} && ssh -o ConnectTimeout=5 $HOSTNAME true"])
        try:
            host.run(command)
        except host.LabError:
            return False
        return True

    def stop(self) -> None:
        """Power off, as pulling the plug does: nothing in the server gets to hear of it."""
        self.cgroup.kill()
        self.network.unplug(self.name)

    def cut(self) -> None:
        self._cut_mark.touch()
        if self.pid:
            self.network.disconnect(self.name)

    def heal(self) -> None:
        self._cut_mark.unlink(missing_ok=True)
        if self.pid:
            self.network.connect(self.name)

    def command(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        """The command line that runs `argv` in the server; it dies with the process that starts it.

        Raises LabError while the server is off.
        """
        pid = self.pid
        if pid is None:
            raise host.LabError(f"{self.name} is off")
        variables = [f"{name}={value}" for name, value in {**ENVIRONMENT, **(env or {})}.items()]
        return [
            *self.cgroup.entered("lab-run"),
            "nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
            "setpriv", "--pdeathsig", "KILL",
            "env", "--ignore-environment", "--chdir=/root", *variables, *argv,
        ]  # fmt: skip
