"""The guide's "permissions": Pacemaker's state belongs to hacluster, or the daemons cannot write it.

So does each server's file of the record: Pacemaker's alert agents run as hacluster.
"""

from __future__ import annotations

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.cluster import Site
from snow_ha_plugin.system import record

ROOT = "/var/lib/pacemaker"

# The daemons replace their other files all the time; the first five are what they cannot start without.
_LOOK = """
for path in "$1" "$1/cib" "$1/pengine" "$1/cib/cib.xml" "$1/cib/cib.xml.sig"; do
    [ ! -e "$path" ] || find "$path" -maxdepth 0 \\( ! -user hacluster -o ! -group haclient -o -perm /027 \\) -print
done
shift
for path; do
    find "${path%/*}" -maxdepth 0 -perm 711 2>/dev/null | grep -q . || echo "${path%/*}"
    find "$path" -maxdepth 0 -user hacluster -perm 600 2>/dev/null | grep -q . || echo "$path"
done
"""

# cores has a directory for each user, of which some are root's.
_MEND = """
set -e
find "$1" -path "$1/cores" -prune -o -exec chown hacluster:haclient {} + -exec chmod g-w,o-rwx {} +
shift
for path; do
    mkdir -p "${path%/*}"
    chmod 711 "${path%/*/*}" "${path%/*}"
    touch "$path"
    chown hacluster: "$path"
    chmod 600 "$path"
done
"""


def _words(site: Site, script: str, server: str) -> list[str]:
    shared = site.layout.root / record.BELOW_ROOT
    own = [path for directory in (record.LOCAL, shared) for path in record.files(directory, server)]
    return ["sh", "-c", script, "sh", ROOT, *map(str, own)]


def check(site: Site) -> list[Finding]:
    wrong = site.servers.each(lambda name: site.servers.must(name, _words(site, _LOOK, name), looks=True).text.split())
    return [
        Finding(
            Severity.ERROR,
            "pacemaker-permissions",
            f"{server}: {paths[0]} is missing, or has the wrong owner or mode",
            "snow ha enable",
        )
        for server, paths in wrong.items()
        if paths
    ]


def apply(site: Site) -> None:
    site.servers.each(lambda name: site.servers.must(name, _words(site, _MEND, name)))


STEP = Step("permissions", "Owner of Pacemaker's state", check, apply)
