"""The guide's cluster properties and defaults."""

from __future__ import annotations

from snow_ha_plugin.core import cib, clusteroptions, fencing
from snow_ha_plugin.model import Change
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import ConfigurationStep


def edit(site: Site, tree: cib.Tree) -> list[Change]:
    return clusteroptions.put_options(tree, without_fencing=site.fencing == fencing.NONE)


STEP = ConfigurationStep("defaults", "Cluster options and defaults", edit)
