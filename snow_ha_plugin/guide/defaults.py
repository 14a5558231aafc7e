"""The guide's cluster properties and defaults."""

from __future__ import annotations

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, fencing
from snow_ha_plugin.guide.section import ConfigurationStep
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations.site import Site


def edit(site: Site, tree: cib.Tree) -> list[Change]:
    return cluster_options.put_options(tree, without_fencing=site.fencing == fencing.NONE)


STEP = ConfigurationStep("defaults", "Cluster options and defaults", edit)
