"""Whether servers share the images of domains that are to be registered."""

from __future__ import annotations

from collections.abc import Iterable

from snow_ha_plugin.core.images import kinds
from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.model import Domain
from snow_ha_plugin.system import images
from snow_ha_plugin.system.servers import Servers


def refuse_unshared(servers: Servers, domains: Iterable[Domain]) -> None:
    """ConfigurationError for a domain whose image not all servers share, as far as they answer."""
    domains = tuple(domains)
    looks, silent = images.look(servers, domains)
    for domain in domains:
        for image in kinds.images_of(domain, looks):
            for finding in kinds.findings(image, tuple(silent)):
                if finding.id == "image-not-shared":
                    raise ConfigurationError(finding.message, remedy=finding.remedy)
