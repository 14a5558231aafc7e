"""The containers' lab behind the face of the Xen lab, so that one test file can look at both: what the stand-in `xl`
does is held against what real Xen does.
"""

import time
from collections.abc import Mapping, Sequence

from tests.lab.cluster import Lab
from tests.lab.ledger import FRESH_BOOTS, Double
from tests.lab.world import World
from tests.xenlab.guest import Guest, Tick


class StandInLab(Lab):
    @property
    def world(self) -> World:
        return World(self.world_dir)

    def is_on(self, server: str) -> bool:
        return self._server(server).pid is not None

    def command(
        self,
        server: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> list[str]:
        limit = [] if timeout is None else ["timeout", "--signal=KILL", f"{timeout:g}"]
        return super().command(server, [*limit, *argv], env)

    def put(self, server: str, path: str, text: str, mode: int = 0o644) -> None:
        self.run(server, ["install", "-D", f"--mode={mode:o}", "/dev/stdin", path], input=text.encode())

    def add(self, guest: Guest) -> None:
        for server in self.names:
            self.put(server, guest.file, f'name = "{guest.name}"\nmemory = {guest.memory_mib}\n')

    def last_tick(self, guest: Guest) -> Tick | None:
        """The ledger tells when a guest booted, and for how long it has run since then."""
        runs = [run for run in self.world.intervals() if run.domain == guest.name]
        boots = [run.start for run in runs if run.started_by in FRESH_BOOTS]
        if not boots:
            return None
        now = time.monotonic()
        ran = sum((now if run.end is None else run.end) - run.start for run in runs if run.start >= boots[-1])
        return Tick(str(boots[-1]), int(ran))

    def doubles(self) -> list[Double]:
        """Whenever a guest ran twice at once."""
        return self.world.doubles()
