"""What snow.conf sets and nobody reads: a name that is mistyped has no effect, and says nothing."""

from __future__ import annotations

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site


def check(site: Site) -> list[Finding]:
    return [
        Finding(
            Severity.WARNING,
            "unknown-setting",
            f"{site.layout.conf}:{number}: nobody reads {name}",
            f"did you mean {near}" if near else "see snow-ha-settings(5)",
        )
        for number, name, near in site.conf.unknown
    ]


STEP = Step("settings", "Settings in snow.conf", check)
