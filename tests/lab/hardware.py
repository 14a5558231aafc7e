"""What can be done to the hardware of a lab's servers: the part of `Lab` that is power, cables, storage and BMCs."""

import struct
from collections.abc import Mapping
from pathlib import Path

from tests.lab import power
from tests.lab.host import LabError
from tests.lab.network import Direction, Network
from tests.lab.power import PowerEvent
from tests.lab.server import CLOCK, Server


class Hardware:
    def __init__(self, name: str, directory: Path, servers: Mapping[str, Server]) -> None:
        self.name = name
        self._directory = directory
        self._servers = servers
        self._network = Network(name)

    def power_off(self, server: str) -> None:
        """Pull a server's plug: everything that runs in it, its domains included, is gone."""
        self._server(server).ask("power-off")

    def power_on(self, server: str, wait: bool = True) -> None:
        """Start a server with the disk it had; with `wait` until it is up (LabError after 120 s)."""
        self._server(server).ask("power-on")
        if wait:
            self._server(server).wait_until_up()

    def is_on(self, server: str) -> bool:
        """Whether it runs; not while it is between a reset and its next start."""
        return self._server(server).ask("is-on") == "1"

    def power_events(self) -> list[PowerEvent]:
        """What has happened to the power of all servers, the oldest first."""
        return power.events(self._directory)

    def freeze(self, server: str) -> None:
        """Stop all processes of a server, not its hardware, until `thaw` or the loss of its power."""
        self._server(server).freeze(True)

    def thaw(self, server: str) -> None:
        self._server(server).freeze(False)

    def cut(self, server: str, direction: Direction = "both") -> None:
        """Take a server off the cluster's network, until `heal`, also over a power cycle.

        `in`: it hears nobody; `out`: nobody hears it.
        """
        self._network.cut(self._server(server).name, direction)

    def cut_management(self, server: str) -> None:
        """Take a server, not its BMC, off the management network, until `heal`."""
        self._network.cut_management(self._server(server).name)

    def heal(self, server: str) -> None:
        """Undo all cuts of a server."""
        self._network.heal(self._server(server).name)

    def set_clock(self, server: str, wrong_by_s: int) -> None:
        """Let the time of day of a server's cluster be wrong from now on by so many seconds, also over a power cycle.

        Only native/clock.c shows it, to corosync, Pacemaker, sbd, qdevice and what they start.
        """
        with (self._server(server).power / CLOCK).open("r+b", buffering=0) as clock:
            clock.write(struct.pack("@q", wrong_by_s))

    # /sNow of one server: until `shared_mend`, also over a power cycle

    def shared_hang(self, server: str) -> None:
        """/sNow does not answer; what waits for it goes on after `shared_mend`, or fails at the loss of power."""
        self._server(server).ask("shared-hang")

    def shared_fail(self, server: str) -> None:
        """Everything in /sNow is an I/O error."""
        self._server(server).ask("shared-fail")

    def shared_read_only(self, server: str) -> None:
        self._server(server).ask("shared-read-only")

    def shared_mend(self, server: str) -> None:
        """/sNow is as it was, for what has files open there, too."""
        self._server(server).ask("shared-mend")

    # the BMC of one server, until `bmc_mend`

    def bmc_dead(self, server: str) -> None:
        """The BMC has no power: nobody answers at its address."""
        self._server(server).ask("bmc-dead")

    def bmc_lies(self, server: str) -> None:
        """The BMC says that the power is off, and does nothing."""
        self._server(server).ask("bmc-lies")

    def bmc_mend(self, server: str) -> None:
        self._server(server).ask("bmc-mend")

    def _server(self, name: str) -> Server:
        if name not in self._servers:
            raise LabError(f"no such server: {name!r}; the lab {self.name!r} has {' '.join(self._servers)}")
        return self._servers[name]
