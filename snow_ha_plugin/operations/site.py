"""One sNow! site: its files, servers and domains, read once at the start of a verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface

from snow_ha_plugin.errors import ConfigurationError, SnowHaError
from snow_ha_plugin.model import Domain, Finding, Hypervisor, Network, Server, Severity, SnowConf
from snow_ha_plugin.system import snow_conf, snowtools
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.servers import Servers
from snow_ha_plugin.system.snowtools import Layout


@dataclass(frozen=True)
class Site:
    """Everything that the guide and the verbs need to know. `broken` says which domain files cannot be used.

    `fencing` is what was asked for until guide.fencing has decided; `why` is its reason, `bmcs` each server's BMC.
    `qdevice` is the host of the third vote, until then as asked for; empty where there is none. `metrics` is whether
    Prometheus's exporters are asked for. `hypervisors` are there once guide.xen has looked at them.
    """

    layout: Layout
    conf: SnowConf
    members: tuple[Server, ...]
    servers: Servers
    domains: tuple[Domain, ...] = ()
    broken: tuple[Finding, ...] = ()
    floating_ip: Network | None = None
    fencing: str = ""
    qdevice: str = ""
    metrics: bool = False
    why: str = ""
    bmcs: Mapping[str, str] = field(default_factory=dict)
    hypervisors: Mapping[str, Hypervisor] = field(default_factory=dict)
    cluster: LiveCluster = field(default_factory=LiveCluster)

    @classmethod
    def load(
        cls,
        *,
        floating_ip: IPv4Interface | IPv6Interface | None = None,
        fencing: str = "",
        qdevice: str = "",
        metrics: bool = False,
    ) -> Site:
        """Read the site; the floating IP is by default the gateway of NET_SNOW, and always on its bridge.

        ConfigurationError where SNOW_NODES does not name two servers or more, and this one among them.
        """
        layout = snowtools.layout()
        conf = snow_conf.read(layout.conf)
        mistyped = [
            f"line {n} sets {name}: did you mean {near}" for n, name, near in conf.unknown if near == "SNOW_NODES"
        ]
        if len(conf.servers) < 2:
            raise ConfigurationError(
                f"{layout.conf}: SNOW_NODES names {len(conf.servers)} server(s)",
                "high availability needs two or more",
                mistyped[0] if mistyped else "add the others",
            )
        servers = Servers(conf.servers)
        if servers.here not in conf.servers:
            raise ConfigurationError(
                f"this server, {servers.here}, is not in SNOW_NODES of {layout.conf}",
                remedy="run it on " + " or ".join(conf.servers),
            )
        domains, errors = snowtools.read_domains(layout.domains_dir, snowtools.domain_names(layout.domains_conf))
        return cls(
            layout=layout,
            conf=conf,
            members=snowtools.servers(conf.servers, layout.domains_conf),
            servers=servers,
            domains=tuple(domains),
            broken=tuple(_broken(error) for error in errors),
            floating_ip=_on_bridge(floating_ip, conf.net_snow) if floating_ip else conf.net_snow,
            fencing=fencing,
            qdevice=qdevice,
            metrics=metrics,
        )


def _on_bridge(address: IPv4Interface | IPv6Interface, net_snow: Network | None) -> Network:
    return Network(net_snow.bridge if net_snow else "", str(address.ip), address.network.prefixlen)


def _broken(error: SnowHaError) -> Finding:
    return Finding(Severity.ERROR, "domain-file", error.reason, error.remedy, error.exit_code)
