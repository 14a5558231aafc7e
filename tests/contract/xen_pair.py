"""Two Xen servers, snow01 and snow02, without containers: for tests of the resource agent and of the lab's `xl`.

A server is the stand-in `xl` with its name in the environment; `ssh` is `local_ssh`, which runs the command as
the other server. What a real network does is left to the lab; what a dying process does is real here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.lab.world import World, environment

CHECKOUT = Path(__file__).parents[2]
AGENT = CHECKOUT / "ocf" / "Xen"
# The rest of the agent, relative to the checkout; all that it imports.
MODULES = [
    "snow_ha_plugin/__init__.py",
    "snow_ha_plugin/watches.py",
    "snow_ha_plugin/xlcfg.py",
    *(str(path.relative_to(CHECKOUT)) for path in sorted((CHECKOUT / "snow_ha_plugin/agent").glob("*.py"))),
]
STAND_IN = CHECKOUT / "tests/lab/xl"
SERVERS = ("snow01", "snow02")
BUSY_S = 5


@dataclass(frozen=True)
class Outcome:
    """What an action of the agent came to; `reason` is its ocf-exit-reason, or empty."""

    status: int
    reason: str
    output: str
    seconds: float


class XenPair:
    def __init__(self, path: Path, name: str = "web01") -> None:
        self.path, self.name = path, name
        self.world = World(path / "world")
        for server in SERVERS:
            self.world.power_on(server)
        self.world.configure(start_s=0.05, shutdown_s=0.1, reboot_s=0.05, copy_s=0.15, downtime_s=0.01)
        self.programs = path / "bin"
        self.programs.mkdir()
        (self.programs / "xl").symlink_to(STAND_IN)
        (self.programs / "ssh").symlink_to(CHECKOUT / "tests/contract/local_ssh")
        self.write_program("crm_node", f"#!/bin/sh\necho {' '.join(SERVERS)}\n")
        self.image = path / "disk.img"
        self.image.touch()
        self.kernel = path / "vmlinuz"
        self.kernel.touch()
        self.file = path / f"{name}.cfg"
        self.write_domain_file()

    def write_program(self, name: str, text: str) -> Path:
        program = self.programs / name
        program.write_text(text)
        program.chmod(0o755)
        return program

    def write_domain_file(self, **settings: object) -> None:
        """The domain file, in the way of xen-tools."""
        values = {
            "kernel": str(self.kernel),
            "vcpus": "1",
            "memory": "512",
            "disk": [f"file:{self.image},xvda2,w"],
            "name": self.name,
            **settings,
        }
        lines = [f"{key} = {value!r}\n" for key, value in values.items() if value is not None]
        self.file.write_text("#\n# a domain\n#\n" + "".join(lines))

    def environment(self, server: str = "snow01") -> dict[str, str]:
        return {
            **environment(self.world.path, server),
            "PATH": f"{self.programs}:/usr/sbin:/usr/bin:/sbin:/bin",
        }

    def xl(self, server: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["xl", *words], env=self.environment(server), capture_output=True, text=True, timeout=30, check=False
        )

    def begin_xl(self, server: str, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["xl", *words],
            env=self.environment(server),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def begin(
        self,
        action: str,
        server: str = "snow01",
        timeout_s: float = 10,
        interval_s: float | None = None,
        environment: dict[str, str] | None = None,
        agent: Path = AGENT,
        stdout: int | IO[str] = subprocess.PIPE,
        stderr: int | IO[str] = subprocess.PIPE,
        **parameters: str,
    ) -> subprocess.Popen[str]:
        """Starts an action of the agent, in the environment that Pacemaker gives it: a probe has no interval."""
        given = {
            "xmfile": str(self.file),
            "CRM_meta_timeout": str(round(timeout_s * 1000)),
            "CRM_meta_on_node": server,
            **parameters,
        }
        if interval_s:
            given["CRM_meta_interval"] = str(round(interval_s * 1000))
        if action == "migrate_to":
            given.setdefault("CRM_meta_migrate_target", "snow02")
        return subprocess.Popen(
            [agent, action],
            env={
                **self.environment(server),
                "OCF_RESOURCE_INSTANCE": self.name,
                **{f"OCF_RESKEY_{key}": value for key, value in given.items()},
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )

    def agent(self, action: str, server: str = "snow01", timeout_s: float = 10, **more: object) -> Outcome:
        """Runs an action to its end. One that does not end within the operation's timeout is a failed test, but for
        what a busy machine takes for starting a process.
        """
        began = time.monotonic()
        process = self.begin(action, server, timeout_s, **more)  # type: ignore[arg-type]
        try:
            output, errors = process.communicate(timeout=timeout_s + BUSY_S)
        finally:
            process.kill()
        reasons = [line for line in errors.splitlines() if line.startswith("ocf-exit-reason:")]
        assert len(reasons) <= 1, errors
        reason = reasons[0].removeprefix("ocf-exit-reason:") if reasons else ""
        return Outcome(process.returncode, reason, output + errors, time.monotonic() - began)

    def unreachable(self, server: str) -> None:
        (self.world.path / f"unreachable-{server}").touch()

    def names(self, server: str) -> list[str]:
        return [guest.name for guest in self.world.guests(server)]

    def state(self, server: str, name: str | None = None) -> str | None:
        found = [guest.state for guest in self.world.guests(server) if guest.name == (name or self.name)]
        return found[0] if found else None


def install(directory: Path) -> Path:
    """All of the agent, as in a checkout, in a directory that everybody may read."""
    directory.chmod(0o755)
    for name in ("ocf/Xen", *MODULES):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, directory / name)
    return directory / "ocf/Xen"


def wait_until(condition, seconds: float = 30, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.01)


def environment_without(program: str, path: Path) -> dict[str, str]:
    """A PATH with python3 and the shell's programs, but without that one."""
    programs = path / f"without-{program}"
    programs.mkdir()
    for each in ("sh", "python3", "cat"):
        (programs / each).symlink_to(Path("/usr/bin") / each)
    return {"PATH": str(programs), "HOME": os.environ.get("HOME", "/")}
