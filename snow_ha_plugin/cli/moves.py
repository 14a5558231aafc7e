"""`move`, `drain`, `undrain`, `what-if`: domains from server to server, and what a failure would do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.errors import TimedOutError, UnsafeError
from snow_ha_plugin.model import Move
from snow_ha_plugin.steps import foresight, moves, standby
from snow_ha_plugin.steps.foresight import Outcome


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


@click.command("what-if")
@click.argument("servers", nargs=-1, required=True, metavar="SERVER...")
@options.cib_file
@options.json_output
def what_if(servers: tuple[str, ...], cib_path: Path | None, as_json: bool) -> None:
    """Ask Pacemaker's scheduler what would happen if these servers failed.

    Exit status 107 if a domain that runs now would not run any more.
    """
    outcome = foresight.failure_of(options.store(cib_path).read(), servers)
    if as_json:
        rows = [{"domain": d, "before": s, "after": outcome.after[d]} for d, s in outcome.before.items()]
        output.as_json({"servers": list(servers), "domains": rows, "lost": list(outcome.lost)})
    else:
        _show(outcome, f"if {' and '.join(servers)} failed")
    if outcome.lost:
        raise UnsafeError(f"{', '.join(outcome.lost)} would not run", remedy="see the memory of the other servers")


def _show(outcome: Outcome, when: str) -> None:
    output.info(f"{when}:")
    for domain, before in outcome.before.items():
        after = outcome.after[domain]
        if before != after:
            click.echo(f"  {domain}: {before or 'stopped'} -> {after or click.style('NOWHERE', fg='red')}")
    unchanged = sum(before == outcome.after[domain] for domain, before in outcome.before.items())
    click.echo(f"  {unchanged} domain(s) stay as they are")


@click.command()
@click.argument("server")
@click.option("--force", is_flag=True, help="Also where a domain would not run afterwards.")
@options.dry_run
@options.json_output
def drain(server: str, force: bool, dry_run: bool, as_json: bool) -> None:
    """Empty a server for maintenance: its domains migrate away, and none comes until `undrain`."""
    store = options.store(None)
    outcome = standby.drained(store.read(), server)
    if outcome.lost and not force:
        raise UnsafeError(
            f"{', '.join(outcome.lost)} would not run without {server}",
            "nothing was changed",
            "make room, or use --force",
        )
    if dry_run and not as_json:
        _show(outcome, f"with {server} drained")
    if not dry_run:
        changes = standby.put(store, server, on=True)
        with output.progress(f"{server} is emptied", quiet=as_json):
            _wait_until(lambda: standby.is_empty(store.read(), server), f"{server} is not empty yet")
        if changes and not as_json:
            output.info(f"{server} takes no domains until snow ha undrain {server}")
    if as_json:
        rows = [{"domain": d, "before": s, "after": outcome.after[d]} for d, s in outcome.before.items()]
        output.as_json({"dry_run": dry_run, "server": server, "domains": rows})


@click.command()
@click.argument("server")
@options.dry_run
@options.json_output
def undrain(server: str, dry_run: bool, as_json: bool) -> None:
    """Give a server back after `drain`; no domain moves by it."""
    changes = standby.put(options.store(None), server, on=False, dry_run=dry_run)
    if as_json:
        output.as_json({"dry_run": dry_run, "changes": output.changes_json(changes)})
    elif changes:
        output.changes(changes, dry_run=dry_run)
    else:
        output.info(f"nothing to do: {server} is not drained")


def _wait_until(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + standby.EMPTY_WITHIN_S
    while not done():
        if time.monotonic() > deadline:
            raise TimedOutError(otherwise, f"after {standby.EMPTY_WITHIN_S} s", "see crm_mon")
        time.sleep(moves.POLL_S)


COMMANDS = (move, what_if, drain, undrain)
