"""A Xen lab: two servers with real Xen, emulated by QEMU, from `up` to `down`. This is what tests import.

The names are those of tests/lab/cluster.py. Everything of a lab has its name in it: the directory
/var/tmp/snow-ha-xenlab/NAME and the cgroup; and its number, which makes its addresses on loopback. So two labs do
not meet, and `down` finds what a killed `up` has left. Times are seconds.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.lab.host import Cgroup, LabError
from tests.xenlab import image
from tests.xenlab.guest import Guest, Tick, last_tick
from tests.xenlab.server import PROCESSORS, Server, Wiring

STATE = Path("/var/tmp/snow-ha-xenlab")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
NAMES = ("snow01", "snow02")
# Both servers' /dev/vdb, as a LUN of a disk array would be.
SHARED_DISK_BYTES = 64 << 20
CHECKOUT = Path(__file__).parents[2]
AGENT = "/usr/lib/ocf/resource.d/snow/Xen"
# What the agent imports, where Debian's package has it.
MODULES = "/usr/lib/python3/dist-packages"
MODULE_NAMES = [
    "snow_ha_plugin/__init__.py",
    "snow_ha_plugin/watches.py",
    "snow_ha_plugin/xlcfg.py",
    *(str(path.relative_to(CHECKOUT)) for path in sorted((CHECKOUT / "snow_ha_plugin/agent").glob("*.py"))),
]


class XenLab:
    """A lab that is up. Make one with `XenLab.up` (also as a context manager), or find one with `XenLab.attach`."""

    def __init__(self, name: str, number: int, hypervisor: str, files: Path) -> None:
        self.name = name
        self.hypervisor = hypervisor
        self.names = list(NAMES)
        self._shared_disk = STATE / name / "shared.img"
        addresses = [f"127.78.{number}.{host}" for host in (1, 2)]
        self._servers = {
            server: Server(
                server, STATE / name, files, hypervisor, Wiring(address, peer), _cgroup(name, server)
            )
            for server, address, peer in zip(NAMES, addresses, reversed(addresses), strict=True)
        }  # fmt: skip

    @classmethod
    def up(cls, name: str = "xenlab", hypervisor: str = "4.17.5") -> Self:
        """Make a lab and wait until its servers are up; on any failure nothing of it remains.

        `hypervisor`: 4.17.5 can migrate PV guests, 4.17.7 runs and migrates PVH guests. LabError: also for a name
        in use.
        """
        _check(name)
        if hypervisor not in PROCESSORS:
            raise LabError(f"no such hypervisor: {hypervisor!r}; there are {' and '.join(PROCESSORS)}")
        files = image.prepare()
        directory = STATE / name
        number = _take_number(directory, hypervisor, files)
        with _locked(directory):
            lab = cls(name, number, hypervisor, files)
            try:
                lab._build()
            except BaseException:
                _remove(name)
                raise
        return lab

    @classmethod
    def attach(cls, name: str = "xenlab") -> "XenLab":
        """The lab of this name that is up already."""
        _check(name)
        try:
            state = json.loads((STATE / name / "lab.json").read_text())
        except FileNotFoundError:
            raise LabError(f"there is no lab {name!r}; `xenlab up --name {name}` makes it") from None
        return cls(name, state["number"], state["hypervisor"], Path(state["files"]))

    def _build(self) -> None:
        with self._shared_disk.open("wb") as disk:
            disk.truncate(SHARED_DISK_BYTES)
        _cgroup(self.name).create()
        modules = subprocess.run(["tar", "-c", "-C", CHECKOUT, *MODULE_NAMES], capture_output=True, check=True).stdout
        for server in self._servers.values():
            server.make_disk()
            server.start()
        for name, server in self._servers.items():
            server.wait_until_up()
            self.put(name, AGENT, (CHECKOUT / "ocf/Xen").read_text(), mode=0o755)
            self.run(name, ["tar", "-x", "-C", MODULES], input=modules)
            self.run(name, ["py3compile", f"{MODULES}/snow_ha_plugin"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.down()

    def down(self) -> None:
        """Remove the lab with everything in it."""
        down(self.name)

    def address(self, server: str) -> str:
        """The server's address on the servers' own network; this machine is not on it."""
        return f"10.78.0.{self.names.index(self._server(server).name) + 1}"

    def command(
        self,
        server: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> list[str]:
        """The command line for this machine that runs `argv` in a server, for whoever starts it himself.

        Ending it does not end the program in the server; `timeout` does, there.
        """
        return self._server(server).command(argv, timeout, env)

    def run(
        self,
        server: str,
        argv: Sequence[str],
        input: bytes | None = None,
        timeout: float = 120,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in a server, without a shell, as root.

        Raises LabError at the timeout, with `check` also for a failure, and while the server is off.
        """
        shown = f"{server}: {' '.join(argv)}"
        command = self.command(server, argv, env, timeout)
        deadline = time.monotonic() + timeout
        try:
            # With patience: a busy server is slow to say that it has ended the program.
            done = subprocess.run(command, input=input or b"", capture_output=True, timeout=timeout + 30)
        except subprocess.TimeoutExpired as expired:
            raise LabError(f"{shown}: still running after {timeout:g} s") from expired
        output, errors = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
        if done.returncode != 0 and time.monotonic() > deadline:
            raise LabError(f"{shown}: ended after {timeout:g} s\n{output}{errors}")
        if check and done.returncode != 0:
            raise LabError(f"{shown}: exit status {done.returncode}\n{output}{errors}")
        return subprocess.CompletedProcess(argv, done.returncode, output, errors)

    def put(self, server: str, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in a server, and the directories above it."""
        self.run(server, ["install", "-D", f"--mode={mode:o}", "/dev/stdin", path], input=text.encode())

    def add(self, guest: Guest) -> None:
        """Give every server the domain file of a guest."""
        for server in self.names:
            self.put(server, guest.file, guest.configuration)

    def last_tick(self, guest: Guest) -> Tick | None:
        """What a guest wrote last, wherever it runs or ran; None if it never wrote anything."""
        return last_tick(self._shared_disk, guest)

    def console(self, server: str) -> str:
        """What hypervisor and dom0 have printed since the server's last power-on, also after its end."""
        return self._server(server).console.read_text(errors="replace")

    def is_on(self, server: str) -> bool:
        return self._server(server).is_on

    def power_off(self, server: str) -> None:
        """Pull a server's plug: everything that runs in it, its domains included, is gone."""
        self._server(server).stop()

    def power_on(self, server: str, wait: bool = True) -> None:
        """Start a server with the disk it had; with `wait` until it is up."""
        self._server(server).start()
        if wait:
            self._server(server).wait_until_up()

    def cut(self, server: str) -> None:
        """Take a server off the servers' network, until `heal`, also over a power cycle."""
        self._server(server).cut()

    def heal(self, server: str) -> None:
        self._server(server).heal()

    def _server(self, name: str) -> Server:
        if name not in self._servers:
            raise LabError(f"no such server: {name!r}; the lab {self.name!r} has {' '.join(self.names)}")
        return self._servers[name]


def down(name: str) -> bool:
    """Remove a lab, also a half-made one; False if there was none."""
    _check(name)
    if not (STATE / name).exists():
        return False
    with _locked(STATE / name):
        _remove(name)
    return True


def _remove(name: str) -> None:
    _cgroup(name).kill()
    shutil.rmtree(STATE / name)


def _take_number(directory: Path, hypervisor: str, files: Path) -> int:
    """Make the lab's directory, with a number in it that no other lab has."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(STATE, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        taken = [json.loads(state.read_text())["number"] for state in STATE.glob("*/lab.json")]
        number = min(set(range(256)) - set(taken))
        try:
            directory.mkdir()
        except FileExistsError:
            raise LabError(f"there is a lab {directory.name!r} already; `xenlab down` removes it") from None
        state = {"number": number, "hypervisor": hypervisor, "files": str(files)}
        (directory / "lab.json").write_text(json.dumps(state))
        return number
    finally:
        os.close(descriptor)


def _cgroup(lab: str, server: str = "") -> Cgroup:
    return Cgroup(f"snow-ha-xenlab.{lab}/{server}")


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
        raise LabError("the lab needs root: cgroups and the files of other labs")
    if not NAME.fullmatch(name):
        raise LabError(f"not a lab's name: {name!r}; up to 30 small letters, digits and hyphens are one")
