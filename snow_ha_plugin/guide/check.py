"""`check`: the guide looked at, section by section; one that cannot be looked at is a finding like any other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.guide import AFTERWARDS, CONFIGURATION_STEPS, SERVER_STEPS, fencing, xen
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.cluster import Site


def check(site: Site) -> list[Finding]:
    """All that does not hold, in the guide's order."""
    site, found = fencing.as_it_is(site)
    for section in (*SERVER_STEPS, *AFTERWARDS):
        found += _attempt(section.title, partial(section.check, site))
    return found + _attempt("Cluster configuration", partial(_missing_configuration, site))


def _attempt(title: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except SnowHaError as error:
        message = "; ".join(part for part in (error.message, error.details) if part)
        return [Finding(Severity.ERROR, "not-looked-at", f"{title}: {message}", error.remedy, error.exit_code)]


def _missing_configuration(site: Site) -> list[Finding]:
    tree, site = site.store.read(), xen.looked_at(site)
    missing = [done for section in CONFIGURATION_STEPS for done in section.edit(site, tree)]
    return [
        Finding(Severity.ERROR, "not-configured", f"still to do in the CIB: {done.message}", "snow ha enable")
        for done in missing
    ]
