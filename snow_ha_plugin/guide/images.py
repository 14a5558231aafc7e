"""The guide's "migrate the domain images": every server must have the images of all domains, the very same ones."""

from __future__ import annotations

from snow_ha_plugin.core.images import disk_lines, kinds
from snow_ha_plugin.guide import shared
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding
from snow_ha_plugin.operations.image_migration import running
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import images


def check(site: Site) -> list[Finding]:
    # Before it is known to be worth it: so it is asked with what other sections ask.
    looks, silent = images.look(site.servers, site.domains)
    # Where nothing is shared, no image is: that is told once.
    if shared.check(site):
        return list(site.broken)
    images.refuse_silent(silent)
    found, seen = list(site.broken), []
    for domain in site.domains:
        images_of = kinds.images_of(domain, looks)
        seen += images_of
        found += [finding for image in images_of for finding in kinds.findings(image)]
        found += kinds.boot_findings(domain, looks)
    down = running.left_down({domain.name: domain.config_path for domain in site.domains})
    return found + disk_lines.findings(seen) + down


STEP = Step("images", "Domain files and images", check)
