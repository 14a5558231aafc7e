"""The guide's "shared file system": the root of sNow! must be a mount, and the same one on every server."""

from __future__ import annotations

from snow_ha_plugin.core.reports.findings import storage_lost
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import storage

# The file comes first: where systemd mounts at the first access (x-systemd.automount), that is one. Of mounts on top of
# each other, such as autofs and what it has mounted, findmnt has the uppermost last.
_LOOK = """
timeout --kill-after=1 "$3" stat --dereference --format %i:%s "$2"
case $? in
    0) ;;
    124|137) echo silent; exit ;;
    *) echo none ;;
esac
findmnt --noheadings --output FSTYPE --mountpoint "$1" || echo none
"""


def check(site: Site) -> list[Finding]:
    root, conf = str(site.layout.root), str(site.layout.conf)
    argv = ["sh", "-c", _LOOK, "sh", root, conf, f"{storage.AT_MOST_S:g}"]
    looks = site.servers.each(lambda name: site.servers.must(name, argv, looks=True))
    findings = []
    identities = set()
    for server, result in looks.items():
        words = result.text.split()
        if words == ["silent"]:
            findings.append(storage_lost(server, storage.SILENT))
            continue
        identities.add(words[0])
        if words[-1] in ("none", "autofs"):
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
