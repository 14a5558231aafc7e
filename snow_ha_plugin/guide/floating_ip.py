"""The guide's floating IP: the gateway of the domains and of the compute nodes, wherever it is served from."""

from __future__ import annotations

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options
from snow_ha_plugin.guide.section import ConfigurationStep, Step
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations.site import Site


def check(site: Site) -> list[Finding]:
    """Whether snow.conf makes the floating IP the gateway of both networks, and no server owns it."""
    network = site.floating_ip
    if network is None:
        return [_wrong(site, "NET_SNOW has no gateway to make the floating IP of")]
    findings = []
    for name, configured in (("NET_SNOW", site.conf.net_snow), ("NET_COMP", site.conf.net_comp)):
        if configured is not None and configured.gateway != network.gateway:
            findings.append(
                _wrong(site, f"the gateway of {name} is {configured.gateway}, the floating IP {network.gateway}")
            )
    for server in site.members:
        if network.gateway in server.addresses:
            findings.append(_wrong(site, f"the floating IP {network.gateway} is the address of {server.name} itself"))
    return findings


def _wrong(site: Site, message: str) -> Finding:
    remedy = f"make one free address the gateway of NET_SNOW and of NET_COMP in {site.layout.conf}"
    return Finding(Severity.ERROR, "floating-ip", message, remedy)


def edit(site: Site, tree: cib.Tree) -> list[Change]:
    return cluster_options.put_floating_ip(tree, site.floating_ip) if site.floating_ip else []


ADDRESS = Step("floating-ip", "Floating IP", check)
STEP = ConfigurationStep("floating-ip", "Floating IP", edit)
