"""The networks of a lab: a switch for the cluster's and one for management, and cables from them to each server.

The switches are bridges in a network namespace of its own, so that the machine gets no address. A server's own
namespace has a name only until the server has started in it: from then on it lives and dies with the server,
and a dead server does not answer for its addresses. A server's BMC has one that stays.
"""

import contextlib
from collections.abc import Sequence
from typing import Literal

from tests.lab import host

NAMESPACE_PREFIX = "snow-ha-lab"
SWITCH = "switch"
MANAGEMENT_SWITCH = "mgmt"
# The bridge that domains are attached to, inside each server (NET_SNOW's first field in snow.conf), and the
# management network's interface (NET_MGMT's); and the BMC's.
SERVER_BRIDGE = "xsnow0"
MANAGEMENT = "xmgmt0"
BMC = "bmc"
PREFIX_LENGTH = 24

# As the server sees it: it hears nothing, or nobody hears it.
Direction = Literal["both", "in", "out"]
CUTS = {"both": ("deaf", "dumb"), "in": ("deaf",), "out": ("dumb",)}
# By the names of cables, which outlast their servers.
CUT_RULES = """
table bridge cuts {
    set deaf { type ifname; }
    set dumb { type ifname; }
    chain forward {
        type filter hook forward priority 0
        oifname @deaf drop
        iifname @dumb drop
    }
}
"""


def address(number: int) -> str:
    return f"10.77.0.{number}"


def management_address(number: int) -> str:
    return f"10.78.0.{number}"


def bmc_address(number: int) -> str:
    return f"10.78.0.{100 + number}"


class Network:
    def __init__(self, lab: str) -> None:
        # A lab's name has no dot, so that no name of one lab begins like one of another.
        self.namespace = f"{NAMESPACE_PREFIX}.{lab}."

    def create(self) -> None:
        host.run(["ip", "netns", "add", self.namespace])
        for switch in (SWITCH, MANAGEMENT_SWITCH):
            self._ip("link", "add", switch, "type", "bridge")
            self._ip("link", "set", switch, "up")
        self._nft(CUT_RULES)

    def plug(self, server: str, number: int) -> str:
        """Make a server's network and its cables; the name of the namespace that the server is to start in."""
        self.unplug(server)
        own = self.namespace + server
        host.run(["ip", "netns", "add", own])
        inside = ["ip", "-n", own]
        # Always the same, or the neighbours would go on sending to the address of before a power cycle.
        host.run([*inside, "link", "add", SERVER_BRIDGE, "address", _mac(address(number)), "type", "bridge"])
        self._lay(server, SWITCH, own, "uplink")
        host.run([*inside, "link", "set", "uplink", "master", SERVER_BRIDGE, "up"])
        self._lay(_management(server), MANAGEMENT_SWITCH, own, MANAGEMENT)
        host.run([*inside, "link", "set", MANAGEMENT, "address", _mac(management_address(number))])
        for interface, where in ((SERVER_BRIDGE, address(number)), (MANAGEMENT, management_address(number))):
            host.run([*inside, "link", "set", interface, "up"])
            host.run([*inside, "address", "add", f"{where}/{PREFIX_LENGTH}", "dev", interface])
        return own

    def forget(self, server: str) -> None:
        """Leave a server's namespace to the processes in it."""
        host.run(["ip", "netns", "delete", self.namespace + server])

    def unplug(self, server: str) -> None:
        """Remove a server's cables and the name of its namespace, if they are there."""
        cables = (server, _management(server))
        for cable in cables:
            # A cable goes away with its server, too, in the kernel's own time: perhaps at this moment.
            with contextlib.suppress(host.LabError):
                self._ip("link", "delete", cable)
        host.wait_until(lambda: not self._has_one_of(cables), 10, f"the cables of {server} do not go away")
        if self.namespace + server in _namespaces():
            self.forget(server)

    def plug_bmc(self, server: str, number: int) -> str:
        """Make a BMC's network; the name of the namespace that it is to run in."""
        own = f"{self.namespace}{server}-bmc"
        host.run(["ip", "netns", "add", own])
        self._lay(f"{server}-b", MANAGEMENT_SWITCH, own, BMC)
        host.run(["ip", "-n", own, "address", "add", f"{bmc_address(number)}/{PREFIX_LENGTH}", "dev", BMC])
        return own

    def _lay(self, cable: str, switch: str, namespace: str, interface: str) -> None:
        self._ip("link", "add", cable, "type", "veth", "peer", "name", interface, "netns", namespace)
        self._ip("link", "set", cable, "master", switch, "up")

    def _has_one_of(self, cables: tuple[str, ...]) -> bool:
        shown = self._ip("-o", "link", "show", "type", "veth")
        return any(f" {cable}@" in shown for cable in cables)

    # The switch drops what comes from or goes to a cable; its ends stay up, corosync cannot do without its interface.

    def cut(self, server: str, direction: Direction) -> None:
        self._change_cuts(["add"], server, CUTS[direction])

    def cut_management(self, server: str) -> None:
        self._change_cuts(["add"], _management(server), CUTS["both"])

    def heal(self, server: str) -> None:
        """Undo all cuts of a server."""
        # One that is not there cannot be deleted.
        self._change_cuts(["add", "delete"], f"{server}, {_management(server)}", CUTS["both"])

    def _change_cuts(self, verbs: Sequence[str], cables: str, cuts: Sequence[str]) -> None:
        """In one transaction."""
        self._nft("".join(f"{verb} element bridge cuts {cut} {{ {cables} }}\n" for cut in cuts for verb in verbs))

    def _nft(self, script: str) -> None:
        host.run(["ip", "netns", "exec", self.namespace, "nft", script])

    def remove(self) -> None:
        for namespace in _namespaces():
            if namespace.startswith(self.namespace):
                host.run(["ip", "netns", "delete", namespace])

    def _ip(self, *words: str) -> str:
        return host.run(["ip", "-n", self.namespace, *words])


def _management(server: str) -> str:
    return f"{server}-m"


def _mac(address: str) -> str:
    return "02:00:" + ":".join(f"{int(byte):02x}" for byte in address.split("."))


def _namespaces() -> list[str]:
    # Lines look like "NAME (id: 3)".
    return [line.split()[0] for line in host.run(["ip", "netns", "list"]).splitlines()]
