"""Guests as tests see them: which server lists them in which state, and whether they run without a break.

Times are seconds.
"""

import time
from collections.abc import Callable

from tests.lab import host
from tests.xenlab.cluster import XenLab
from tests.xenlab.guest import Guest, Tick

# A guest that runs writes every second, on an emulated processor that others want as well.
TICKS_WITHIN_S = 60


class Yard:
    """A lab whose guests are gone at the end of the block."""

    def __init__(self, lab: XenLab) -> None:
        self.lab = lab
        self.here, self.there = lab.names

    def __enter__(self) -> "Yard":
        return self

    def __exit__(self, *exception: object) -> None:
        for server in self.lab.names:
            for domid in self.domains(server).values():
                self.lab.run(server, ["xl", "destroy", str(domid)], check=False)

    def domains(self, server: str) -> dict[str, int]:
        """The names and ids of the domains of a server, without dom0."""
        lines = self.lab.run(server, ["xl", "list"]).stdout.splitlines()[1:]
        found = {line.rsplit(None, 5)[0].strip(): int(line.rsplit(None, 5)[1]) for line in lines}
        del found["Domain-0"]
        return found

    def where(self, guest: Guest) -> list[str]:
        """The servers that list a guest under its own name."""
        return [server for server in self.lab.names if guest.name in self.domains(server)]

    def create(self, guest: Guest) -> Tick:
        """Start a guest here and wait for its first tick."""
        self.lab.add(guest)
        before = self.lab.last_tick(guest)
        self.lab.run(self.here, ["xl", "create", guest.file])
        return self.wait_for_tick(guest, lambda tick: before is None or tick.boot != before.boot)

    def wait_for_tick(self, guest: Guest, wanted: Callable[[Tick], bool]) -> Tick:
        found: list[Tick] = []

        def seen() -> bool:
            tick = self.lab.last_tick(guest)
            if tick and wanted(tick):
                found.append(tick)
            return bool(found)

        host.wait_until(seen, TICKS_WITHIN_S, f"{guest.name} does not tick: {self.lab.last_tick(guest)}")
        return found[0]

    def still_ticks(self, guest: Guest, since: Tick) -> Tick:
        """Wait until a guest has written twice more, and see that it has not been started again."""
        now = self.lab.last_tick(guest) or since
        tick = self.wait_for_tick(guest, lambda tick: tick.boot != since.boot or tick.seconds >= now.seconds + 2)
        assert tick.boot == since.boot, f"{guest.name} was started again: {since}, {tick}"
        return tick

    def migrate(self, guest: Guest, source: str, target: str) -> None:
        """`xl migrate`, again if it met pages of a guest that has just started.

        Such a guest has pages that Xen still takes for page tables; xl then says "Cannot migrate superpage", the guest
        goes on where it is, and some seconds later it can be migrated.
        """
        command = ["xl", "migrate", guest.name, target]
        done = self.lab.run(source, command, timeout=300, check=False)
        if "Cannot migrate superpage" in done.stderr:
            done = self.lab.run(source, command, timeout=300, check=False)
        assert done.returncode == 0, done.stderr


def wait_while(condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
    """As wait_until, for conditions that cost a server's time: looked at every half second."""
    deadline = time.monotonic() + timeout_s
    while condition():
        assert time.monotonic() < deadline, f"{otherwise} within {timeout_s:g} s"
        time.sleep(0.5)
