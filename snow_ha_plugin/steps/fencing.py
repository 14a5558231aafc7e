"""Fencing: without it two servers that lose sight of each other both run every domain, and its image is destroyed."""

from __future__ import annotations

from snow_ha_plugin.core import clusteroptions, findings
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import Finding
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import Step


def check(site: Site) -> list[Finding]:
    try:
        tree = site.store.read()
    except UnavailableError:
        tree = None
    if site.without_fencing or (tree is not None and clusteroptions.has_fencing(tree)):
        return []
    return [findings.no_fencing(tree)]


STEP = Step("fencing", "Fencing", check)
