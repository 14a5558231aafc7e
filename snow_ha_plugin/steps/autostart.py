"""The guide's "disable autostart": a server that has crashed or was fenced joins again when somebody says so."""

from __future__ import annotations

from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import Step

SERVICES = ("corosync", "pacemaker")

_LOOK = 'for service do echo "$service $(systemctl is-enabled "$service" 2>/dev/null)"; done'


def check(site: Site) -> list[Finding]:
    states = site.servers.each(
        lambda name: site.servers.must(name, ["sh", "-c", _LOOK, "sh", *SERVICES]).text.split("\n")
    )
    return [
        Finding(
            Severity.ERROR,
            "cluster-autostart",
            f"{server} starts {service} at boot: a broken server would join again by itself",
            f"systemctl disable {service}",
        )
        for server, lines in states.items()
        for service in SERVICES
        if f"{service} enabled" in lines
    ]


def apply(site: Site) -> None:
    site.servers.each(lambda name: site.servers.must(name, ["systemctl", "--quiet", "disable", *SERVICES]))


STEP = Step("autostart", "Cluster not started at boot", check, apply)
