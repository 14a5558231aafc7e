"""corosync.conf (corosync.conf(5)) of corosync 3: parse and render.

knet is corosync 3's transport; without `crypto_cipher` and `crypto_hash` the authkey is not used at all. The
names in the nodelist are what Pacemaker calls its nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import Server

MARK = "# Written by snow-ha; a change by hand is kept when this line is taken out."

CLUSTER_NAME = "snow"

# corosync's own default since 3.0.3, written out because failover takes at least token + consensus (1.2 tokens).
TOKEN_MS = 3000
# What corosync adds by itself for each server above two (token_coefficient).
TOKEN_COEFFICIENT_MS = 650


class Section(NamedTuple):
    """A `name { ... }` block: its `key: value` lines, where the last of a key wins, and the blocks in it."""

    values: dict[str, str]
    sections: tuple[tuple[str, Section], ...]

    def all(self, name: str) -> tuple[Section, ...]:
        return tuple(section for section_name, section in self.sections if section_name == name)

    def value(self, section: str, key: str, default: str = "") -> str:
        values = [block.values[key] for block in self.all(section) if key in block.values]
        return values[-1] if values else default


class Device(NamedTuple):
    """The quorum device of corosync-qdevice(8), model net: who gives the vote, and how long it may take."""

    host: str
    timeout_ms: int
    sync_timeout_ms: int


class Ring(NamedTuple):
    """What a running corosync goes by: the nodes of its configuration, as `members` gives them, and who is there."""

    nodes: tuple[dict[str, str], ...]
    joined: frozenset[str]
    device: Device | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(node.get("name", "") for node in self.nodes)

    def has_read(self, text: str) -> bool:
        """Whether nodes and device are those of a configuration; corosync lists the nodes in another order."""

        def in_order(nodes: Iterable[dict[str, str]]) -> list[dict[str, str]]:
            return sorted(nodes, key=lambda node: node.get("nodeid", ""))

        return in_order(self.nodes) == in_order(members(text)) and self.device == device(text)


def render(servers: Sequence[Server], ids: Mapping[str, int], third: Device | None = None) -> str:
    """The configuration of a cluster of `servers`; every server has the same number of links, one or two.

    `ids` is each server's nodeid: see `node_ids`. `third` is who has a vote beside the servers.
    """
    links = min(len(server.addresses) for server in servers)
    nodes = "".join(_node(ids[server.name], server, links) for server in servers)
    # two_node keeps quorum with one of two servers; wait_for_all keeps a server that starts alone from
    # believing that the other one is gone (votequorum(5)). A third vote decides both by itself.
    two_node = "\n    two_node: 1\n    wait_for_all: 1" if len(servers) == 2 and not third else ""
    return f"""{MARK}
totem {{
    version: 2
    cluster_name: {CLUSTER_NAME}
    transport: knet
    crypto_cipher: aes256
    crypto_hash: sha256
    token: {TOKEN_MS}
}}

nodelist {{
{nodes}}}

quorum {{
    provider: corosync_votequorum{two_node}{_device(third) if third else ""}
}}

logging {{
    to_logfile: yes
    logfile: /var/log/corosync/corosync.log
    to_syslog: yes
    timestamp: on
}}
"""


def token_ms(servers: int) -> int:
    """How long corosync waits for a token in a ring of so many servers."""
    return TOKEN_MS + TOKEN_COEFFICIENT_MS * max(0, servers - 2)


def _node(number: int, server: Server, links: int) -> str:
    addresses = "".join(f"        ring{link}_addr: {server.addresses[link]}\n" for link in range(links))
    return f"    node {{\n        nodeid: {number}\n        name: {server.name}\n{addresses}    }}\n"


def _device(third: Device) -> str:
    # ffsplit: one vote, for one half (corosync-qdevice(8)); without TLS anybody could take part.
    return f"""
    device {{
        model: net
        votes: 1
        timeout: {third.timeout_ms}
        sync_timeout: {third.sync_timeout_ms}
        net {{
            host: {third.host}
            algorithm: ffsplit
            tls: required
        }}
    }}"""


def node_ids(configurations: Iterable[str], names: Sequence[str]) -> dict[str, int]:
    """The nodeid of each server: the one that it has in a configuration of ours, and a new one for a new server.

    A running corosync refuses a configuration in which a node has another id (corosync-cfgtool -R, 3.1.7). Of
    several configurations the one that knows most of the servers counts.
    """
    known: dict[str, int] = {}
    for text in filter(is_ours, configurations):
        nodes = members(text)
        found = {node["name"]: int(node["nodeid"]) for node in nodes if node.get("name") in names}
        known = found if len(found) > len(known) else known
    ids = dict(known)
    for name in names:
        ids.setdefault(name, max(ids.values(), default=0) + 1)
    return ids


def parse_ring(text: str) -> Ring | None:
    """The answer of `corosync-cmapctl -b nodelist.node quorum.device runtime.members`; None where none has answered."""
    values = dict(re.findall(r"^(\S+) \(\w+\) = (.*)$", text, re.MULTILINE))
    nodes: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        if found := re.fullmatch(r"nodelist\.node\.(\d+)\.(\w+)", key):
            nodes.setdefault(found[1], {})[found[2]] = value
    if not nodes:
        return None
    present = {key.split(".")[2] for key, value in values.items() if key.endswith(".status") and value == "joined"}
    joined = frozenset(node.get("name", "") for node in nodes.values() if node.get("nodeid") in present)
    third = {key.removeprefix("quorum.device."): value for key, value in values.items()}
    return Ring(tuple(nodes.values()), joined, _device_of(third, third.get("net.host", "")))


def parse(text: str, source: str = "corosync.conf") -> Section:
    """The blocks and values of a configuration, also of one written by hand for an older corosync."""
    stack: list[tuple[str, dict[str, str], list[tuple[str, Section]]]] = [("", {}, [])]
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if opening := re.fullmatch(r"([\w.-]+)\s*\{", line):
            stack.append((opening.group(1), {}, []))
        elif line == "}" and len(stack) > 1:
            name, values, sections = stack.pop()
            stack[-1][2].append((name, Section(values, tuple(sections))))
        elif pair := re.fullmatch(r"([\w.-]+)\s*:\s*(.*)", line):
            stack[-1][1][pair.group(1)] = pair.group(2)
        else:
            raise DataError(f"{source}: line {number} makes no sense", remedy="mend the file (see corosync.conf(5))")
    if len(stack) > 1:
        raise DataError(f"{source}: the block {stack[-1][0]!r} has no end", remedy="mend the file")
    return Section(stack[0][1], tuple(stack[0][2]))


def is_ours(text: str) -> bool:
    return text.startswith(MARK)


def is_debian_default(text: str) -> bool:
    """Whether it is the file that Debian's package brings: one node on the loopback address."""
    return [node.get("ring0_addr") for node in members(text)] == ["127.0.0.1"]


def members(text: str) -> tuple[dict[str, str], ...]:
    """The values of each node of the nodelist, in the file's order."""
    return tuple(node.values for nodelist in parse(text).all("nodelist") for node in nodelist.all("node"))


def device(text: str) -> Device | None:
    """The quorum device of a configuration, where it has one with a host."""
    for quorum in parse(text).all("quorum"):
        for section in quorum.all("device"):
            return _device_of(section.values, section.value("net", "host"))
    return None


def _device_of(values: Mapping[str, str], host: str) -> Device | None:
    if not host:
        return None
    # corosync's own defaults (corosync-qdevice(8)).
    timeout, sync_timeout = values.get("timeout", "10000"), values.get("sync_timeout", "30000")
    return Device(host, int(timeout), int(sync_timeout)) if (timeout + sync_timeout).isdecimal() else None


def is_authenticated(text: str) -> bool:
    """Whether members prove who they are; `secauth` only says what `crypto_hash` is by default (corosync.conf(5))."""
    conf = parse(text)
    default = "sha256" if conf.value("totem", "secauth") == "on" else "none"
    return conf.value("totem", "crypto_hash", default) != "none"
