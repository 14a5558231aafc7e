"""What Pacemaker needs while it stops outlives it: on a clean reboot every domain migrates, and none is shut down.

Pacemaker starts after, and so stops before, whatever resource-agents-deps.target is ordered after (pacemaker.service).
"""

from __future__ import annotations

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site

PATH = "/etc/systemd/system/resource-agents-deps.target.d/snow-ha.conf"

# Xen's daemons and consoles; xendomains, which would shut down what has not migrated yet; the way to the other servers.
UNITS = (
    "xen.service", "xen-init-dom0.service", "xenstored.service", "xenconsoled.service",
    "xen-qemu-dom0-disk-backend.service", "xendomains.service", "ssh.service", "network-online.target",
)  # fmt: skip


def wanted(site: Site) -> str:
    return f"""# Written by snow-ha.
[Unit]
After={" ".join(UNITS)}
RequiresMountsFor={site.layout.root}
"""


def check(site: Site) -> list[Finding]:
    text = wanted(site).encode()
    return [
        Finding(
            Severity.ERROR,
            "shutdown-order",
            f"{server} may stop Xen or its network before Pacemaker: a reboot would shut domains down",
            "snow ha enable",
        )
        for server, present in site.servers.each(lambda name: site.servers.read(name, PATH)).items()
        if present != text
    ]


def apply(site: Site) -> None:
    def put(server: str) -> None:
        site.servers.must(server, ["mkdir", "-p", PATH.rpartition("/")[0]])
        site.servers.write(server, PATH, wanted(site).encode())
        site.servers.must(server, ["systemctl", "daemon-reload"])

    site.servers.each(put)


def is_there(site: Site) -> bool:
    return any(site.servers.each(lambda name: site.servers.read(name, PATH)).values())


def remove(site: Site) -> None:
    script = 'rm -f "$1"; rmdir "${1%/*}" 2>/dev/null; systemctl daemon-reload'
    site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", script, "sh", PATH]))


STEP = Step("shutdown", "Order of a clean shutdown", check, apply)
