"""The guide's "generate and copy the corosync key": the same 2048 bits on every server, readable by root alone.

The key itself passes through memory and standard input only, never through an argument, a log or a message.
"""

from __future__ import annotations

import secrets

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site

PATH = "/etc/corosync/authkey"
LENGTH_BYTES = 256
# What corosync takes: 1024 to 32768 bits (corosync-keygen(8), TOTEM_KEY_MAX_LEN).
LEAST_BYTES, MOST_BYTES = 128, 4096
MODE = "0400"

_LOOK = '[ -e "$1" ] || exit 0; stat --format "%a:%U %s" "$1"; sha256sum <"$1"'


def check(site: Site) -> list[Finding]:
    results = site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", _LOOK, "sh", PATH], looks=True))
    looks = {name: result.text.split() for name, result in results.items()}
    digests = {look[2] for look in looks.values() if look}
    findings = []
    for server, look in looks.items():
        if not look:
            findings.append(_finding("authkey-missing", f"{server} has no {PATH}"))
        elif not _fits(int(look[1])):
            findings.append(_finding("authkey-size", f"{PATH} on {server} has {look[1]} bytes, which is no key"))
        elif look[0] != "400:root":
            findings.append(
                _finding("authkey-mode", f"{PATH} on {server} has owner and mode {look[0]}, not root and 0400")
            )
    if len(digests) > 1:
        findings.append(_finding("authkey-differs", f"{PATH} is not the same on all servers"))
    return findings


def apply(site: Site) -> None:
    """Bring one key to all: this server's, else the first that a server has, else a new one."""
    order = sorted(site.servers.names, key=lambda name: name != site.servers.here)
    keys = site.servers.each(lambda name: site.servers.read(name, PATH))
    usable = [key for name in order if (key := keys.get(name)) is not None and _fits(len(key))]
    key = usable[0] if usable else secrets.token_bytes(LENGTH_BYTES)
    site.servers.each(lambda name: site.servers.write(name, PATH, key, mode=MODE))


def _fits(size: int) -> bool:
    return LEAST_BYTES <= size <= MOST_BYTES


def _finding(finding_id: str, message: str) -> Finding:
    return Finding(Severity.ERROR, finding_id, message, "snow ha enable")


STEP = Step("authkey", "Corosync key", check, apply)
