"""A plan on a terminal: a bar for each server before and after, the moves, and what is still wrong; in ASCII, as
`status` is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from snow_ha_plugin.cli import output
from snow_ha_plugin.core.balancer.decision import Decision
from snow_ha_plugin.core.balancer.problem import OVERCOMMIT, By, spread, used
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations.agreement import Agreement

NO_TERMINAL_COLUMNS = 200

# How long a line of names is, on any terminal.
FITS = 78

# How long a bar is where the terminal is wide enough, and at least.
LONGEST_BAR, SHORTEST_BAR = 16, 4

# What a line of the table has beside its server's name and the four bars: their brackets and numbers, and what is
# between columns.
BESIDE_BARS = 4 * 2 + 4 * 5 + 4 * 2

# From which load on a bar is yellow, and red; a full server is no fault of the balance.
CROWDED, FULL = 0.8, 0.95


def show(agreement: Agreement, migration_mib_s: int) -> None:
    decision = agreement.decision
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, emoji=False, width=NO_TERMINAL_COLUMNS)
    console.print(_servers(decision, console.width))
    console.print()
    if decision.batches:
        console.print(_moves(decision, migration_mib_s))
        console.print()
    for finding in agreement.findings:
        output.finding(finding)
    for line in _summary(agreement, migration_mib_s):
        console.print(line)


def written(changes: Sequence[Change], *, returns: bool) -> Iterator[str]:
    """What would be written into the cluster's configuration, with what it brings about; `returns` where rules move."""
    places = [change.target for change in changes if change.action == "place"]
    if places:
        effect = "they go there by themselves" if returns else "nothing moves by it later"
        yield f"writes: prefer the planned server of these ({effect})"
        yield from textwrap.wrap(", ".join(places), FITS, initial_indent="  ", subsequent_indent="  ")
    yield from (f"writes: {change.message}" for change in changes if change.action != "place")


def _servers(decision: Decision, columns: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("Server", "Memory before", "after", "vcpus/CPU before", "after"):
        table.add_column(column)
    problem = decision.instance.problem
    names = [server.name + ("" if server.takes else " (takes none)") for server in problem.servers]
    room = (columns - max(map(len, names), default=0) - BESIDE_BARS) // 4
    length = max(SHORTEST_BAR, min(LONGEST_BAR, room))
    before, after = used(problem, problem.initial), used(problem, decision.placement.assignment)
    for name, server, old, new in zip(names, problem.servers, before, after, strict=True):
        bars = [_memory_bar(load[0], server.memory_mib, length) for load in (old, new)]
        bars += [_vcpus_bar(load[1], server.vcpus, length) for load in (old, new)]
        table.add_row(name, *bars)
    return table


def _memory_bar(mib: int, capacity: int, length: int) -> Text:
    return _bar(mib / capacity, length, f"{mib / capacity:4.0%}") if capacity else Text(f"{mib} of ?")


def _vcpus_bar(vcpus: int, cpus: int, length: int) -> Text:
    """A full bar is as many vcpus for each CPU as the balancer allows."""
    return _bar(vcpus / cpus / OVERCOMMIT, length, f"{vcpus / cpus:4.2f}") if cpus else Text(f"{vcpus} of ?")


def _bar(load: float, length: int, number: str) -> Text:
    filled = min(length, round(load * length))
    colour = "red" if load > FULL else "yellow" if load > CROWDED else "green"
    return Text.assemble("[", ("#" * filled, colour), ("." * (length - filled), "dim"), f"] {number}")


def _moves(decision: Decision, migration_mib_s: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("Batch", "Domain", "From", "To", "MiB", "about"):
        table.add_column(column, justify="right" if column in ("Batch", "MiB", "about") else "left")
    for number, batch in enumerate(decision.batches, 1):
        for move in batch:
            seconds = move.memory_mib / migration_mib_s
            table.add_row(str(number), move.domain, move.source, move.target, str(move.memory_mib), f"{seconds:.0f} s")
    return table


def _summary(agreement: Agreement, migration_mib_s: int) -> Iterator[str]:
    decision = agreement.decision
    plan, problem = decision.placement, decision.instance.problem
    moves = [move for batch in decision.batches for move in batch]
    memory = sum(move.memory_mib for move in moves)
    # The moves of a batch share the network.
    batches = _count(len(decision.batches), "batch", "batches")
    took = f" in {batches}, about {memory / migration_mib_s:.0f} s at {migration_mib_s} MiB/s"
    yield f"{_count(len(moves), 'move', 'moves')}, {memory} MiB" + (took if moves else "")
    peaks = [spread(problem, assignment).peak(problem.by) for assignment in (problem.initial, plan.assignment)]
    what = "vcpus of the busiest" if problem.by == By.VCPUS else "memory of the fullest"
    yield f"{what} server {peaks[0]:.0%} -> {peaks[1]:.0%}, at best {plan.lower_bound:.0%}"
    if agreement.after.holds:
        yield "N+1 holds: any one server may fail"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
