"""Two servers for the agent's own process: `run` is all of the outside that is not real, and the clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from snow_ha_plugin.agent import domain_file, host, lifecycle, migration, monitor, operation, progress, recovery, watch
from snow_ha_plugin.agent.domains import Instance
from snow_ha_plugin.agent.host import SSH
from snow_ha_plugin.agent.operation import Operation
from snow_ha_plugin.agent.process import Result
from tests.unit.agent.xl_lists import DOM0, HEADER, instances, line

HERE, THERE = "", "snow02"
TRANSPORT = ("77", 5)
TIMEOUT_S = 100.0


class Servers:
    """What `xl` says and does on them. Each call takes a tenth of a second; a silent server answers nothing."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.on: dict[str, list[Instance]] = {HERE: [], THERE: []}
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.calls: list[str] = []
        # By server: each call as a whole, and the seconds that it had.
        self.commands: list[tuple[str, str]] = []
        self.given_s: list[float] = []
        # What happens, once, when the time has come: (seconds from the start, what).
        self.events: list[tuple[float, Callable[[], None]]] = []
        self.programs: dict[str, Result] = {}
        # Xl's own processes of the domain.
        self.daemons: list[str] = []
        # What the target answers before a migration, and what it was asked.
        self.facts, self.missing = "free_memory : 4096\nxen_commandline : dom0_mem=1024M\n", ""
        self.scripts: list[str] = []

    def place(self, server: str, *said: str) -> None:
        self.on[server] = instances(*said)

    def at(self, seconds: float, server: str, *said: str) -> None:
        """From then on, that is there."""
        self.events.append((1000.0 + seconds, lambda: self.place(server, *said)))

    def states(self, server: str) -> list[str]:
        return [f"{each.form or 'own'} {each.state}" for each in self.on[server]]

    @property
    def seconds(self) -> float:
        return self.now - 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for event in [event for event in self.events if event[0] <= self.now]:
            self.events.remove(event)
            event[1]()

    def run(self, words: list[str], deadline: float) -> Result:
        assert deadline >= self.now, "nothing is begun after the deadline"
        server, command = (words[len(SSH)], words[len(SSH) + 1 :]) if words[: len(SSH)] == SSH else (HERE, words)
        self.calls.append(" ".join(command[:3]))
        self.commands.append((server, " ".join(command)))
        self.given_s.append(deadline - self.now)
        self.sleep(0.1)
        if command[0] in self.programs:
            return self.programs[command[0]]
        if server in self.silent:
            return Result(words, 255, "", "no route to host")
        if command[0].startswith("xl list && "):
            self.scripts.append(command[0])
            return Result(words, 0, "\n".join((self._xl(server, "list", []), self.facts, self.missing)), "")
        if " " in command[0]:
            return Result(words, self._finish(server), "", "")
        if command[1] in self.failing:
            return Result(words, 1, "", f"{command[1]} failed")
        return Result(words, 0, self._xl(server, command[1], command[2:]), "")

    def _xl(self, server: str, verb: str, words: list[str]) -> str:
        found = self.on[server]
        if verb == "list":
            lines = [
                line(
                    "(null)" if each.form is None else f"web01{each.form}",
                    each.domid,
                    each.flags,
                    each.cpu_s,
                    each.memory_mib,
                )
                for each in found
            ]
            return HEADER + DOM0 + "".join(lines)
        if verb == "create":
            self.place(server, "own running")
        elif verb == "destroy":
            self.on[server] = [each for each in found if each.domid != int(words[0])]
        elif verb == "rename":
            next(each for each in found if each.domid == int(words[0])).form = ""
        elif verb == "migrate":
            next(each for each in found if each.domid == int(words[2])).flags = "-b----"
        return ""

    def _finish(self, server: str) -> int:
        """Rename and unpause what is whole."""
        if "unpause" in self.failing:
            return 1
        self.place(server, "own running")
        return 0


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    servers = Servers()
    clock = SimpleNamespace(monotonic=servers.monotonic, sleep=servers.sleep)
    for module in (host, lifecycle, monitor, operation, recovery, watch):
        monkeypatch.setattr(module, "time", clock, raising=False)
        monkeypatch.setattr(module, "run", servers.run, raising=False)
    for module in (host, lifecycle):
        monkeypatch.setattr(module, "daemons_of", lambda name: list(servers.daemons))
    for name in ("CRM_meta_interval", "monitor_scripts", "watch", "watch_grace", "shutdown_timeout", "shutdown_acpi"):
        monkeypatch.delenv(f"OCF_RESKEY_{name}", raising=False)
    monkeypatch.delenv("OCF_CHECK_LEVEL", raising=False)
    return servers


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The domain file, not there yet, of the resource web01, which has no parameter `name`."""
    monkeypatch.setenv("OCF_RESOURCE_INSTANCE", "web01")
    monkeypatch.setenv("OCF_RESKEY_xmfile", str(tmp_path / "a.cfg"))
    monkeypatch.delenv("OCF_RESKEY_name", raising=False)
    return tmp_path / "a.cfg"


@pytest.fixture
def domain(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file names nothing that a server must have, and there is no other server and no migration."""
    servers.programs["crm_node"] = Result(["crm_node"], 0, "snow01\n", "")
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_on_node", "snow01")
    monkeypatch.setenv("OCF_RESKEY_xmfile", "/web01.cfg")
    monkeypatch.setattr(domain_file, "read_if_host_has_all", lambda deadline: {"name": "web01"})
    monkeypatch.setattr(lifecycle, "end_orphans", lambda name: None)


@pytest.fixture
def recurring(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_interval", "10000")


class Sender:
    """`xl migrate`, which takes its time and comes to its end, or does not."""

    def __init__(self, servers: Servers, takes_s: float = 3.0, status: int | None = 0) -> None:
        self.servers, self.takes_s, self.status = servers, takes_s, status
        self.pid = 76
        self.words: list[str] = []
        self.given_s = 0.0

    def __call__(self, words: list[str]) -> Sender:
        self.words, self.ends = words, self.servers.now + self.takes_s
        return self

    def wait(self, deadline: float) -> bool:
        self.servers.sleep(max(0.0, min(deadline, self.ends) - self.servers.now))
        return self.servers.now >= self.ends

    def result(self, deadline: float) -> Result:
        self.given_s = deadline - self.servers.now
        return Result(["xl", "migrate"], self.status if self.wait(deadline) else None, "", "")


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The transports that were ended."""
    return []


@pytest.fixture
def sender(servers: Servers, ended: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sender:
    sender = Sender(servers)
    monkeypatch.setattr(migration, "Program", sender)
    monkeypatch.setattr(migration, "run", servers.run)
    monkeypatch.setattr(migration, "_transport_of", lambda program: TRANSPORT if program is sender else None)
    monkeypatch.setattr(migration, "_end", ended.append)
    handlers: dict[int, object] = {}
    names = SimpleNamespace(SIGTERM=15, SIGINT=2, SIGHUP=1, signal=handlers.__setitem__, handlers=handlers)
    monkeypatch.setattr(migration, "signal", names)
    clock = SimpleNamespace(monotonic=servers.monotonic, sleep=servers.sleep)
    monkeypatch.setattr(migration, "time", clock)
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(progress, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(
        progress, "bytes_read_by", lambda pid: int((servers.now - 1000) * (60 << 20)) if pid == TRANSPORT[0] else 0
    )
    monkeypatch.setattr(domain_file, "read_given", lambda deadline: {"kernel": "/it's here"})
    monkeypatch.setattr(migration, "name_elsewhere", lambda deadline: "web01")
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_migrate_target", THERE)
    monkeypatch.delenv("OCF_RESKEY_node_ip_attribute", raising=False)
    return sender


@pytest.fixture(name="operation")
def _operation(servers: Servers) -> Operation:
    """On web01, which runs here."""
    servers.place(HERE, "own running")
    return Operation("web01", servers.now, servers.now + TIMEOUT_S)
