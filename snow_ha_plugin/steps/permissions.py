"""The guide's "permissions": Pacemaker's state belongs to hacluster, or the daemons cannot write it."""

from __future__ import annotations

from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import Step

ROOT = "/var/lib/pacemaker"

# cores holds a directory for each user and has an owner of its own; what Pacemaker makes itself is right already.
_FIND_WRONG = (
    'find "$1" -path "$1/cores" -prune -o \\( ! -user hacluster -o ! -group haclient'
    " -o -type d -perm /027 -o -type f -perm /077 \\) -print"
)
_MEND = (
    'find "$1" -path "$1/cores" -prune -o -exec chown hacluster:haclient {} +'
    ' && find "$1" -path "$1/cores" -prune -o -type d -exec chmod g-w,o-rwx {} +'
    ' && find "$1" -path "$1/cores" -prune -o -type f -exec chmod go-rwx {} +'
)


def check(site: Site) -> list[Finding]:
    wrong = site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", _FIND_WRONG, "sh", ROOT]).text.split())
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
