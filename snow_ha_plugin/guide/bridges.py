"""The guide's networks: every server must have the bridges that domain files name, or a domain cannot start there."""

from __future__ import annotations

from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site

# Those of its words that are no network interface.
_LOOK = 'for name; do [ -e "/sys/class/net/$name" ] || echo "$name"; done'


def check(site: Site) -> list[Finding]:
    wanted = sorted({bridge for domain in site.domains for bridge in domain.bridges})
    if not wanted:
        return []
    looks = site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", _LOOK, "sh", *wanted], looks=True))
    findings = []
    for bridge in wanted:
        lacking = [server for server, result in looks.items() if bridge in result.text.splitlines()]
        if lacking:
            users = [domain.name for domain in site.domains if bridge in domain.bridges]
            message = f"the bridge {bridge} of {in_words(users, 8)} is not there on {in_words(lacking)}"
            remedy = "make it there (/etc/network/interfaces), or name another one in their domain files"
            findings.append(
                Finding(Severity.ERROR, "no-bridge", message, remedy, ConfigurationError.exit_code, subject=bridge)
            )
    return findings


STEP = Step("bridges", "Bridges of the domains", check)
