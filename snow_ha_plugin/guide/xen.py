"""The guide's "test live migration": whether each server's hypervisor answers, and what it says of migrating."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from snow_ha_plugin.core import processors
from snow_ha_plugin.core.configure import live
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Domain, Finding, Hypervisor, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import xen


def looked_at(site: Site) -> Site:
    """The site with its servers' hypervisors; UnavailableError where xl does not answer."""
    return replace(site, hypervisors=site.servers.each(lambda name: xen.look(site.servers, name)))


def check(site: Site) -> list[Finding]:
    hypervisors = looked_at(site).hypervisors
    findings = []
    has_pv = any(domain.is_pv for domain in site.domains)
    for server, hypervisor in hypervisors.items():
        if has_pv and not hypervisor.migrates_pv:
            findings.append(
                Finding(
                    Severity.WARNING,
                    "no-pv-migration",
                    f"the hypervisor of {server} has no shadow paging: para-virtualised domains cannot migrate live",
                    "snow shutdown DOMAIN, snow ha images convert DOMAIN --try, snow boot DOMAIN; or another Xen",
                    subject=server,
                )
            )
        if not hypervisor.dom0_is_fixed:
            size = f"dom0_mem={xen.DOM0_MIB}M,max:{xen.DOM0_MIB}M"
            message = (
                f"Domain-0 of {server} has no size of its own (dom0_mem): taken for {xen.DOM0_MIB} MiB,"
                f" which leaves {hypervisor.memory_mib} MiB for domains"
            )
            remedy = f'GRUB_CMDLINE_XEN_DEFAULT="{size}" in /etc/default/grub, update-grub, and a reboot'
            findings.append(Finding(Severity.WARNING, "dom0-memory", message, remedy, subject=server))
        for guest in hypervisor.guests:
            # What stays of a migrating domain's halves is the wreck of a failed one.
            if guest.name.endswith(xen.HALVES):
                message = f"{guest.name} on {server} is the rest of a migration"
                findings.append(
                    Finding(
                        Severity.WARNING, "migration-rest", message, "see xl list on all servers", subject=guest.name
                    )
                )
    findings += run_otherwise(site.domains, hypervisors)
    findings += _processors(hypervisors, site.domains)
    places = Counter(guest.name for hypervisor in hypervisors.values() for guest in hypervisor.guests)
    for domain in site.domains:
        if places[domain.name] > 1:
            where = [name for name, h in hypervisors.items() if domain.name in [guest.name for guest in h.guests]]
            findings.append(
                Finding(
                    Severity.ERROR,
                    "running-twice",
                    f"{domain.name} runs on {' and '.join(where)} at once, which destroys its image",
                    f"decide which one is right, and `xl destroy {domain.name}` on the other server",
                    UnsafeError.exit_code,
                    subject=domain.name,
                )
            )
    return findings


def _processors(hypervisors: Mapping[str, Hypervisor], domains: Iterable[Domain]) -> Iterator[Finding]:
    told = {server: found.processors for server, found in hypervisors.items()}
    if all(found.features for found in told.values()):
        yield from processors.findings(told, domains)
        return
    kinds = {found.features: server for server, found in hypervisors.items()}
    if len(kinds) > 1:
        message = f"the processors of {in_words(kinds.values())} differ: a domain may not survive a live migration"
        remedy = "compare xen-cpuid; leave to all what all have with cpuid= in the domain files (xl.cfg(5))"
        yield Finding(Severity.WARNING, "processors-differ", message, remedy, subject=" ".join(kinds.values()))


def run_otherwise(domains: Iterable[Domain], hypervisors: Mapping[str, Hypervisor]) -> Iterator[Finding]:
    """Of domains that are para-virtualised and will not be at their next start, or the other way round."""
    pv_migrates = live.pv_migrates([found.migrates_pv for found in hypervisors.values()])
    guests = [(server, guest) for server, found in hypervisors.items() for guest in found.guests]
    for domain in domains:
        for server, guest in guests:
            if not live.runs_otherwise(domain, guest):
                continue
            name, until = domain.name, "" if pv_migrates else ", and cannot migrate live until then"
            message = f"{name} runs para-virtualised on {server}, and at its next start will not be{until}"
            remedy = f"snow shutdown {name}, snow boot {name}, snow ha sync; or put its file back"
            if domain.is_pv:
                then = "" if pv_migrates else ", and cannot migrate live from then on"
                message = f"{name} runs as {guest.type} on {server}, and at its next start is para-virtualised{then}"
                remedy = f'put type = "{guest.type}" back in its file; or, once it was started anew: snow ha sync'
            yield Finding(Severity.WARNING, "runs-otherwise", message, remedy, subject=name)


STEP = Step("xen", "Xen on all servers", check)
