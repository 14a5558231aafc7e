"""The guide's "migrate the domain images": until that is a command, images that are not files are refused."""

from __future__ import annotations

from snow_ha_plugin.core import images
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding
from snow_ha_plugin.operations.cluster import Site


def check(site: Site) -> list[Finding]:
    return list(site.broken) + [finding for domain in site.domains for finding in images.on_one_server(domain)]


STEP = Step("images", "Domain files and images", check)
