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
        found += _attempt(section.name, partial(section.check, site))
    return found + _attempt("configuration", partial(_missing_configuration, site))


def _attempt(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except SnowHaError as error:
        message = "; ".join(part for part in (error.message, error.details) if part)
        return [Finding(Severity.ERROR, name, message, error.remedy, error.exit_code)]


def _missing_configuration(site: Site) -> list[Finding]:
    tree, site = site.store.read(), xen.looked_at(site)
    missing = [(section.name, done.message) for section in CONFIGURATION_STEPS for done in section.edit(site, tree)]
    return [
        Finding(Severity.ERROR, f"not-configured-{name}", f"still to do in the CIB: {message}", "snow ha enable")
        for name, message in missing
    ]
