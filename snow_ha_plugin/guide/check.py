"""`check`: the guide looked at, section by section; one that cannot be looked at is a finding like any other.

A server that does not answer is told once, and the others are looked at without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from snow_ha_plugin.errors import SnowHaError, UnavailableError
from snow_ha_plugin.guide import AFTERWARDS, CONFIGURATION_STEPS, SERVER_STEPS, fencing, xen
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.cluster import Site

# For ssh to a server that is there; one that is dead costs all of it.
ANSWERS_WITHIN_S = 3


def check(site: Site) -> list[Finding]:
    """All that does not hold, in the guide's order."""
    site.servers.leave_out_silent(ANSWERS_WITHIN_S)
    found = [_unreachable(name, error) for name, error in site.servers.silent.items()]
    site, unfenced = fencing.as_it_is(site)
    found += unfenced
    for section in (*SERVER_STEPS, *AFTERWARDS):
        found += _attempt(section.title, partial(section.check, site))
    return found + _attempt("Cluster configuration", partial(_missing_configuration, site))


def _unreachable(name: str, error: SnowHaError) -> Finding:
    message = f"{name} does not answer ssh, and was not looked at: {error.details or error.message}"
    remedy = f"power it on, then: snow ha start {name}; if it is up: make `ssh {name} true` work without a question"
    return Finding(Severity.ERROR, "unreachable", message, remedy, UnavailableError.exit_code, subject=name)


def _attempt(title: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except SnowHaError as error:
        message = "; ".join(part for part in (error.message, error.details) if part)
        return [
            Finding(
                Severity.ERROR, "not-looked-at", f"{title}: {message}", error.remedy, error.exit_code, subject=title
            )
        ]


def _missing_configuration(site: Site) -> list[Finding]:
    tree, site = site.store.read(), xen.looked_at(site)
    missing = [done for section in CONFIGURATION_STEPS for done in section.edit(site, tree)]
    return [
        Finding(
            Severity.ERROR,
            "not-configured",
            f"still to do in the CIB: {done.message}",
            "snow ha enable",
            subject=done.target,
        )
        for done in missing
    ]
