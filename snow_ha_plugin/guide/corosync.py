"""The guide's corosync.conf: rendered for today's corosync, tested there before it is put in place, the old one kept.

A configuration that somebody wrote for the same servers stays as it is: another transport or encryption would
need the whole cluster to stop, as another quorum device does. Debian's own package starts a cluster of one node; that
one is put away first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from snow_ha_plugin.core import corosync, qdevice
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.corosync import Device, Ring
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Server, Severity
from snow_ha_plugin.operations import stopping
from snow_ha_plugin.operations.site import Site

PATH = "/etc/corosync/corosync.conf"

_LOOK = """
[ ! -e "$1" ] || cat "$1" || exit
printf '\\0'
corosync-cmapctl -b nodelist.node quorum.device runtime.members || ! systemctl --quiet is-active corosync
"""

# The CIB of Debian's cluster of one would win over an empty one, and bring its node along.
_PUT_DEFAULT_AWAY = """
set -e
systemctl stop pacemaker corosync
mkdir -p -m 700 /var/lib/snow-ha/default-cib
find /var/lib/pacemaker/cib -mindepth 1 -maxdepth 1 -exec mv -t /var/lib/snow-ha/default-cib {} +
"""

_PUT_IN_PLACE = """
set -e
new=$1.snow-ha-new
cat >"$new"
sync "$new"
corosync -t -c "$new" >&2
[ ! -e "$1" ] || cp --preserve=all "$1" "$1.before-snow-ha"
mv "$new" "$1"
"""


class _Look(NamedTuple):
    """A server's corosync.conf, empty where it has none, and its running corosync."""

    text: str
    ring: Ring | None

    @property
    def is_default(self) -> bool:
        return bool(self.text) and corosync.is_debian_default(self.text)

    @property
    def is_foreign(self) -> bool:
        return bool(self.text) and not corosync.is_ours(self.text) and not self.is_default


def _look(site: Site) -> dict[str, _Look]:
    def look(server: str) -> _Look:
        text, _, answer = site.servers.must(server, ["sh", "-c", _LOOK, "sh", PATH], looks=True).text.partition("\0")
        return _Look(text, corosync.parse_ring(answer))

    return site.servers.each(look)


def _wanted(site: Site, looks: Mapping[str, _Look]) -> str:
    texts = [look.text for look in looks.values()]
    return corosync.render(site.members, corosync.node_ids(texts, site.servers.names), wanted_device(site))


def wanted_device(site: Site) -> Device | None:
    """The quorum device of this site's configuration, None where it has no third vote."""
    times = Timing(site.conf.watchdog_s, len(site.servers.names), third_vote=bool(site.qdevice))
    return qdevice.device(site.qdevice, times) if site.qdevice else None


def check(site: Site) -> list[Finding]:
    looks = _look(site)
    wanted = _wanted(site, looks)
    findings: list[Finding] = []
    for server, look in looks.items():
        if not look.text or look.is_default:
            findings.append(_wrong(f"{server} has no cluster configuration of its own"))
        elif corosync.is_ours(look.text) and look.text != wanted:
            findings.append(_wrong(f"{PATH} on {server} is not that of {', '.join(site.servers.names)}"))
        elif look.text == wanted and look.ring and not look.ring.has_read(wanted):
            findings.append(_wrong(f"corosync on {server} has not read its {PATH}"))
    return findings


def apply(site: Site) -> None:
    """Write our configuration on the servers that have none, Debian's, or an older one of ours."""
    looks = _look(site)
    wanted = _wanted(site, looks)
    to_write = [server for server, look in looks.items() if look.text != wanted and not look.is_foreign]
    rings = {server: look.ring for server, look in looks.items() if look.ring and not look.is_default}
    if any(ring.device != wanted_device(site) for server, ring in rings.items() if not looks[server].is_foreign):
        _stop(site, list(rings))
        rings = {}

    def write(server: str) -> None:
        if looks[server].is_default:
            site.servers.must(server, ["sh", "-c", _PUT_DEFAULT_AWAY], timeout_s=120)
        site.servers.must(server, ["sh", "-c", _PUT_IN_PLACE, "sh", PATH], stdin=wanted.encode())

    site.servers.each(write, to_write)
    # It makes all members of the ring read their files, so all must be there.
    if rings and (to_write or not all(ring.has_read(wanted) for ring in rings.values())):
        site.servers.must(next(iter(rings)), ["corosync-cfgtool", "-R"])


def _stop(site: Site, servers: list[str]) -> None:
    """Another quorum device takes a restart: it changes who has quorum while one server goes by the old rule.

    The domains run on; Pacemaker, which has let go of them, takes hold again at the end of `enable`.
    """
    if stopping.running(site):
        stopping.let_go(site)
    for group in stopping.in_order(site, servers):
        stopping.stop(site, group)


def devices(site: Site) -> dict[str, tuple[Device | None, Device | None]]:
    """Each server's quorum device: that of a configuration of ours, and that which a running corosync goes by."""
    found = {}
    for server, look in _look(site).items():
        found[server] = (device_of_ours(look.text), look.ring.device if look.ring and not look.is_default else None)
    return found


def device_of_ours(text: str) -> Device | None:
    return corosync.device(text) if corosync.is_ours(text) else None


def forget_device(site: Site) -> None:
    """Take the quorum device out of configurations of ours; the cluster is stopped."""
    texts = {server: look.text for server, look in _look(site).items() if corosync.is_ours(look.text)}
    wanted = corosync.render(site.members, corosync.node_ids(texts.values(), site.servers.names))
    put = ["sh", "-c", _PUT_IN_PLACE, "sh", PATH]
    for server, text in texts.items():
        if corosync.device(text):
            site.servers.must(server, put, stdin=wanted.encode())


def check_members(site: Site) -> list[Finding]:
    """Whether servers may come to or leave a cluster that runs: more than half of the members must stay online.

    A server that is left out while it runs would go on with its domains, which the others then start as well.
    """
    rings = [look.ring for look in _look(site).values() if look.ring and not look.is_default and not look.is_foreign]
    if not rings:
        return []
    names = set(site.servers.names)
    joined = frozenset.union(*(ring.joined for ring in rings))
    if left_out := sorted(joined - names):
        server = left_out[0]
        remedy = f"snow ha drain {server}, then on {server}: systemctl stop pacemaker corosync"
        return [_members(f"{', '.join(left_out)} is in the cluster, and not in SNOW_NODES", remedy)]
    if moved := sorted({server.name for server in site.members for ring in rings if _has_moved(server, ring)}):
        message = (
            f"{', '.join(moved)} has another address than the running cluster knows, which corosync does not change"
        )
        remedy = (
            f"take {moved[0]} out of SNOW_NODES, snow ha enable, put it in again, snow ha enable;"
            " of two servers: snow ha disable, then snow-ha enable"
        )
        return [_members(message, remedy)]
    if any(ring.names != names for ring in rings) and 2 * len(joined) <= len(names):
        message = f"only {', '.join(sorted(joined))} of the new SNOW_NODES runs now: without quorum domains would stop"
        return [_members(message, "start the others, or add servers one by one")]
    return []


def _has_moved(server: Server, ring: Ring) -> bool:
    """Whether no link of a server in a running ring is where the server is now."""
    links = [
        (node.get(f"ring{link}_addr"), address)
        for node in ring.nodes
        if node.get("name") == server.name
        for link, address in enumerate(server.addresses)
    ]
    return any(known for known, _ in links) and all(known != address for known, address in links if known)


def _members(message: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, "corosync-members", message, remedy, UnsafeError.exit_code)


def check_foreign(site: Site) -> list[Finding]:
    """What is to be said of configurations that somebody else wrote: one that does not fit is nothing to go on with."""
    foreign = {server: look.text for server, look in _look(site).items() if look.is_foreign}
    if not foreign:
        return []
    text = next(iter(foreign.values()))
    if set(foreign) != set(site.servers.names) - site.servers.silent.keys() or len(set(foreign.values())) > 1:
        return [_unusable(f"{PATH} on {', '.join(foreign)} was written by hand, and is not the same on all servers")]
    expected = {member.name for member in site.members} | {a for member in site.members for a in member.addresses}
    members = corosync.members(text)
    named = [node.get("name") or node.get("ring0_addr", "") for node in members]
    if len(members) != len(site.members) or not set(named) <= expected:
        return [_unusable(f"{PATH} was written by hand for {', '.join(named) or 'no node at all'}, not for SNOW_NODES")]
    findings = [Finding(Severity.INFO, "corosync-by-hand", f"{PATH} was written by hand and stays as it is")]
    if not corosync.is_authenticated(text):
        findings.append(
            Finding(
                Severity.WARNING,
                "corosync-open",
                f"{PATH}: anybody on the network can join the cluster, its messages are neither signed nor encrypted",
                f"with the cluster stopped: remove {PATH} on all servers, then snow ha enable",
            )
        )
    return findings


def _wrong(message: str) -> Finding:
    return Finding(Severity.ERROR, "corosync-conf", message, "snow ha enable")


def _unusable(message: str) -> Finding:
    return Finding(
        Severity.ERROR,
        "corosync-foreign",
        message,
        f"make it fit SNOW_NODES, or remove {PATH} on all servers to get a new one",
    )


BY_HAND = Step("corosync-by-hand", "corosync.conf by hand", check_foreign)
MEMBERS = Step("corosync-members", "Members of the cluster", check_members)
STEP = Step("corosync", "corosync.conf", check, apply)
