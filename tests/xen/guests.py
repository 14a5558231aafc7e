"""Guests as tests see them: which server lists them in which state, and whether they run without a break.

Times are seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.lab import host
from tests.xen.standin import StandInLab
from tests.xenlab.cluster import XenLab
from tests.xenlab.guest import Guest, Tick

# A guest that runs writes every second, on an emulated processor that others want as well.
TICKS_WITHIN_S = 240
MIGRATION_S = 500
# xl unpacks a kernel itself, where it is packed.
CREATE_S = 300

Servers = XenLab | StandInLab


@dataclass(frozen=True)
class Copy:
    """A line of `xl list`; its flags are the six of xl(1): running, blocked, paused, shut down, crashed, dying."""

    name: str
    domid: int
    flags: str

    @property
    def is_live(self) -> bool:
        """Whether its guest executes, or would if it had anything to do."""
        return not set(self.flags) & set("pscd")


class Yard:
    """A lab whose servers have power at the beginning of the block, and whose guests are gone at its end."""

    def __init__(self, lab: Servers) -> None:
        self.lab = lab
        self.here, self.there = lab.names

    def __enter__(self) -> "Yard":
        for server in self.lab.names:
            if not self.lab.is_on(server):
                self.lab.power_on(server)
        return self

    def __exit__(self, *exception: object) -> None:
        self.clear()

    def clear(self) -> None:
        """End every guest of the servers that have power."""
        for server in self.lab.names:
            for copy in self.copies(server):
                self.lab.run(server, ["xl", "destroy", str(copy.domid)], check=False)

    def copies(self, server: str) -> list[Copy]:
        """The domains of a server, without dom0; none while it is off."""
        if not self.lab.is_on(server):
            return []
        lines = self.lab.run(server, ["xl", "list"]).stdout.splitlines()[1:]
        found = [Copy(words[0].strip(), int(words[1]), words[4]) for words in (line.rsplit(None, 5) for line in lines)]
        return [copy for copy in found if copy.domid != 0]

    def names(self, server: str) -> list[str]:
        return [copy.name for copy in self.copies(server)]

    def where(self, guest: Guest) -> list[str]:
        """The servers that list a guest under its own name."""
        return [server for server in self.lab.names if guest.name in self.names(server)]

    def live(self, guest: Guest) -> list[str]:
        """The servers on which a copy of a guest runs, under whatever name, once for each copy."""
        return [
            server
            for server in self.lab.names
            for copy in self.copies(server)
            if copy.name.split("--")[0] == guest.name and copy.is_live
        ]

    def create(self, guest: Guest) -> Tick:
        """Start a guest here and wait for its first tick."""
        self.lab.add(guest)
        before = self.lab.last_tick(guest)
        self.lab.run(self.here, ["xl", "create", guest.file], timeout=CREATE_S)
        return self.first_tick(guest, before)

    def first_tick(self, guest: Guest, before: Tick | None) -> Tick:
        """Wait until a guest that was started has written; `before`: its last tick before the start."""
        return self.wait_for_tick(guest, lambda tick: before is None or tick.boot != before.boot)

    def wait_for_tick(self, guest: Guest, wanted: Callable[[Tick], bool]) -> Tick:
        found: list[Tick] = []

        def seen() -> bool:
            tick = self.lab.last_tick(guest)
            if tick and wanted(tick):
                found.append(tick)
            return bool(found)

        host.wait_until(seen, TICKS_WITHIN_S, lambda: f"{guest.name} does not tick: {self.lab.last_tick(guest)}")
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
        done = self.lab.run(source, command, timeout=MIGRATION_S, check=False)
        if "Cannot migrate superpage" in done.stderr:
            done = self.lab.run(source, command, timeout=MIGRATION_S, check=False)
        assert done.returncode == 0, done.stderr
