"""`check --migration`: the guide's test of live migration, really carried out."""

from __future__ import annotations

import click

from snow_ha_plugin.cli import output
from snow_ha_plugin.operations import migration_test
from snow_ha_plugin.operations.migration_test import Leg
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import snowtools


def run(site: Site, domain: str, *, yes: bool, as_json: bool) -> None:
    planned = migration_test.plan(site.cluster.read(), domain)
    first, others = planned[0], ", ".join(dict.fromkeys(move.target for move in planned[::2]))
    question = f"{first.domain} ({first.memory_mib} MiB) migrates from {first.source} to {others}, and back each time"
    if not output.consent(question, yes=yes, quiet=as_json):
        output.info("nothing was moved")
        return
    address = snowtools.address_of(site.layout.domains_conf, first.domain)
    legs = []
    for leg in migration_test.carry_out(site.cluster, planned, address):
        legs.append(leg)
        if not as_json:
            click.echo(_line(leg))
    slowest = min(leg.mib_per_s for leg in legs)
    if as_json:
        output.as_json({"domain": first.domain, "migrations": [_json(leg) for leg in legs], "mib_per_s": slowest})
        return
    output.info(f"{first.domain} is on {first.source} again")
    if any(leg.silent_s is None for leg in legs):
        output.info(f"how long it was silent is not known: it answers no ping{f' at {address}' if address else ''}")
    present = site.conf.migration_mib_s
    said = f"SNOW_HA_MIGRATION_MIB_S={slowest} in {site.layout.conf}, then snow ha sync"
    why = "gives migrations the time that they need here" if slowest < present else "is what was measured, at least"
    output.info(f"{said}: that {why}; it is {present} now")


def _line(leg: Leg) -> str:
    silent = "" if leg.silent_s is None else f", silent for {leg.silent_s:.1f} s"
    way = f"{leg.move.source} -> {leg.move.target}"
    return f"  {way}: {leg.move.memory_mib} MiB in {leg.took_s:.1f} s, {leg.mib_per_s} MiB/s{silent}"


def _json(leg: Leg) -> dict[str, object]:
    return {
        "source": leg.move.source,
        "target": leg.move.target,
        "memory_mib": leg.move.memory_mib,
        "took_s": round(leg.took_s, 1),
        "mib_per_s": leg.mib_per_s,
        "silent_s": None if leg.silent_s is None else round(leg.silent_s, 1),
    }
