"""What is wrong with a domain's images, before any server is asked."""

from __future__ import annotations

from snow_ha_plugin.model import Domain, Finding, Severity


def on_one_server(domain: Domain) -> list[Finding]:
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
