"""Live migrations that Pacemaker itself begins, and that fail: what becomes of the domain. Times are seconds."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Callable, Iterator

from tests.cluster.pair import Pair
from tests.lab import ledger

# Of a server that has no room for one more.
FULL_MIB = 600
PULL = '<rsc_location id="pull" rsc="{}" node="{}" score="1000"/>'


class Story:
    """One domain on its way from one server to the other."""

    def __init__(self, pair: Pair, domain: str) -> None:
        self.pair, self.domain = pair, domain
        (self.source,) = pair.world.where(domain)
        self.target = next(server for server in pair.lab.names if server != self.source)
        self.began, self._since = time.monotonic(), time.time()
        self._stopping: subprocess.Popen[bytes] | None = None

    # how it begins

    def standby(self) -> None:
        self.pair.lab.run(self.source, ["crm", "node", "standby", self.source])

    def failback(self) -> None:
        pull = PULL.format(self.domain, self.target)
        self.pair.change_cib("--create", "--scope", "constraints", "--xml-text", pull)

    def shutdown(self) -> None:
        self._stopping = subprocess.Popen(self.pair.lab.command(self.source, ["systemctl", "stop", "pacemaker"]))

    # what goes wrong

    def cut(self) -> None:
        self.pair.world.fault("copy", "cut", domain=self.domain)

    def full(self) -> None:
        self.pair.world.power_on(self.target, memory_mib=FULL_MIB)

    def dies(self) -> None:
        """What receives it on the target is killed."""
        self.pair.world.fault("copy", "die", server=self.target)

    # and its end

    def failures(self) -> int:
        """How many migrations of it have failed, as its server has put on record."""
        record = self.pair.lab.shared / f"snow-ha/history/{self.source}.jsonl"
        events = [json.loads(line) for line in record.read_text().splitlines()]
        return sum((e["kind"], e["subject"]) == ("failure", self.domain) and e["at"] >= self._since for e in events)

    def mend(self) -> None:
        self.pair.world.mend()
        self.pair.world.power_on(self.target)

    def end(self) -> None:
        """The servers as before."""
        self.mend()
        if self._stopping:
            self._stopping.wait(timeout=120)
            # Who is back before the other one has seen it leave may stay outside for good (Pacemaker 2.1.5).
            alone = f"Online: [ {self.target} ]"
            self.pair.wait_for(lambda: alone in self._seen(), f"{self.target} does not see {self.source} leave")
            self.pair.lab.run(self.source, ["systemctl", "start", "pacemaker"])
        self.pair.lab.run(self.target, ["crm", "node", "online", self.source], check=False)
        self.pair.lab.run(self.target, ["cibadmin", "--delete", "--xml-text", '<rsc_location id="pull"/>'], check=False)
        both = f"Online: [ {' '.join(self.pair.lab.names)} ]"
        self.pair.wait_for(lambda: both in self._seen(), "not all servers are online")
        self.pair.settle()

    def _seen(self) -> str:
        """The cluster as the target has it."""
        return self.pair.lab.run(self.target, ["crm_mon", "--one-shot"]).stdout

    def was_interrupted(self) -> bool:
        return ledger.interrupted(self.pair.world.intervals(), self.domain, self.began, time.monotonic())


Step = Callable[[Story], None]


def ways() -> Iterator[tuple[Step, Step]]:
    """Each beginning with each thing that goes wrong, over and over."""
    begins = (Story.standby, Story.shutdown, Story.failback)
    wrongs = (Story.cut, Story.full, Story.dies)
    for number in itertools.count():
        yield begins[number % 3], wrongs[(number + number // 3) % 3]
