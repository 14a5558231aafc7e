"""The guide's "shared file system": the root of sNow! must be a mount, and the same one on every server."""

from __future__ import annotations

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site

# The file comes first: where systemd mounts at the first access (x-systemd.automount), that is one. Of mounts on top of
# each other, such as autofs and what it has mounted, findmnt has the uppermost last.
_LOOK = """
stat --dereference --format %i:%s "$2" || echo none
findmnt --noheadings --output FSTYPE --mountpoint "$1" || echo none
"""


def check(site: Site) -> list[Finding]:
    root, conf = str(site.layout.root), str(site.layout.conf)
    looks = site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", _LOOK, "sh", root, conf], looks=True))
    findings = []
    identities = set()
    for server, result in looks.items():
        identity, *_, file_system = result.text.split()
        identities.add(identity)
        if file_system in ("none", "autofs"):
            findings.append(
                Finding(
                    Severity.ERROR,
                    "not-shared",
                    f"{root} is not a mount on {server}: a domain could not find its image on the other server",
                    f"mount the shared file system at {root} on {server}",
                )
            )
    if not findings and len(identities) > 1:
        message = f"{conf} is not the same file on all servers"
        findings.append(
            Finding(Severity.ERROR, "not-shared", message, f"mount the same file system at {root} everywhere")
        )
    return findings


STEP = Step("shared", "Shared file system", check)
