"""`balance`: plan where domains should be, show it, and with consent carry it out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from snow_ha_plugin.cli import interruption, options, output
from snow_ha_plugin.cli.transfer import Meter, Trail
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.decision import Decision, Wishes
from snow_ha_plugin.core.balancer.planner import Limits
from snow_ha_plugin.core.balancer.problem import By, Problem, spread, used
from snow_ha_plugin.core.configure.location import LocationConstraint
from snow_ha_plugin.errors import UsageError
from snow_ha_plugin.model import Move
from snow_ha_plugin.operations import moves
from snow_ha_plugin.operations.agreement import Agreement, agree
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.operations.transaction import change, undisturbed, unsaid
from snow_ha_plugin.system.cluster import Cluster

USUAL = Limits()


@click.command()
@click.option("--max-moves", type=click.IntRange(min=0), metavar="N", help="Move so many domains at most.")
@click.option("--by", type=click.Choice([str(by) for by in By]), default=str(By.BOTH), help="What is to be even.")
@click.option(
    "--min-gain", type=click.FloatRange(min=0), metavar="PERCENT", default=USUAL.min_gain * 100, show_default=True,
    help="What a move must even out, in percent of a server.",
)  # fmt: skip
@click.option(
    "--level", type=click.FloatRange(min=0, max=100), metavar="PERCENT", default=USUAL.level * 100, show_default=True,
    help="How far the fullest server may be above the best possible before anything moves, in percent of its memory.",
)  # fmt: skip
@options.spread
@click.option(
    "--parallel", type=click.IntRange(min=1), metavar="N", default=USUAL.parallel, show_default=True,
    help="So many migrations at a time.",
)  # fmt: skip
@click.option("--failback", is_flag=True, help="Let domains return by themselves to where the plan has them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.domain_files
@options.dry_run
@options.json_output
def balance(
    max_moves: int | None, by: str, min_gain: float, level: float, apart_off: frozenset[str], parallel: int,
    failback: bool, yes: bool, cib_path: Path | None, domains_dir: Path | None, snow_conf: Path | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Spread the domains evenly over the servers, with as few live migrations as that takes.

    Keeps replicas of a role apart, keeps room for the failure of any one server, and respects every constraint
    that somebody has written. Its own rules keep domains where the plan has them. With --cib FILE nothing
    migrates: the rules are written so that Pacemaker would carry the moves out.
    """
    if as_json and not (dry_run or yes):
        raise UsageError("with --json nothing can be asked", remedy="add --dry-run or --yes")
    limits = Limits(max_moves=max_moves, min_gain=min_gain / 100, level=level / 100, parallel=parallel)
    wishes = Wishes(by=By(by), limits=limits, apart_off=apart_off, failback=failback)
    # read
    cluster = options.cluster(cib_path)
    if not dry_run:
        options.at_work(cluster, "balance")
    tree = cluster.read()
    files = options.files(cib_path, domains_dir, snow_conf)
    sizes, roles = options.sizes_and_roles(files, tree)
    # decide, with Pacemaker's scheduler
    agreement = agree(Outlook(tree, sizes), roles, wishes, rules_move=not cluster.migrates)
    decision = agreement.decision
    changes = [] if agreement.refused else decision.edit(cib.clone(tree), decision.final)
    if as_json:
        output.as_json(_json(agreement, decision.final if cluster.migrates else decision.moving))
    else:
        from snow_ha_plugin.cli import balance_view

        balance_view.show(agreement, files.conf.migration_mib_s)
        returns = failback or not (cluster.migrates or not decision.batches)
        for line in balance_view.written(changes, returns=returns):
            click.echo(line)
    if agreement.refused or not (changes or decision.batches):
        _say(
            "nothing is changed" if agreement.refused else "nothing to do: the domains are where they should be",
            as_json,
        )
        return
    if dry_run:
        return
    # apply
    if not yes and not _consents(decision, cluster, len(changes)):
        output.info("nothing was changed")
        return
    _apply(cluster, agreement, as_json=as_json)


def _consents(decision: Decision, cluster: Cluster, rules: int) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask", remedy="add --yes, or --dry-run")
    count = sum(len(batch) for batch in decision.batches)
    parts = [f"migrate {count} domains"] if cluster.migrates and count else []
    parts += [f"write {rules} changes"] if rules else []
    return click.confirm(f"[?] {' and '.join(parts)} now?")


def _apply(cluster: Cluster, agreement: Agreement, *, as_json: bool) -> None:
    """Rules at rest first: one of an earlier plan would pull a domain back as soon as it has arrived."""
    decision = agreement.decision
    if not cluster.migrates:
        planned = [move for batch in decision.batches for move in batch]
        judge = undisturbed(moves=planned, tell=unsaid)
        changes = change(cluster, lambda tree: decision.edit(tree, decision.moving), judge)
    else:
        if decision.batches:
            judge = undisturbed(tell=unsaid)
            change(cluster, lambda tree: decision.edit(tree, decision.resting), judge)
            _migrate(cluster, decision.batches, quiet=as_json)
        changes = change(cluster, lambda tree: decision.edit(tree, decision.final), undisturbed())
    if changes:
        _say(f"{len(changes)} changes written", as_json)


def _migrate(cluster: Cluster, batches: Sequence[Sequence[Move]], *, quiet: bool) -> None:
    planned = [move for batch in batches for move in batch]
    trail, again = Trail(planned), "go on: snow ha balance"
    with interruption.told(lambda: trail.account(again)), output.moving("domains migrate", quiet=quiet) as show:
        moves.carry_out(cluster, batches, on_progress=_teller(trail, len(planned), quiet), on_wait=Meter(show))


def _teller(trail: Trail, count: int, quiet: bool) -> moves.Progress:
    ended = []

    def tell(move: Move, state: str) -> None:
        trail.note(move, state)
        if state != "migrating":
            ended.append(move)
            state += f" ({len(ended)} of {count})"
        _say(f"{move.domain}: {move.source} -> {move.target} {state}", quiet)

    return tell


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        output.info(text)


def _json(agreement: Agreement, rules: tuple[LocationConstraint, ...]) -> dict[str, Any]:
    decision = agreement.decision
    plan, problem = decision.placement, decision.instance.problem
    return {
        "before": spread(problem, problem.initial)._asdict(),
        "after": spread(problem, plan.assignment)._asdict(),
        "lower_bound": plan.lower_bound,
        "moves": [
            {"domain": m.domain, "source": m.source, "target": m.target, "memory_mib": m.memory_mib, "batch": number}
            for number, batch in enumerate(decision.batches, 1)
            for m in batch
        ],
        "servers": _servers_json(problem, plan.assignment),
        "constraints": [{"id": rule.id, "rsc": rule.rsc, "node": rule.node, "score": rule.score} for rule in rules],
        **output.n_plus_1_json(agreement.after),
        "violations": output.findings_json(agreement.findings),
    }


def _servers_json(problem: Problem, assignment: tuple[int | None, ...]) -> list[dict[str, Any]]:
    rows = zip(problem.servers, used(problem, problem.initial), used(problem, assignment), strict=True)
    return [
        {
            "name": server.name,
            "capacity": {"memory_mib": server.memory_mib, "vcpus": server.vcpus},
            "before": {"memory_mib": before[0], "vcpus": before[1]},
            "after": {"memory_mib": after[0], "vcpus": after[1]},
        }
        for server, before, after in rows
    ]


COMMANDS = (balance,)
