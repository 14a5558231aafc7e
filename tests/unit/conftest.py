"""A site of two servers, each a directory of this machine: the steps' own shell snippets run for real on them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import snow_ha_plugin
from snow_ha_plugin.core.codes import TABLE
from snow_ha_plugin.model import Domain, Finding, Network, Server, Severity, SnowConf
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import command, record, snowtools, written
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import Servers
from snow_ha_plugin.system.snowtools import Layout
from tests.captures import capture

NAMES = ("snow01", "snow02")
FLOATING = Network("xsnow0", "10.1.0.254", 16)


PACKAGE = str(Path(snow_ha_plugin.__file__).parent)
WORST_FIRST = list(Severity)


@pytest.fixture(scope="session", autouse=True)
def findings_are_in_the_table() -> Iterator[None]:
    """Whatever finding the program makes in a test, its code is known, and it is no worse than that one's page says."""
    new = Finding.__new__

    def checked(cls: type[Finding], *args: Any, **fields: Any) -> Finding:
        made = new(cls, *args, **fields)
        if sys._getframe(1).f_code.co_filename.startswith(PACKAGE):
            assert made.id in TABLE, made.id
            assert WORST_FIRST.index(made.severity) >= WORST_FIRST.index(TABLE[made.id].severity), made
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Finding, "__new__", checked)
        yield


@pytest.fixture(autouse=True)
def the_hook_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a server whose high availability is enabled: remedies are of `snow ha`."""
    monkeypatch.setattr(snowtools, "hook_is_in", lambda: True)


class Machines(Servers):
    """Servers whose /etc, /var and /sNow are below `root`/NAME, and whose programs may be stand-ins in `root`/bin."""

    def __init__(self, root: Path) -> None:
        super().__init__(NAMES)
        self.here = NAMES[0]
        self.root = root
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        (root / "bin").mkdir()

    def _reach(self, server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        self.calls.append((server, tuple(argv)))
        own = ("/etc/", "/var/", "/sNow/")
        words = [str(self.root / server / word[1:]) if word.startswith(own) else word for word in argv]
        path = f"{self.root}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        result = command.run(words, stdin=stdin, timeout_s=timeout_s, env={"PATH": path, "SERVER": server})
        # What a script complains of is told to an administrator: it traces nothing.
        assert not result.stderr.startswith(b"+ "), words
        return result

    _round = Servers._one_by_one

    def stand_in(self, program: str, script: str) -> None:
        path = self.root / "bin" / program
        path.write_text(f'#!/bin/sh\necho "$SERVER {program} $*" >>{self.root}/log\n{script}\n')
        path.chmod(0o755)

    def stand_in_for_xl(self, script: str = "") -> None:
        """`xl list` answers as on a server, after what the script does."""
        self.stand_in("xl", f"{script}\ncat <<'END'\n{capture('xl-standin-list-guide-domains.txt').decode()}END")

    def log(self) -> list[str]:
        path = self.root / "log"
        return path.read_text().splitlines() if path.exists() else []

    def file(self, server: str, path: str) -> Path:
        found = self.root / server / path[1:]
        found.parent.mkdir(parents=True, exist_ok=True)
        return found


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path)


MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(machines: Machines) -> MakeSite:
    def make(
        net_snow: Network | None = FLOATING,
        net_comp: Network | None = FLOATING,
        floating_ip: Network | None = FLOATING,
        domains: tuple[Domain, ...] = (),
        metrics: bool = False,
    ) -> Site:
        etc = Path("/sNow/snow-tools/etc")
        return Site(
            layout=Layout(
                Path("/sNow"),
                etc / "snow.conf",
                etc / "domains.conf",
                etc / "domains",
                Path("/sNow/snow-tools/share/hooks.d"),
            ),
            conf=SnowConf(NAMES, net_snow, net_comp, 80),
            members=tuple(Server(name, (f"10.1.0.{n}",)) for n, name in enumerate(NAMES, start=1)),
            servers=machines,
            domains=domains,
            floating_ip=floating_ip,
            metrics=metrics,
        )

    return make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site()


@pytest.fixture(autouse=True)
def shared_record(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What happens is recorded in a directory of the test's own, and Pacemaker has kept no configurations."""
    root = tmp_path_factory.mktemp("record")
    monkeypatch.setattr(record, "LOCAL", root / "local" / "history")
    monkeypatch.setattr(record, "shared", lambda: root / "history")
    monkeypatch.setattr(written, "DIRECTORY", root / "cib")
    return root / "history"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As in a terminal: what a shell starts in the background ignores SIGINT, what nohup starts SIGHUP, and so does
    what that starts."""
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGHUP, hangup)
