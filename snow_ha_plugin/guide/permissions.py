"""The guide's "permissions": Pacemaker's state belongs to hacluster, or the daemons cannot write it."""

from __future__ import annotations

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site

ROOT = "/var/lib/pacemaker"

# The daemons replace their other files all the time; these are what they cannot start without.
_LOOK = """
for path in "$1" "$1/cib" "$1/pengine" "$1/cib/cib.xml" "$1/cib/cib.xml.sig"; do
    [ ! -e "$path" ] || find "$path" -maxdepth 0 \\( ! -user hacluster -o ! -group haclient -o -perm /027 \\) -print
done
"""

# cores has a directory for each user, of which some are root's.
_MEND = """
set -e
find "$1" -path "$1/cores" -prune -o -exec chown hacluster:haclient {} + -exec chmod g-w,o-rwx {} +
"""


def check(site: Site) -> list[Finding]:
    wrong = site.servers.each(
        lambda name: site.servers.must(name, ["sh", "-c", _LOOK, "sh", ROOT], looks=True).text.split()
    )
    return [
        Finding(
            Severity.ERROR,
            "pacemaker-permissions",
            f"{server}: {paths[0]} has the wrong owner or mode",
            "snow ha enable",
        )
        for server, paths in wrong.items()
        if paths
    ]


def apply(site: Site) -> None:
    site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", _MEND, "sh", ROOT]))


STEP = Step("permissions", "Owner of Pacemaker's state", check, apply)
