"""The guide's "disable autostart": a server that has crashed or was fenced joins again when somebody says so."""

from __future__ import annotations

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.stopping import SERVICES
from snow_ha_plugin.system import units

# Its package enables it, and it requires corosync, which it so starts at boot.
AT_BOOT = (*SERVICES, "corosync-qdevice")

# Of a unit that is not installed it would complain.
_DISABLE = """
for service do
    [ "$(systemctl is-enabled "$service" 2>/dev/null)" != enabled ] || systemctl --quiet disable "$service" || exit
done
"""


def check(site: Site) -> list[Finding]:
    found = site.servers.each(
        lambda name: units.parse(site.servers.must(name, [*units.SHOW, *AT_BOOT], looks=True).text)
    )
    return [
        Finding(
            Severity.ERROR,
            "cluster-autostart",
            f"{server} starts {service} at boot: a broken server would join again by itself",
            f"systemctl disable {service}",
        )
        for server, of_systemd in found.items()
        for service in AT_BOOT
        if service in of_systemd.enabled
    ]


def apply(site: Site) -> None:
    site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", _DISABLE, "sh", *AT_BOOT]))


STEP = Step("autostart", "Cluster not started at boot", check, apply)
