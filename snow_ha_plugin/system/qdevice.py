"""corosync-qdevice on the servers and corosync-qnetd on the host of the third vote: certificates, units, votes.

The certificates are made by corosync's own tools, in the sequence of corosync-qdevice-net-certutil(8); that tool does
not look at its own errors, so what counts is a look afterwards. A private key passes through memory and standard input
only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from snow_ha_plugin.core.corosync import CLUSTER_NAME
from snow_ha_plugin.system import command
from snow_ha_plugin.system.servers import Servers

# That of its protocol (corosync-qdevice(8)).
PORT = 5403
CONNECTS_WITHIN_S = 5

MARK = "# Written by snow-ha."
# By path: whoever starts corosync starts the vote with it, and Pacemaker ends before the vote does. The vote restarts
# after a failure, and requires corosync: unless bound to it, it starts a corosync that died, which is a member again
# before the others have fenced its server.
UNITS = {
    "/etc/systemd/system/corosync.service.d/snow-ha-qdevice.conf": f"{MARK}\n[Unit]\nWants=corosync-qdevice.service\n",
    "/etc/systemd/system/corosync-qdevice.service.d/snow-ha.conf": f"""{MARK}
[Unit]
BindsTo=corosync.service
Before=pacemaker.service

[Service]
RestartSec=2
""",
}
# Where the tool has it.
DATABASE = "/etc/corosync/qdevice/net/nssdb"

SERVICES = ("corosync", "corosync-qdevice")

# Arguments: database, host, then the units' paths.
_LOOK = (
    r"""
say() { printf '%s\0%s\0' "$1" "$2"; }
database=$1 host=$2
shift 2
for unit; do [ ! -r "$unit" ] || say "unit $unit" "$(cat "$unit")"; done
active=$(systemctl is-active $SERVICES)
say active "$active"
if [ -e "$database" ]; then
    say ca "$(certutil -L -a -d "$database" -n 'QNet CA' 2>/dev/null)"
    ! certutil -V -u C -e -d "$database" -f "$database/pwdfile.txt" -n 'Cluster Cert' >/dev/null 2>&1 || say valid yes
fi
case $active in active*)
    say quorum "$(corosync-quorumtool -s 2>/dev/null)"
    say state "$(corosync-qdevice-tool -s 2>/dev/null | sed -n 's/^State:[[:space:]]*//p')"
esac
[ -z "$host" ] || ! timeout "$CONNECTS" bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$host" "$PORT" 2>/dev/null ||
    say reaches yes
true
""".replace("$CONNECTS", str(CONNECTS_WITHIN_S))
    .replace("$PORT", str(PORT))
    .replace("$SERVICES", " ".join(SERVICES))
)

# `installed` without certificates: somebody has deleted what the package makes.
_LOOK_AT_HOST = r"""
command -v corosync-qnetd >/dev/null || exit 0
printf 'installed\0%s\0' "$(systemctl is-active corosync-qnetd)"
cat /etc/corosync/qnetd/nssdb/qnetd-cacert.crt 2>/dev/null
printf '\0'
corosync-qnetd-tool -l -c "$1" 2>/dev/null
true
"""

# A database that is there is not whole, or of another host.
_INIT = """
set -eu
rm -rf "$1"
mkdir -p "${1%/*}"
umask 077
ca=$(mktemp)
trap 'rm -f "$ca"' EXIT
cat >"$ca"
corosync-qdevice-net-certutil -i -c "$ca" >&2
"""
_REQUEST = """
set -eu
rm -f "$1/qdevice-net-node.crq"
corosync-qdevice-net-certutil -r -n "$2" >&2
cat "$1/qdevice-net-node.crq"
"""
_SIGN = """
set -eu
umask 077
request=$(mktemp)
trap 'rm -f "$request"' EXIT
cat >"$request"
corosync-qnetd-certutil -s -c "$request" -n "$1" >&2
cat "/etc/corosync/qnetd/nssdb/cluster-$1.crt"
"""
# $2 is -M for the signed certificate where it was asked for, -m for that and its key elsewhere.
_IMPORT = """
set -eu
umask 077
file=$(mktemp)
trap 'rm -f "$file"' EXIT
cat >"$file"
corosync-qdevice-net-certutil "$2" -c "$file" >&2
# The key once more, with an empty password.
rm -f "$1/qdevice-net-node.p12"
"""
_PUT_UNIT = 'mkdir -p "${1%/*}"; printf "%s" "$2" >"$1.snow-ha" && mv "$1.snow-ha" "$1"'
_TAKE_OUT = """
database=$1
shift
for unit; do rm -f "$unit"; rmdir "${unit%/*}" 2>/dev/null; done
rm -rf "$database"
rmdir -p "${database%/*}" 2>/dev/null
systemctl daemon-reload
"""


class Look(NamedTuple):
    """What one server has of the third vote.

    `is_valid`: of a certificate that the authority `ca` has signed. `state` is the connection to qnetd in qdevice's
    own words; `flags` are this server's in corosync-quorumtool(8), `A,V` for alive and voting.
    """

    server: str
    units: Mapping[str, str]
    active: frozenset[str]
    ca: str = ""
    is_valid: bool = False
    reaches: bool = False
    state: str = ""
    flags: str = ""
    votes: int = 0

    @property
    def votes_with_it(self) -> bool:
        return _is_voting(self.flags)

    @property
    def is_set_up(self) -> bool:
        return self.is_valid and dict(self.units) == UNITS

    @property
    def is_untouched(self) -> bool:
        return not self.units and not self.ca


class Host(NamedTuple):
    """What the host of the third vote has; `clients` says whether qnetd serves a cluster of our name now."""

    is_installed: bool = False
    is_active: bool = False
    ca: str = ""
    clients: bool = False


def look(servers: Servers, server: str, host: str) -> Look:
    argv = ["sh", "-c", _LOOK, "sh", DATABASE, host, *UNITS]
    return parse_look(server, servers.must(server, argv, looks=True).text)


def parse_look(server: str, text: str) -> Look:
    words = text.split("\0")
    values = dict(zip(words[::2], words[1::2], strict=False))
    quorum = values.get("quorum", "")
    return Look(
        server=server,
        units={name.removeprefix("unit "): f"{value}\n" for name, value in values.items() if name.startswith("unit ")},
        active=frozenset(n for n, v in zip(SERVICES, values.get("active", "").split(), strict=False) if v == "active"),
        ca=_certificate(values.get("ca", "")),
        is_valid="valid" in values,
        reaches="reaches" in values,
        state=values.get("state", ""),
        flags=flags(quorum),
        votes=_total(quorum),
    )


def flags(text: str) -> str:
    """What `corosync-quorumtool -s` says of this server and its device: empty where there is none."""
    found = re.search(r"^\s*\d+\s+\d+\s+(\S+)\s+\S+ \(local\)\s*$", text, re.MULTILINE)
    return found[1] if found else ""


def _total(text: str) -> int:
    found = re.search(r"^Total votes:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def votes_here() -> bool | None:
    """Whether this server has the third vote now, None where there is none."""
    found = flags(command.run(["corosync-quorumtool", "-s"]).text)
    return _is_voting(found) if found else None


def _is_voting(flags: str) -> bool:
    return {"A", "V"} <= set(flags.split(","))


def look_at_host(servers: Servers, host: str) -> Host:
    """UnavailableError where root cannot get there by ssh."""
    text = servers.must(host, ["sh", "-c", _LOOK_AT_HOST, "sh", CLUSTER_NAME]).text
    if not text:
        return Host()
    _, active, ca, clients = text.split("\0")
    return Host(True, active == "active", _certificate(ca), "Node ID" in clients)


def _certificate(text: str) -> str:
    """The first certificate of a text, in one form whatever wrote it."""
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    return "".join(f"{line.strip()}\n" for line in found[0].splitlines()) if found else ""


def certify(servers: Servers, host: str, ca: str, wrong: Sequence[str]) -> None:
    """Give these servers the cluster's certificate and key: those of a server that has them, else new ones."""
    init = ["sh", "-c", _INIT, "sh", DATABASE]
    servers.each(lambda name: servers.must(name, init, stdin=ca.encode()), wrong)
    source = next((name for name in servers.names if name not in wrong), servers.here)
    if source in wrong:
        request = servers.must(source, ["sh", "-c", _REQUEST, "sh", DATABASE, CLUSTER_NAME]).stdout
        signed = servers.must(host, ["sh", "-c", _SIGN, "sh", CLUSTER_NAME], stdin=request).stdout
        servers.must(source, ["sh", "-c", _IMPORT, "sh", DATABASE, "-M"], stdin=signed)
    others = [name for name in wrong if name != source]
    if others:
        key = servers.must(source, ["sh", "-c", _EXPORT, "sh", DATABASE]).stdout
        servers.each(lambda name: servers.must(name, ["sh", "-c", _IMPORT, "sh", DATABASE, "-m"], stdin=key), others)


# As the tool's own -M, which only the server has run that asked for the certificate.
_EXPORT = """
set -eu
umask 077
file=$(mktemp)
trap 'rm -f "$file"' EXIT
pk12util -d "$1" -o "$file" -W "" -n "Cluster Cert" >&2
cat "$file"
"""


def set_up(servers: Servers, server: str) -> None:
    """Have the vote start and stop with corosync."""
    for path, text in UNITS.items():
        servers.must(server, ["sh", "-c", _PUT_UNIT, "sh", path, text])
    servers.must(server, ["systemctl", "daemon-reload"])


def start(servers: Servers, server: str, *, anew: bool = False) -> None:
    """Start the vote, or have it read new certificates."""
    servers.must(server, ["systemctl", "restart" if anew else "start", "corosync-qdevice"])


def take_out(servers: Servers, server: str) -> None:
    servers.must(server, ["sh", "-c", _TAKE_OUT, "sh", DATABASE, *UNITS])
