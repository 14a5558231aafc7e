"""A lab: servers on one network that share /sNow, from `up` to `down`. This is what tests import.

Everything of a lab has its name in it: the directory /var/tmp/snow-ha-lab/NAME, the cgroup and the network
namespaces. So two labs do not meet, and `down` finds what a killed `up` has left. Times are seconds.
"""

import fcntl
import json
import logging
import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from tests.lab import base, host, installation, loops, native
from tests.lab.hardware import Hardware
from tests.lab.host import LabError
from tests.lab.network import Network
from tests.lab.server import Server, cgroup

STATE = Path("/var/tmp/snow-ha-lab")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
MOST_SERVERS = 89
# The third host, and the last part of its addresses.
QNETD, QNETD_NUMBER = "qnetd01", 90
# Of a lab's directory: there is one when the lab is.
COMPLETE = "lab.json"

Site = Callable[[Path, dict[str, str]], object]
# What is changed on the disk of a Xen server before it boots for the first time.
Disk = Callable[[Path], object]

log = logging.getLogger(__name__)

# The tests that have failed in this process; tests/conftest.py adds to it.
failures: list[str] = []


@dataclass(frozen=True)
class Equipment:
    """What a lab consists of: Xen servers with or without BMCs, and perhaps a third host for corosync's qnetd."""

    servers: int
    qnetd: bool = False
    bmc: bool = False


class Lab(Hardware):
    """A lab that is up. Make one with `Lab.up` (also as a context manager), or find one with `Lab.attach`.

    `names` are the Xen servers'; QNETD is a server, too, where there is one.
    """

    def __init__(self, name: str, equipment: Equipment) -> None:
        directory = STATE / name
        numbers = {f"snow{number:02}": number for number in range(1, equipment.servers + 1)}
        self.names = list(numbers)
        if equipment.qnetd:
            numbers[QNETD] = QNETD_NUMBER
        super().__init__(name, directory, {server: Server(server, numbers[server], directory) for server in numbers})
        self.equipment = equipment
        self.shared = directory / "shared"
        self.world_dir = directory / "world"
        self._failures_before = len(failures)

    @classmethod
    def up(
        cls,
        name: str = "lab",
        servers: int = 2,
        debian: str = base.RELEASES[0],
        site: Site | None = None,
        qnetd: bool = False,
        bmc: bool = False,
        disk: Disk | None = None,
    ) -> Self:
        """Make a lab and wait until its servers are up; on any failure nothing of it remains.

        `site(shared, addresses)` fills /sNow before the servers start. LabError: also for a name in use.
        """
        _check(name)
        if not 1 <= servers <= MOST_SERVERS:
            raise LabError(f"a lab has 1 to {MOST_SERVERS} servers, not {servers}")
        bottom, libraries = base.prepare(debian), native.prepare()
        directory = STATE / name
        STATE.mkdir(mode=0o700, exist_ok=True)
        try:
            directory.mkdir()
        except FileExistsError:
            raise LabError(f"there is a lab {name!r} already; `lab down --name {name}` removes it") from None
        with _locked(directory):
            lab = cls(name, Equipment(servers, qnetd, bmc))
            try:
                lab._build(bottom, libraries, site, disk)
            except BaseException:
                _remove(name)
                raise
        return lab

    @classmethod
    def attach(cls, name: str = "lab") -> "Lab":
        """The lab of this name that is up already."""
        _check(name)
        try:
            equipment = json.loads((STATE / name / COMPLETE).read_text())
        except FileNotFoundError:
            raise LabError(f"there is no lab {name!r}; `lab up --name {name}` makes it") from None
        return cls(name, Equipment(**equipment))

    def _build(self, bottom: Path, libraries: Path, site: Site | None, disk: Disk | None) -> None:
        self.shared.mkdir()
        self.world_dir.mkdir()
        group = cgroup(self.name)
        group.create()
        hosts = {name: server.address for name, server in self._servers.items()}
        if self.equipment.bmc:
            hosts |= {f"{name}-mgmt": self._servers[name].bmc_address for name in self.names}
        layer = installation.make_layer(self._directory / "layer", bottom, libraries, hosts, group)
        if site:
            site(self.shared, {name: self.address(name) for name in self.names})
        self._network.create()
        for name, server in self._servers.items():
            server.make_disk([layer, bottom])
            installation.name_server(server.disk, name)
            if name == QNETD:
                installation.make_qnetd_host(server.disk)
            elif disk:
                disk(server.disk)
            loops.claim(STATE, self.name, name)
            server.make_chassis(libraries, xen=name != QNETD, bmc=self.equipment.bmc and name != QNETD)
            self.power_on(name, wait=False)
        for server in self._servers.values():
            server.wait_until_up()
        (self._directory / COMPLETE).write_text(json.dumps(asdict(self.equipment)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is not None or len(failures) > self._failures_before:
            down_unless_kept(self.name)
        else:
            self.down()

    def down(self) -> None:
        """Remove the lab with everything in it."""
        down(self.name)

    def address(self, server: str) -> str:
        return self._server(server).address

    def disk(self, server: str) -> Path:
        """A server's root directory as this machine sees it, also while the server is off."""
        return self._server(server).disk

    def command(self, server: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        """The command line for this machine that runs `argv` in a server, for whoever starts it himself."""
        return self._server(server).command(argv, env)

    def run(
        self,
        server: str,
        argv: Sequence[str],
        input: bytes | None = None,
        timeout: float = 60,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in a server, without a shell, as root.

        Raises LabError at the timeout, with `check` also for a failure, and while the server is off.
        """
        shown = f"{server}: {' '.join(argv)}"
        try:
            done = subprocess.run(
                self.command(server, argv, env), input=input or b"", capture_output=True, timeout=timeout
            )
        except subprocess.TimeoutExpired as expired:
            raise LabError(f"{shown}: still running after {timeout:g} s") from expired
        output, errors = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
        if check and done.returncode != 0:
            raise LabError(f"{shown}: exit status {done.returncode}\n{output}{errors}")
        return subprocess.CompletedProcess(argv, done.returncode, output, errors)


def down(name: str) -> bool:
    """Remove a lab, also a half-made one; False if there was none."""
    _check(name)
    if not (STATE / name).exists():
        return False
    with _locked(STATE / name):
        _remove(name)
    return True


def down_unless_kept(name: str) -> None:
    """Remove the lab of a test that has failed; with SNOW_HA_KEEP_LAB it stays, and who runs the tests is told how to
    get in."""
    if not os.environ.get("SNOW_HA_KEEP_LAB") or not (STATE / name).exists():
        down(name)
        return
    logs = f"{STATE / name}/*/boot.log, chassis.log and root/var/log/journal (journalctl -D)"
    inside = f"tests/lab/lab run --name {name} snow01 bash"
    warnings.warn(f"kept: {inside}; logs: {logs}; tests/lab/lab down --name {name}", stacklevel=2)


def _remove(name: str) -> None:
    directory = STATE / name
    cgroup(name).kill()
    loops.release(STATE, name)
    Network(name).remove()
    for mount in host.mounts_below(directory):
        # Lazily: somebody may have gone there to read a log.
        host.run(["umount", "--lazy", mount])
    shutil.rmtree(directory)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep others from removing a lab that is being made, as long as its maker lives."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LabError(f"the lab {directory.name!r} is being made or removed by another process") from None
    finally:
        os.close(descriptor)


def _check(name: str) -> None:
    if os.geteuid() != 0:
        raise LabError("the lab needs root: namespaces, mounts and device nodes")
    if not NAME.fullmatch(name):
        raise LabError(f"not a lab's name: {name!r}; up to 30 small letters, digits and hyphens are one")
