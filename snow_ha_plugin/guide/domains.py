"""The guide's primitives: every domain that sNow! manages, and the sizes of the servers that hold them."""

from __future__ import annotations

from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, intent, live, location, primitive
from snow_ha_plugin.guide.section import ConfigurationStep
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import snowtools


class Newcomers(NamedTuple):
    """The domains that will be registered: those that run are taken over as they are, the others started."""

    running: tuple[str, ...]
    idle: tuple[str, ...]


def newcomers(site: Site, tree: cib.Tree | None) -> Newcomers:
    known = set() if tree is None else {*cib.domains(tree), *intent.left_out(tree)}
    names = sorted({domain.name for domain in site.domains} - known)
    run = {guest.name for hypervisor in site.hypervisors.values() for guest in hypervisor.guests}
    return Newcomers(tuple(n for n in names if n in run), tuple(n for n in names if n not in run))


def edit(site: Site, tree: cib.Tree) -> list[Change]:
    changes = cluster_options.put_capacities(tree, site.hypervisors)
    claims = primitive.Claims(tree, snowtools.domain_file)
    out = intent.left_out(tree)
    hypervisors = site.hypervisors.values()
    pv_migrates = live.pv_migrates([found.migrates_pv for found in hypervisors])
    for domain in sorted(live.as_they_run(site.domains, hypervisors), key=lambda domain: domain.name):
        if domain.name in out:
            continue
        change = primitive.register(tree, domain, site.conf.migration_mib_s, claims, pv_migrates=pv_migrates)
        if change:
            changes.append(change)
    if cib.goes_by_sizes(tree) and not all(cib.overcommits(tree, node) for node in cib.nodes(tree)):
        # Where Pacemaker goes by sizes already, each CPU would count for one vcpu as soon as it knows of both.
        changes += location.put_sizes_in_force(tree, vcpus=False)
    return changes


STEP = ConfigurationStep("domains", "Domains", edit)
