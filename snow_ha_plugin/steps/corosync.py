"""The guide's corosync.conf: rendered for today's corosync, tested there before it is put in place, the old one kept.

A configuration that somebody wrote for the same servers stays as it is: another transport or encryption would
need the whole cluster to stop. Debian's own package starts a cluster of one node; that one is put away first.
"""

from __future__ import annotations

from snow_ha_plugin.core import corosync
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import Step

PATH = "/etc/corosync/corosync.conf"

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
corosync -t -c "$new" >&2
[ ! -e "$1" ] || cp --preserve=all "$1" "$1.before-snow-ha"
mv "$new" "$1"
! systemctl --quiet is-active corosync || corosync-cfgtool -R >/dev/null
"""


def check(site: Site) -> list[Finding]:
    wanted = corosync.render(site.members)
    findings: list[Finding] = []
    for server, text in _present(site).items():
        if text is None or corosync.is_debian_default(text):
            findings.append(_wrong(f"{server} has no cluster configuration of its own"))
        elif corosync.is_ours(text) and text != wanted:
            findings.append(_wrong(f"{PATH} on {server} is not that of {', '.join(site.servers.names)}"))
    return findings


def apply(site: Site) -> None:
    """Write our configuration on the servers that have none, Debian's, or an older one of ours."""
    wanted = corosync.render(site.members)

    def write(server: str) -> None:
        text = present[server]
        if text == wanted or _is_foreign(text):
            return
        if text and corosync.is_debian_default(text):
            site.servers.must(server, ["sh", "-c", _PUT_DEFAULT_AWAY], timeout_s=120)
        site.servers.must(server, ["sh", "-c", _PUT_IN_PLACE, "sh", PATH], stdin=wanted.encode())

    present = _present(site)
    site.servers.each(write)


def _present(site: Site) -> dict[str, str | None]:
    def read(server: str) -> str | None:
        data = site.servers.read(server, PATH)
        return None if data is None else data.decode(errors="replace")

    return site.servers.each(read)


def _is_foreign(text: str | None) -> bool:
    return text is not None and not corosync.is_ours(text) and not corosync.is_debian_default(text)


def check_foreign(site: Site) -> list[Finding]:
    """What is to be said of configurations that somebody else wrote: one that does not fit is nothing to go on with."""
    foreign = {server: text for server, text in _present(site).items() if text is not None and _is_foreign(text)}
    if not foreign:
        return []
    text = next(iter(foreign.values()))
    if set(foreign) != set(site.servers.names) or len(set(foreign.values())) > 1:
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
STEP = Step("corosync", "corosync.conf", check, apply)
