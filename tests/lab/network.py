"""The network of a lab: one switch, and a cable from it to each server.

The switch is a bridge in a network namespace of its own, so that the machine gets no address. A server's own
namespace has a name only until the server has started in it: from then on it lives and dies with the server,
and a dead server does not answer for its addresses.
"""

import contextlib

from tests.lab import host

NAMESPACE_PREFIX = "snow-ha-lab"
SWITCH = "switch"
# The bridge that domains are attached to, inside each server (NET_SNOW's first field in snow.conf).
SERVER_BRIDGE = "xsnow0"
PREFIX_LENGTH = 24


class Network:
    def __init__(self, lab: str) -> None:
        # A lab's name has no dot, so that no name of one lab begins like one of another.
        self.namespace = f"{NAMESPACE_PREFIX}.{lab}."

    def create(self) -> None:
        host.run(["ip", "netns", "add", self.namespace])
        self._ip("link", "add", SWITCH, "type", "bridge")
        self._ip("link", "set", SWITCH, "up")

    def plug(self, server: str, address: str, connected: bool) -> str:
        """Make a server's network and its cable; the name of the namespace that the server is to start in."""
        self.unplug(server)
        own = self.namespace + server
        host.run(["ip", "netns", "add", own])
        self._ip("link", "add", server, "type", "veth", "peer", "name", "uplink", "netns", own)
        self._ip("link", "set", server, "up")
        if connected:
            self.connect(server)
        inside = ["ip", "-n", own]
        # Always the same, or the neighbours would go on sending to the address of before a power cycle.
        mac = "02:00:" + ":".join(f"{int(byte):02x}" for byte in address.split("."))
        host.run([*inside, "link", "add", SERVER_BRIDGE, "address", mac, "type", "bridge"])
        host.run([*inside, "link", "set", "uplink", "master", SERVER_BRIDGE, "up"])
        host.run([*inside, "link", "set", SERVER_BRIDGE, "up"])
        host.run([*inside, "address", "add", f"{address}/{PREFIX_LENGTH}", "dev", SERVER_BRIDGE])
        return own

    def forget(self, server: str) -> None:
        """Leave a server's namespace to the processes in it."""
        host.run(["ip", "netns", "delete", self.namespace + server])

    def unplug(self, server: str) -> None:
        """Remove a server's cable and the name of its namespace, if they are there."""
        # A cable goes away with its server, too, in the kernel's own time: perhaps at this moment.
        with contextlib.suppress(host.LabError):
            self._ip("link", "delete", server)
        host.wait_until(lambda: not self._has_cable(server), 10, f"the cable of {server} does not go away")
        if self.namespace + server in _namespaces():
            self.forget(server)

    def _has_cable(self, server: str) -> bool:
        return f" {server}@" in self._ip("-o", "link", "show", "type", "veth")

    def connect(self, server: str) -> None:
        self._ip("link", "set", server, "master", SWITCH)

    def disconnect(self, server: str) -> None:
        """Take the cable out of the switch; its ends stay up, corosync cannot do without its interface."""
        self._ip("link", "set", server, "nomaster")

    def remove(self) -> None:
        for namespace in _namespaces():
            if namespace.startswith(self.namespace):
                host.run(["ip", "netns", "delete", namespace])

    def _ip(self, *words: str) -> str:
        return host.run(["ip", "-n", self.namespace, *words])


def _namespaces() -> list[str]:
    # Lines look like "NAME (id: 3)".
    return [line.split()[0] for line in host.run(["ip", "netns", "list"]).splitlines()]
