"""`status`: servers, domains, floating IP, fencing, balance, and what to worry about."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.decision import Wishes
from snow_ha_plugin.core.reports import findings, health
from snow_ha_plugin.core.reports.health import Standing
from snow_ha_plugin.core.reports.overview import DomainView, Overview, ServerView, migrating, overview
from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.model import Domain, Finding, Severity
from snow_ha_plugin.operations.agreement import survey
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import migrations, pacemaker, qdevice, snowtools
from snow_ha_plugin.system.servers import Servers

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Without a terminal a line is as long as it needs to be: it may be grepped.
NO_TERMINAL_COLUMNS = 200

STATE_COLOURS = {"running": "green", "stopped": "yellow", "failed": "red", "blocked": "red", "unknown": "red"}


@click.command()
@options.domain_files
@options.json_output
def status(cib_path: Path | None, domains_dir: Path | None, snow_conf: Path | None, as_json: bool) -> None:
    """Show servers, domains, the floating IP, fencing, the balance, and what to worry about.

    N+1 holds where any one server may fail, since the others have room for its domains.
    """
    store = options.store(cib_path)
    tree = store.read()
    state = pacemaker.state(None if store.live else tree)
    directory = domains_dir or snowtools.layout().domains_dir
    sizes = [name for name, primitive in cib.domains(tree).items() if "hv_memory" not in primitive.utilization]
    read, _ = snowtools.read_domains(directory, sizes)
    files = {domain.name: domain for domain in read}
    # A CIB in a file has no servers that could be asked.
    sources = migrating(state) if store.live else {}
    progress = migrations.progress(Servers([]), sources) if sources else {}
    stands, odd = _standing(tree, files)
    view = overview(tree, state, stands, files, progress)
    view = replace(view, findings=(*view.findings, *odd))
    if store.live and qdevice.votes_here() is False:
        missing = findings.no_third_vote(Servers([]).here)
        view = replace(view, findings=(*view.findings, missing))
    if as_json:
        output.as_json(_json(view))
    else:
        _show(view)


def _standing(tree: cib.Tree, files: dict[str, Domain]) -> tuple[Standing | None, tuple[Finding, ...]]:
    """How the cluster stands; of one that the scheduler or the balancer does not take only why."""
    outlook = Outlook(tree, files)
    try:
        return health.of(survey(outlook, {}, Wishes()), outlook.n_plus_1), ()
    except SnowHaError as error:
        reason = "; ".join(part for part in (error.message, error.details) if part)
        message = f"the balance is unknown: {reason}"
        return None, (Finding(Severity.WARNING, "balance-unknown", message, error.remedy),)


def _json(view: Overview) -> dict[str, Any]:
    return {
        "servers": [
            {
                "name": server.name,
                "online": server.online,
                "standby": server.standby,
                "domains": list(server.domains),
                "memory_mib": {"capacity": server.capacity_mib, "used": server.used_mib},
            }
            for server in view.servers
        ],
        "domains": [
            {
                "name": domain.name,
                "state": domain.state,
                "server": domain.server,
                "managed": domain.managed,
                "memory_mib": domain.memory_mib,
                "vcpus": domain.vcpus,
                "since": domain.since,
                "migration": asdict(domain.migration) if domain.migration else None,
            }
            for domain in view.domains
        ],
        "floating_ips": [{"address": ip.address, "server": ip.server} for ip in view.floating_ips],
        "fencing": {
            "enabled": view.fencing.enabled,
            "way": view.fencing.way,
            "devices": list(view.fencing.devices),
            "tested": dict(view.fencing.tested),
        },
        "balance": output.standing_json(view.standing) if view.standing else None,
        "findings": output.findings_json(view.findings),
    }


def _show(view: Overview) -> None:
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, emoji=False, width=NO_TERMINAL_COLUMNS)
    console.print(_servers(view.servers))
    console.print(_domains(view.domains))
    for ip in view.floating_ips:
        console.print(f"Floating IP  {ip.address} " + (f"on {ip.server}" if ip.server else "[red]nowhere[/]"))
    if view.fencing.enabled:
        tested = ", ".join(f"{name} {when or 'never'}" for name, when in view.fencing.tested.items())
        how = output.WAYS.get(view.fencing.way, ", ".join(view.fencing.devices))
        console.print(f"Fencing      [green]on[/]: {how}; last test: {tested}")
    else:
        console.print("Fencing      [bold red]NONE: a cut network can make a domain run twice[/]")
    _balance(console, view.standing)
    for finding in view.findings:
        output.finding(finding)


def _balance(console: Console, standing: Standing | None) -> None:
    if standing is None:
        console.print("Balance      [yellow]unknown[/]")
        return
    console.print(f"Balance      {output.standing_words(standing.spread.peak_memory, standing.lower_bound)}")
    words = {
        True: "[green]holds[/]: any one server may fail",
        False: "[bold red]does not hold[/]",
        None: "[yellow]unknown[/]",
    }
    console.print(f"N+1          {words[standing.n_plus_1.holds]}")


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in ("MiB", "vcpus", "of MiB") else "left")
    return table


def _servers(servers: tuple[ServerView, ...]) -> Table:
    table = _table("Server", "State", "Domains", "MiB", "of MiB")
    for server in servers:
        state = "[green]online[/]" if server.online else "[red]OFFLINE[/]"
        state = "[yellow]standby[/]" if server.standby else state
        capacity = str(server.capacity_mib or "?")
        table.add_row(server.name, state, str(len(server.domains)), str(server.used_mib), capacity)
    return table


def _domains(domains: tuple[DomainView, ...]) -> Table:
    table = _table("Domain", "State", "Server", "Since", "MiB", "vcpus")
    for domain in domains:
        colour = STATE_COLOURS.get(domain.state, "cyan")
        state = f"[{colour}]{domain.state}[/]" + ("" if domain.managed else " [yellow](unmanaged)[/]")
        if way := domain.migration:
            state += f" to {way.target}: {way.sent_mib} of {way.memory_mib} MiB, {way.mib_per_s} MiB/s"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(domain.since)) if domain.since else "-"
        size = (str(domain.memory_mib or "?"), str(domain.vcpus or "?"))
        table.add_row(domain.name, state, domain.server or "-", since, *size)
    return table


COMMANDS = (status,)
