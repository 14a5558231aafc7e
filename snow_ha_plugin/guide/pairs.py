"""The guide's "servers": what must hold between each two of them, for live migrations first of all.

Each is asked once, and asks the others by the names that Xen and Pacemaker will use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import xen

# What is less comes from asking one after the other.
CLOCKS_S = 5

_LOOK = """
echo "clock $(date +%s)"
echo "is Debian $(cut -d. -f1 /etc/debian_version)"
dpkg-query --show --showformat='is ${Package} ${Version}\\n' corosync pacemaker 2>/dev/null
echo "home $(findmnt --noheadings --output FSTYPE --mountpoint /home || echo none)"
for name; do echo "name $name $(getent ahostsv4 "$name" | sed 's/ .*//;q')"; done
"""

# Behind the clock: a server that does not answer costs ssh its time. This server itself has reached them all by then.
# A knock has no secrets: OpenSSH's first choice, which is safe from quantum computers, takes 0.1 s of processor time
# on both sides, which is what a look at the site waits for; the others are tried after this one.
_KNOCK = """
for name; do
    [ "$name" = "$(uname -n | cut -d. -f1)" ] && continue
    ssh -n -o BatchMode=yes -o ConnectTimeout=5 -o KexAlgorithms=^curve25519-sha256 "$name" true >/dev/null 2>&1 ||
        echo "closed $name" &
done
wait
"""


@dataclass
class Seen:
    """By one server. `versions` are of Debian and of what servers speak with; `closed` are those that let it not in."""

    clock_s: int = 0
    home: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)


def check(site: Site) -> list[Finding]:
    servers = site.servers
    asked = [name for name in servers.names if name not in servers.silent]
    scripts = {name: _LOOK + _KNOCK for name in servers.names} | {servers.here: _LOOK}
    looks = servers.each(lambda name: servers.must(name, ["sh", "-c", scripts[name], "sh", *asked], looks=True))
    seen = {name: _parse(result.text) for name, result in looks.items()}
    for name, hypervisor in xen.answering(servers).items():
        if hypervisor.version:
            seen[name].versions["Xen"] = hypervisor.version
    return [*_closed(seen), *_names(seen), *_clocks(seen), *_versions(seen), *_home(seen)]


def _parse(text: str) -> Seen:
    found = Seen()
    for kind, *words in map(str.split, text.splitlines()):
        if kind == "clock":
            found.clock_s = int(words[0])
        elif kind == "is" and len(words) == 2:
            found.versions[words[0]] = words[1]
        elif kind == "home":
            found.home = words[0]
        elif kind == "name":
            found.addresses[words[0]] = " ".join(words[1:])
        elif kind == "closed":
            found.closed += words
    return found


def _closed(seen: Mapping[str, Seen]) -> Iterator[Finding]:
    for server, each in seen.items():
        if each.closed:
            others = in_words(each.closed)
            message = f"on {server} `ssh {each.closed[0]} true` does not work for root: no live migration to {others}"
            remedy = f"on {server}: ssh-copy-id root@{each.closed[0]}"
            yield Finding(Severity.ERROR, "ssh-closed", message, remedy, UnavailableError.exit_code, subject=server)


def _names(seen: Mapping[str, Seen]) -> Iterator[Finding]:
    for name in seen:
        places = {each.addresses.get(name, ""): server for server, each in seen.items()}
        local = [server for address, server in places.items() if address.startswith("127.")]
        if local or len(places) > 1:
            told = in_words([f"{address or 'nothing'} on {server}" for address, server in places.items()])
            message = f"the name {name} is {told}: servers must find each other by it"
            remedy = f"one line for {name} in /etc/hosts, the same on all servers, and none of 127.0.1.1"
            yield Finding(Severity.WARNING, "names-differ", message, remedy, subject=name)


def _clocks(seen: Mapping[str, Seen]) -> Iterator[Finding]:
    by_clock = sorted(seen, key=lambda server: seen[server].clock_s)
    first, last = by_clock[0], by_clock[-1]
    if (apart := seen[last].clock_s - seen[first].clock_s) > CLOCKS_S:
        message = f"the clock of {last} is {apart} s ahead of that of {first}"
        remedy = "apt install chrony on all servers, and see chronyc tracking"
        yield Finding(Severity.WARNING, "clocks-differ", message, remedy, subject=f"{first} {last}")


def _versions(seen: Mapping[str, Seen]) -> Iterator[Finding]:
    for what in ("Debian", "Xen", "corosync", "pacemaker"):
        found = {each.versions[what]: server for server, each in seen.items() if what in each.versions}
        if len(found) > 1:
            told = in_words([f"{version} on {server}" for version, server in found.items()])
            message = f"{what} is {told}: a mixture is for an upgrade only"
            remedy = "apt full-upgrade, one server after the other"
            yield Finding(Severity.WARNING, "releases-differ", message, remedy, subject=what)


def _home(seen: Mapping[str, Seen]) -> Iterator[Finding]:
    without = [server for server, each in seen.items() if each.home == "none"]
    if without and len(without) < len(seen):
        message = f"/home is mounted on the others, and not on {in_words(without)}"
        yield Finding(Severity.WARNING, "home-differs", message, "mount /home", subject=" ".join(without))


STEP = Step("pairs", "Servers among each other", check)
