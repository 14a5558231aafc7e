"""A plan on a terminal: a bar for each server before and after, the moves, and what is still wrong."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snow_ha_plugin.cli import output
from snow_ha_plugin.core.balancing import Decision
from snow_ha_plugin.core.load import used
from snow_ha_plugin.model import Severity

BAR = 16
NO_TERMINAL_COLUMNS = 200

# From which load on a bar is yellow, and red; a full server is no fault of the balance.
CROWDED, FULL = 0.8, 0.95


def show(decision: Decision, migration_mib_s: int) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=NO_TERMINAL_COLUMNS)
    console.print(_servers(decision))
    if decision.batches:
        console.print(_moves(decision, migration_mib_s))
    for finding in decision.violations:
        if finding.severity != Severity.INFO:
            output.finding(finding)
    console.print(_summary(decision))


def _servers(decision: Decision) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("Server", "Memory before", "after", "vcpus before", "after"):
        table.add_column(column)
    problem = decision.roster.problem
    before, after = used(problem, problem.homes), used(problem, decision.placement.at)
    for place, old, new in zip(problem.places, before, after, strict=True):
        bars = [_bar(old[0], place.memory_mib), _bar(new[0], place.memory_mib)]
        bars += [_bar(old[1], place.vcpus), _bar(new[1], place.vcpus)]
        table.add_row(place.name + ("" if place.takes else " (takes none)"), *bars)
    return table


def _bar(amount: int, capacity: int) -> Text:
    if not capacity:
        return Text(f"{amount} of ?")
    load = amount / capacity
    filled = min(BAR, round(load * BAR))
    colour = "red" if load > FULL else "yellow" if load > CROWDED else "green"
    return Text.assemble(("█" * filled, colour), ("·" * (BAR - filled), "dim"), f" {load:4.0%}")


def _moves(decision: Decision, migration_mib_s: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("Batch", "Domain", "From", "To", "MiB", "about"):
        table.add_column(column, justify="right" if column in ("Batch", "MiB", "about") else "left")
    for number, batch in enumerate(decision.batches, 1):
        for move in batch:
            seconds = move.memory_mib / migration_mib_s
            table.add_row(str(number), move.domain, move.source, move.target, str(move.memory_mib), f"{seconds:.0f} s")
    return table


def _summary(decision: Decision) -> str:
    plan = decision.placement
    moves = sum(len(batch) for batch in decision.batches)
    memory = sum(move.memory_mib for batch in decision.batches for move in batch)
    above = plan.imbalance_after / plan.lower_bound - 1 if plan.lower_bound else 0.0
    text = f"{moves} moves, {memory} MiB; imbalance {plan.imbalance_before:.3f} -> {plan.imbalance_after:.3f}"
    return f"{text}, {above:.0%} above the best possible"
