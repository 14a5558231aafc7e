"""`move`: one domain to another server."""

from __future__ import annotations

import click

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.model import Move
from snow_ha_plugin.operations import moves


@click.command()
@click.argument("domain")
@click.argument("server", required=False)
@options.dry_run
@options.json_output
def move(domain: str, server: str | None, dry_run: bool, as_json: bool) -> None:
    """Migrate a domain live, and wait until it has arrived.

    Without SERVER it goes to the online server with the most free memory.
    """
    store = options.store(None)
    plan = moves.plan_one(store.read(), domain, server)
    if plan and not dry_run:
        text = f"{domain} migrates from {plan.source} to {plan.target}"
        with output.progress(text, quiet=as_json):
            moves.carry_out(store, [[plan]])
    _tell_moves([plan] if plan else [], f"{domain} is there already", dry_run, as_json)


def _tell_moves(done: list[Move], nothing: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        rows = [{"domain": m.domain, "source": m.source, "target": m.target, "memory_mib": m.memory_mib} for m in done]
        output.as_json({"dry_run": dry_run, "moves": rows})
    elif not done:
        output.info(nothing)
    elif dry_run:
        for plan in done:
            click.echo(f"[I] would migrate {plan.domain} from {plan.source} to {plan.target} ({plan.memory_mib} MiB)")


COMMANDS = (move,)
