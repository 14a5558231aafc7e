"""The guide's "migrate the domain images": until that is a command, images that are not files are refused."""

from __future__ import annotations

from snow_ha_plugin.model import Domain, Finding, Severity
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import Step


def check(site: Site) -> list[Finding]:
    return list(site.broken) + [finding for domain in site.domains for finding in of_domain(domain)]


def of_domain(domain: Domain) -> list[Finding]:
    """An error for a domain whose image only one server has."""
    volumes = [disk for disk in domain.disks if disk.startswith("/dev/")]
    if not volumes:
        return []
    # A path is bytes; what is no UTF-8 is shown as far as it can be.
    shown = ", ".join(volumes).encode(errors="surrogateescape").decode(errors="replace")
    return [
        Finding(
            Severity.ERROR,
            "image-on-lvm",
            f"the image of {domain.name} is on a volume of one server: {shown}",
            f"shut {domain.name} down, copy each volume to a file on shared storage (dd if=VOLUME of=FILE bs=4M),"
            f" and name the files in {domain.config_path}",
        )
    ]


STEP = Step("images", "Domain files and images", check)
