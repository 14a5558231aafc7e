"""`move`: one domain to another server."""

from __future__ import annotations

import click

from snow_ha_plugin.cli import interruption, options, output
from snow_ha_plugin.cli.transfer import Meter, Trail
from snow_ha_plugin.model import Move
from snow_ha_plugin.operations import moves


@click.command()
@click.argument("domain")
@click.argument("server", required=False)
@options.yes
@options.dry_run
@options.json_output
def move(domain: str, server: str | None, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Migrate a domain live, and wait until it has arrived.

    Without SERVER it goes to the online server with the most free memory. One that cannot migrate is restarted there,
    once that is agreed to.
    """
    cluster = options.cluster(None)
    if not dry_run:
        options.at_work(cluster, f"move {domain}")
    plan = moves.plan_one(cluster.read(), domain, server)
    if plan and not dry_run:
        question = f"{domain} cannot migrate live: it is shut down on {plan.source}, and started on {plan.target}"
        if plan.restarts and not output.consent(question, yes=yes, quiet=as_json):
            output.info("nothing was changed")
            return
        trail, again = Trail([plan]), f"go on: snow ha move {domain} {plan.target}"
        with interruption.told(lambda: trail.account(again)), output.moving(_text(plan), quiet=as_json) as show:
            moves.carry_out(cluster, [[plan]], on_progress=trail.note, on_wait=Meter(show))
    _tell_moves([plan] if plan else [], f"{domain} is there already", dry_run, as_json)


def _text(plan: Move) -> str:
    return f"{plan.domain} {'restarts, ' if plan.restarts else 'migrates '}from {plan.source} to {plan.target}"


def _tell_moves(done: list[Move], nothing: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.as_json({"dry_run": dry_run, "moves": [_json(move) for move in done]})
    elif not done:
        output.info(nothing)
    elif dry_run:
        for plan in done:
            how = "restart" if plan.restarts else "migrate"
            click.echo(f"[I] would {how} {plan.domain} from {plan.source} to {plan.target} ({plan.memory_mib} MiB)")


def _json(move: Move) -> dict[str, object]:
    return {
        "domain": move.domain,
        "source": move.source,
        "target": move.target,
        "memory_mib": move.memory_mib,
        "restarts": move.restarts,
    }


COMMANDS = (move,)
