"""One server of a lab: a container with systemd as PID 1, and a disk that survives power-off.

Everything a server runs is in its cgroup; that is also how it is found again, so that no file with process ids
can be wrong. Times are seconds.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import host
from tests.lab.network import Network

BOOT = Path(__file__).with_name("boot.sh")
START_TIMEOUT_S = 10
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


class Server:
    """`directory` holds the server's disk; `shared` and `world` are what it sees as /sNow and /lab/world."""

    def __init__(
        self, name: str, address: str, directory: Path, cgroup: host.Cgroup, network: Network, shared: Path, world: Path
    ) -> None:
        self.name = name
        self.address = address
        self.disk = directory / "root"
        self._directory = directory
        self._cgroup = cgroup
        self._network = network
        self._shared = shared
        self._world = world
        self._cut_mark = directory / "cut"

    def make_disk(self, layers: Sequence[Path]) -> None:
        """Mount the server's disk: its own changes over `layers`, the first on top."""
        upper, work = self._directory / "upper", self._directory / "work"
        for path in (upper, work, self.disk):
            path.mkdir(parents=True)
        lower = ":".join(map(str, layers))
        # volatile: a disk that is lost when the machine crashes need not wait for fsync.
        options = f"lowerdir={lower},upperdir={upper},workdir={work},volatile"
        host.run(["mount", "-t", "overlay", "-o", options, "overlay", self.disk])

    @property
    def pid(self) -> int | None:
        """The process id, on this machine, of the server's systemd; None while the server is off."""
        for pid in self._cgroup.processes():
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
        self._cgroup.kill()
        self._cgroup.path.mkdir(parents=True)
        namespace = self._network.plug(self.name, self.address, connected=not self._cut_mark.exists())
        boot_log = self._directory / "boot.log"
        enter_cgroup = 'echo 0 >"$1"; log=$2; shift 2; exec "$@" >"$log" 2>&1 </dev/null'
        host.run([
            "setsid", "--fork", "sh", "-ec", enter_cgroup, "sh", self._cgroup.path / "cgroup.procs", boot_log,
            "nsenter", f"--net=/run/netns/{namespace}",
            "unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child=KILL",
            "sh", BOOT, self.disk, self.name, self._shared, self._world,
        ])  # fmt: skip
        try:
            host.wait_until(lambda: self.pid is not None, START_TIMEOUT_S, f"{self.name} did not start")
        except host.LabError as error:
            raise host.LabError(f"{error}: {boot_log.read_text()}") from error
        self._network.forget(self.name)

    def wait_until_up(self) -> None:
        """Wait until systemd is done with booting and sshd lets root in."""
        host.wait_until(self._is_up, BOOT_TIMEOUT_S, f"{self.name} did not come up")

    def _is_up(self) -> bool:
        probe = "systemctl is-system-running | grep -qxE 'running|degraded' && ssh -o ConnectTimeout=5 $HOSTNAME true"
        try:
            host.run(self.command(["bash", "-c", probe]))
        except host.LabError:
            if not self.pid:
                raise
            return False
        return True

    def stop(self) -> None:
        """Power off, as pulling the plug does."""
        if pid := self.pid:
            os.kill(pid, signal.SIGKILL)
        self._cgroup.kill()
        self._network.unplug(self.name)

    def cut(self) -> None:
        self._cut_mark.touch()
        if self.pid:
            self._network.disconnect(self.name)

    def heal(self) -> None:
        self._cut_mark.unlink(missing_ok=True)
        if self.pid:
            self._network.connect(self.name)

    def command(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        """The command line that runs `argv` in the server; it dies with the process that starts it.

        Raises LabError while the server is off.
        """
        pid = self.pid
        if pid is None:
            raise host.LabError(f"{self.name} is off")
        variables = [f"{name}={value}" for name, value in {**ENVIRONMENT, **(env or {})}.items()]
        return [
            "nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
            "setpriv", "--pdeathsig", "KILL",
            "env", "--ignore-environment", "--chdir=/root", *variables, *argv,
        ]  # fmt: skip
