"""`what-if`, `drain`, `undrain`: what would be without a server, and a server out of service and back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from snow_ha_plugin.cli import interruption, options, output
from snow_ha_plugin.cli.interruption import Account
from snow_ha_plugin.cli.transfer import Meter
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer import replicas
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import SnowHaError, UnsafeError
from snow_ha_plugin.operations import moves, simulation, standby
from snow_ha_plugin.operations.simulation import Consequences, Loss, Outcome, Outlook
from snow_ha_plugin.system import pacemaker, qdevice
from snow_ha_plugin.system.cluster import Cluster


@click.command("what-if")
@click.argument("servers", nargs=-1, metavar="SERVER...")
@click.option("--each", is_flag=True, help="Of every server alone: a table, one row a server.")
@options.spread
@options.cib_file
@options.domains_dir
@options.json_output
def what_if(
    servers: tuple[str, ...], each: bool, apart_off: frozenset[str], cib_path: Path | None, domains_dir: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Ask Pacemaker's scheduler what would happen if these servers failed.

    Names every domain that would not run, or would share a server with a replica of its role, and tells whether
    yet another server could fail then (N+1). Exit status 107 if it would do harm: a domain that runs now would not
    run any more, or replicas would come together although another server could keep them apart.
    """
    if each == bool(servers):
        raise click.UsageError("give servers that fail at once, or --each")
    cluster = options.cluster(cib_path)
    now, groups = _outlook(cluster, options.files(cib_path, domains_dir), apart_off)
    if each:
        _of_each(simulation.loss_of_each(now, groups), as_json=as_json)
        return
    outcome = now.failure(servers)
    meant = simulation.consequences(now, outcome, now.after_failure(servers), groups)
    if as_json:
        output.as_json({"servers": list(servers), **_json(outcome, meant)})
    else:
        _show(outcome, meant, f"if {' and '.join(servers)} failed")
    if meant.harm:
        raise UnsafeError(meant.harm, *_why(outcome))


def _why(outcome: Outcome) -> tuple[str, str]:
    """Why a failure costs domains, as far as it is no matter of room, and what to do."""
    if not outcome.serving:
        return "no server is left", "one server at a time"
    if not outcome.has_quorum:
        return "the servers that are left have no quorum", "keep more than half of them up"
    return "", "see snow ha balance, and the memory of the other servers"


def _outlook(cluster: Cluster, files: options.Files, apart_off: frozenset[str]) -> tuple[Outlook, dict[str, str]]:
    """The cluster as it is, and its replicas."""
    tree = cluster.read()
    sizes, roles_of = options.sizes_and_roles(files, tree)
    return Outlook(tree, sizes), replicas.groups(cib.domains(tree), roles_of, apart_off)


def _json(outcome: Outcome, meant: Consequences) -> dict[str, Any]:
    return {
        "domains": [{"domain": d, "before": s, "after": outcome.after[d]} for d, s in outcome.before.items()],
        "lost": list(meant.cost.lost),
        "squeezed": list(meant.cost.squeezed),
        "sharing": [{"server": s.server, "domains": list(s.domains), "harm": s.is_harm} for s in meant.sharing],
        "peak_memory": meant.fullest,
        **output.n_plus_1_json(meant.n_plus_1),
    }


def _of_each(losses: Sequence[Loss], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "server": loss.server,
                "moved": list(loss.moved),
                "lost": list(loss.cost.lost),
                "squeezed": list(loss.cost.squeezed),
                "peak_memory": loss.fullest,
                "harm": loss.harm,
            }
            for loss in losses
        ]
        output.as_json({"each": rows})
    else:
        width = max([len("if it failed"), *(len(loss.server) for loss in losses)])
        click.echo(f"{'if it failed':<{width}}  restarted  fullest then  harm")
        for loss in losses:
            click.echo(f"{loss.server:<{width}}  {len(loss.moved):>9}  {loss.fullest:>12.0%}  {loss.harm or 'none'}")
    if harmful := [loss.server for loss in losses if loss.harm]:
        raise UnsafeError(
            f"the failure of {in_words(harmful)} would do harm", remedy="see snow ha balance, and the servers' memory"
        )


def _show(outcome: Outcome, meant: Consequences, when: str) -> None:
    output.info(f"{when}:")
    for domain, before in outcome.before.items():
        after = outcome.after[domain]
        if before != after:
            click.echo(f"  {domain}: {before or 'stopped'} -> {after or output.style('NOWHERE', fg='red')}")
    unchanged = sum(before == outcome.after[domain] for domain, before in outcome.before.items())
    click.echo(f"  {unchanged} domain(s) stay as they are")
    for found in meant.sharing:
        if not found.is_harm:
            output.info(f"{found.text}, which then takes them down together")
    if not outcome.serving or not outcome.has_quorum:
        return
    if len(outcome.serving) == 1:
        output.info(f"memory of {outcome.serving[0]} {meant.fullest:.0%}; no spare is left then")
        return
    words = {True: "would hold: any one server could fail then", False: "would not hold", None: "is unknown"}
    output.info(f"memory of the fullest server {meant.fullest:.0%}; N+1 {words[meant.n_plus_1.holds]}")
    for finding in meant.n_plus_1.findings:
        output.finding(finding)


@click.command()
@click.argument("server")
@click.option("--force", is_flag=True, help="Also where that does harm.")
@options.spread
@options.yes
@options.dry_run
@options.json_output
def drain(server: str, force: bool, apart_off: frozenset[str], yes: bool, dry_run: bool, as_json: bool) -> None:
    """Empty a server for maintenance: its domains migrate away, and none comes until `undrain`.

    Refuses, unless forced, what `what-if` calls harmful: a domain would not run, or replicas of a role would come
    together although another server could keep them apart. Asks where domains cannot migrate, and would be restarted.
    """
    cluster = options.cluster(None)
    if not dry_run:
        options.at_work(cluster, f"drain {server}")
    now, groups = _outlook(cluster, options.files(None, None), apart_off)
    outcome, then = simulation.drained(now.tree, server, now.files)
    meant = simulation.consequences(now, outcome, then, groups)
    refused = meant.harm and not force
    if not as_json and (dry_run or not refused):
        _show(outcome, meant, f"with {server} drained")
    if refused:
        raise UnsafeError(
            f"without {server} {meant.harm}", "nothing was changed", "make room, move replicas, or use --force"
        )
    if meant.harm:
        output.warning(meant.harm)
    node = next(node for node in now.now.state.nodes if node.name == server)
    if not node.online and not as_json:
        what = "what it ran may still run there" if node.unclean else "nothing runs there"
        output.warning(f"{server} is not in the cluster, {what}; it takes no domains when it comes back")
    if not as_json and fencing.is_last_one_weak(now.tree) and not qdevice.votes_here():
        output.warning(
            f"once {server} is stopped, a stall of the shared file system longer than the watchdog and 4 s resets the "
            "last server, with all domains; with SNOW_HA_WATCHDOG_S it rides out longer ones, with a third vote "
            "(snow ha enable --qdevice HOST) any"
        )
    question = f"{in_words(outcome.restarted)} cannot migrate live, and would be restarted elsewhere"
    if outcome.restarted and dry_run and not as_json:
        output.warning(question)
    if not dry_run:
        if outcome.restarted and not output.consent(question, yes=yes, quiet=as_json):
            output.info("nothing was changed")
            return
        there = [domain for domain, place in outcome.before.items() if place == server]
        with emptying(cluster, server, there, quiet=as_json or not node.online) as on_wait:
            changes = standby.empty(cluster, server, there, outcome.after, on_wait)
        if changes and not as_json:
            output.info(f"{server} takes no domains until snow ha undrain {server}")
    if as_json:
        told = {"dry_run": dry_run, "server": server, "restarted": list(outcome.restarted)}
        output.as_json(told | _json(outcome, meant))


@contextmanager
def emptying(cluster: Cluster, server: str, there: Collection[str], *, quiet: bool) -> Iterator[moves.Waiting]:
    """Show how far it is; Pacemaker empties on a server that nobody waits for any more."""

    def account() -> Account:
        with suppress(SnowHaError):
            tree = cluster.read()
            if any(node.name == server and node.standby for node in pacemaker.state(tree).nodes):
                left = standby.left_on(tree, server)
                back = f"{server} stays in standby; give it back once nothing migrates: snow ha undrain {server}"
                return Account([name for name in there if name not in left], sorted(left), (), (back,))
        return Account(then=("see snow ha status",))

    with interruption.told(account), output.moving(f"{server} is emptied", quiet=quiet) as show:
        yield Meter(show)


@click.command()
@click.argument("server")
@options.dry_run
@options.json_output
def undrain(server: str, dry_run: bool, as_json: bool) -> None:
    """Give a server back after `drain`; no domain moves by it."""
    cluster = options.cluster(None)
    if not dry_run:
        options.at_work(cluster, f"undrain {server}")
    changes = standby.put(cluster, server, on=False, dry_run=dry_run)
    output.outcome(changes, f"nothing to do: {server} is not drained", dry_run=dry_run, in_json=as_json)
    if changes and not (dry_run or as_json):
        output.info("what ran there stays where it is now; what would come back: snow ha balance --dry-run")


COMMANDS = (what_if, drain, undrain)
