"""What faults act on: a lab that is up, its world, and commands that go on in its servers meanwhile. Times are seconds.

Nothing here fails because a server is off, frozen or cannot start a program: that is noted, and the round goes on.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from tests.lab.cluster import Lab
from tests.lab.host import LabError
from tests.lab.power import PowerEvent
from tests.lab.world import World

if TYPE_CHECKING:
    from tests.chaos.ways import Way

XL = "/usr/sbin/xl"
SNOW_HA = "/usr/bin/snow-ha"
RUN_WITHIN_S = 10.0
# What is left of a command's output in a note; characters.
TAIL = 300


@dataclass(frozen=True)
class Job:
    """A command that goes on in a server while the round does."""

    server: str
    argv: tuple[str, ...]
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def __str__(self) -> str:
        return f"{self.server}: {' '.join(self.argv)}"

    def kill(self) -> None:
        """SIGKILL: the command dies with the process that has started it."""
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        self.output.seek(0)
        return " ".join(self.output.read().decode(errors="replace").split())[-TAIL:]


class Scene:
    """`way`: how this lab's cluster is protected, and brought back."""

    def __init__(self, lab: Lab, way: Way) -> None:
        self.lab, self.way = lab, way
        self.setting = way.setting(lab)
        self.world = World(lab.world_dir)
        self.frozen: set[str] = set()
        # Those that have been told to shut down or to reboot, and have not yet done so.
        self.leaving: set[str] = set()
        # Servers that an administrator has drained, and domains that he has taken out; he will give them back.
        self.drained: set[str] = set()
        self.removed: set[str] = set()
        self.notes: list[str] = []
        self._jobs: list[Job] = []

    def new_round(self) -> None:
        self.began = time.monotonic()
        self.notes = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def can_run(self, server: str) -> bool:
        return server not in self.frozen and self.lab.is_on(server)

    def has_left(self, server: str) -> bool:
        """Whether a server went down in this round; it may be back."""
        gone = any(event.server == server and event.what != "on" for event in self.events())
        return gone or not self.lab.is_on(server)

    def events(self) -> list[PowerEvent]:
        """What happened to the servers' power in this round."""
        return [event for event in self.lab.power_events() if event.mono >= self.began]

    def power_on(self, server: str) -> None:
        """Give a server power, unless it has; somebody else (a BMC, the lab's power cycle) may be at it, too."""
        if self.lab.is_on(server):
            return
        try:
            self.lab.power_on(server, wait=False)
        except LabError as error:
            if not self.lab.is_on(server):
                self.note(f"power on: {error}")

    def attempt(self, act: Callable[[], object]) -> None:
        """Do something to the lab that may come too late, as a server may lose its power at any moment."""
        try:
            act()
        except LabError as error:
            self.note(str(error))

    def run(self, server: str, argv: Sequence[str], timeout_s: float = RUN_WITHIN_S) -> str | None:
        """The output of a short command, whatever its exit status; None where it could not run or did not end.

        Programs go by their absolute path: the search for one begins in /sNow, which may hang.
        """
        if not self.can_run(server):
            return None
        try:
            return self.lab.run(server, argv, timeout=timeout_s, check=False).stdout
        except LabError as error:
            self.note(str(error))
            return None

    def begin(self, server: str, argv: Sequence[str]) -> Job | None:
        """Start a command that may last; None where it could not be started."""
        if not self.can_run(server):
            self.note(f"{server} cannot run {' '.join(argv)}")
            return None
        output = tempfile.TemporaryFile()  # noqa: SIM115 - the job's, until it has ended
        try:
            command = self.lab.command(server, argv)
        except LabError as error:
            self.note(str(error))
            return None
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        job = Job(server, tuple(argv), process, output)
        self._jobs.append(job)
        return job

    def kill(self, argv: Sequence[str]) -> None:
        """Kill a command that `begin` has started, unless it has ended."""
        for job in self._jobs:
            if job.argv == tuple(argv) and job.process.poll() is None:
                job.kill()

    def finish(self, within_s: float) -> None:
        """Wait for all commands that go on; those that have not ended by then are killed, and noted."""
        deadline = time.monotonic() + within_s
        for job in self._jobs:
            try:
                status = job.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                job.kill()
                self.note(f"{job}: did not end: {job.said()}")
            else:
                if status:
                    self.note(f"{job}: {status}: {job.said()}")
            job.output.close()
        self._jobs.clear()

    def place(self, domain: str) -> str | None:
        """The server on which a domain runs; None unless it is exactly one."""
        found = self.world.where(domain)
        return found[0] if len(found) == 1 else None
