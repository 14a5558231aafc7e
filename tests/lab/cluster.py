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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.lab import base, host, installation
from tests.lab.host import LabError
from tests.lab.network import NAMESPACE_PREFIX, Network
from tests.lab.server import Server
from tests.lab.world import World

STATE = Path("/var/tmp/snow-ha-lab")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
MOST_SERVERS = 99

Site = Callable[[Path, dict[str, str]], object]

log = logging.getLogger(__name__)


class Lab:
    """A lab that is up. Make one with `Lab.up` (also as a context manager), or find one with `Lab.attach`."""

    def __init__(self, name: str, servers: Sequence[str]) -> None:
        self.name = name
        self.names = list(servers)
        self._directory = STATE / name
        self.shared = self._directory / "shared"
        self.world_dir = self._directory / "world"
        self._network = Network(name)
        self._servers = {
            server: Server(
                server,
                f"10.77.0.{number}",
                self._directory,
                _cgroup(name, server),
                self._network,
            )
            for number, server in enumerate(servers, start=1)
        }

    @classmethod
    def up(cls, name: str = "lab", servers: int = 2, debian: str = base.RELEASES[0], site: Site | None = None) -> "Lab":
        """Make a lab and wait until its servers are up; on any failure nothing of it remains.

        `site(shared, addresses)` fills /sNow before the servers start. LabError: also for a name in use.
        """
        _check(name)
        if not 1 <= servers <= MOST_SERVERS:
            raise LabError(f"a lab has 1 to {MOST_SERVERS} servers, not {servers}")
        bottom = base.prepare(debian)
        directory = STATE / name
        STATE.mkdir(mode=0o700, exist_ok=True)
        try:
            directory.mkdir()
        except FileExistsError:
            raise LabError(f"there is a lab {name!r} already; `lab down --name {name}` removes it") from None
        with _locked(directory):
            lab = cls(name, [f"snow{number:02}" for number in range(1, servers + 1)])
            try:
                lab._build(bottom, site)
            except BaseException:
                _remove(name)
                raise
        return lab

    @classmethod
    def attach(cls, name: str = "lab") -> "Lab":
        """The lab of this name that is up already."""
        _check(name)
        try:
            servers = json.loads((STATE / name / "servers.json").read_text())
        except FileNotFoundError:
            raise LabError(f"there is no lab {name!r}; `lab up --name {name}` makes it") from None
        return cls(name, servers)

    def _build(self, bottom: Path, site: Site | None) -> None:
        addresses = {name: self.address(name) for name in self.names}
        self.shared.mkdir()
        self.world_dir.mkdir()
        cgroup = _cgroup(self.name)
        cgroup.create()
        layer = installation.make_layer(self._directory / "layer", bottom, addresses, cgroup)
        if site:
            site(self.shared, addresses)
        self._network.create()
        for name, server in self._servers.items():
            server.make_disk([layer, bottom])
            installation.name_server(server.disk, name)
            self.power_on(name, wait=False)
        for server in self._servers.values():
            server.wait_until_up()
        (self._directory / "servers.json").write_text(json.dumps(self.names))

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *exception: object) -> None:
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

    def power_off(self, server: str) -> None:
        """Pull a server's plug: everything that runs in it, its domains included, is gone."""
        self._server(server).stop()
        self._world().power_off(server)

    def power_on(self, server: str, wait: bool = True) -> None:
        """Start a server with the disk it had; with `wait` until it is up (LabError after 60 s)."""
        self._server(server).start()
        self._world().power_on(server)
        if wait:
            self._server(server).wait_until_up()

    def cut(self, server: str) -> None:
        """Take a server off the network, until `heal`, also over a power cycle."""
        self._server(server).cut()

    def heal(self, server: str) -> None:
        self._server(server).heal()

    def _server(self, name: str) -> Server:
        if name not in self._servers:
            raise LabError(f"no such server: {name!r}; the lab {self.name!r} has {' '.join(self.names)}")
        return self._servers[name]

    def _world(self) -> World:
        return World(self.world_dir)


def down(name: str) -> bool:
    """Remove a lab, also a half-made one; False if there was none."""
    _check(name)
    if not (STATE / name).exists():
        return False
    with _locked(STATE / name):
        _remove(name)
    return True


def _remove(name: str) -> None:
    directory = STATE / name
    _cgroup(name).kill()
    Network(name).remove()
    for mount in host.mounts_below(directory):
        # Lazily: somebody may have gone there to read a log.
        host.run(["umount", "--lazy", mount])
    shutil.rmtree(directory)


def _cgroup(lab: str, server: str = "") -> host.Cgroup:
    return host.Cgroup(f"{NAMESPACE_PREFIX}.{lab}/{server}")


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
