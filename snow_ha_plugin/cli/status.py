"""`status`: how the cluster is, in one word first; then servers, domains, and what to do about what is wrong."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from snow_ha_plugin.cli import options, output, status_object, status_view
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.decision import Wishes
from snow_ha_plugin.core.reports import findings, health, verdict
from snow_ha_plugin.core.reports.health import Standing
from snow_ha_plugin.core.reports.overview import Overview, migrating, overview
from snow_ha_plugin.core.reports.verdict import Verdict, Word
from snow_ha_plugin.errors import SnowHaError, UnavailableError, UsageError
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.agreement import survey
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import migrations, pacemaker, qdevice, snowtools
from snow_ha_plugin.system.pacemaker import Store
from snow_ha_plugin.system.servers import Servers

# Without a terminal a line is as long as it needs to be: it may be grepped.
NO_TERMINAL_COLUMNS = 200

# Between two looks of --watch.
WATCH_S = 2


@click.command()
@click.argument("name", required=False, metavar="[DOMAIN|SERVER]")
@click.option("-x", "--trouble", is_flag=True, help="One line where all is well.")
@click.option("--check", is_flag=True, help="One line with numbers, as a Nagios plugin.")
@click.option("--watch", is_flag=True, help="Look again every 2 s, until Ctrl-C.")
@options.domain_files
@options.json_output
def status(
    name: str | None, trouble: bool, check: bool, watch: bool, cib_path: Path | None, domains_dir: Path | None,
    snow_conf: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Show in one word how the cluster is, then servers, domains, and what to do about what is wrong.

    With a name: all that is known of that domain or server, and why it is where it is.

    Exit status 0 healthy, 1 degraded, 2 broken, 3 not enabled or not known; with --json 0, and the word is in it. A
    further server may fail where the others have room for its domains.
    """
    store = options.store(cib_path)
    if watch:
        if as_json or check:
            raise UsageError("--watch draws on a terminal", remedy="leave out --json and --check")
        _watch(store, domains_dir)
        return
    try:
        outlook = _outlook(store, domains_dir)
        view = _look(store, outlook)
    except UnavailableError as error:
        if as_json:
            raise
        if check:
            click.echo(status_view.check_line(Verdict(Word.CANNOT_TELL, error.message), None))
        else:
            output.error(str(error))
        sys.exit(Word.CANNOT_TELL.exit_code)
    told = verdict.of(view)
    if as_json:
        output.as_json(_json(view, told))
        return
    if name:
        _describe(outlook, view, name)
    elif check:
        click.echo(status_view.check_line(told, view))
    elif trouble and told.word == Word.HEALTHY:
        click.echo(status_view.head(told))
    else:
        for line in status_view.lines(view, told, _columns(), time.time()):
            click.echo(line)
    sys.exit(told.word.exit_code)


def as_it_is(store: Store) -> Iterator[str]:
    """The verdict, and what is an error now: what a verb ends with that has changed the whole cluster."""
    try:
        view = _look(store, _outlook(store, None))
    except UnavailableError as error:
        yield status_view.head(Verdict(Word.CANNOT_TELL, str(error)))
        return
    yield status_view.head(verdict.of(view))
    wrong = tuple(finding for finding in view.findings if finding.severity == Severity.ERROR)
    yield from status_view.findings(wrong, _columns(), time.time())


def _columns() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else NO_TERMINAL_COLUMNS


def _watch(store: Store, domains_dir: Path | None) -> None:
    """Draw again and again; what cannot be asked at a moment is told, and looked for again."""
    if not sys.stdout.isatty():
        raise UsageError("--watch draws on a terminal", remedy="run it on one, or without --watch")
    while True:
        text = "\n".join(_drawn(store, domains_dir))
        click.clear()
        click.echo(f"{text}\n{output.style(time.strftime('%H:%M:%S'), fg='blue')}, every {WATCH_S} s; Ctrl-C ends it")
        time.sleep(WATCH_S)


def _drawn(store: Store, domains_dir: Path | None) -> Iterator[str]:
    try:
        view = _look(store, _outlook(store, domains_dir))
    except SnowHaError as error:
        yield status_view.head(Verdict(Word.CANNOT_TELL, str(error)))
        return
    yield from status_view.lines(view, verdict.of(view), _columns(), time.time())


def _outlook(store: Store, domains_dir: Path | None) -> Outlook:
    """The cluster as the scheduler is asked about it, once for the verdict and for what is told of one domain."""
    tree = store.read()
    directory = domains_dir or snowtools.layout().domains_dir
    sizes = [name for name, primitive in cib.domains(tree).items() if "hv_memory" not in primitive.utilization]
    read, _ = snowtools.read_domains(directory, sizes)
    return Outlook(tree, {domain.name: domain for domain in read})


def _look(store: Store, outlook: Outlook) -> Overview:
    tree, files = outlook.tree, outlook.files
    with ThreadPoolExecutor(1) as meanwhile:
        seen = meanwhile.submit(pacemaker.state, None if store.live else tree)
        stands, odd = _standing(outlook)
    state = seen.result()
    # A CIB in a file has no servers that could be asked.
    sources = migrating(state) if store.live else {}
    progress = migrations.progress(Servers([]), sources) if sources else {}
    view = overview(tree, state, stands, files, progress)
    view = replace(view, findings=(*view.findings, *odd))
    if store.live and qdevice.votes_here() is False:
        missing = findings.no_third_vote(Servers([]).here)
        view = replace(view, findings=(*view.findings, missing))
    return view


def _standing(outlook: Outlook) -> tuple[Standing | None, tuple[Finding, ...]]:
    """How the cluster stands; of one that the scheduler or the balancer does not take only why."""
    try:
        return health.of(survey(outlook, {}, Wishes()), outlook.n_plus_1), ()
    except SnowHaError as error:
        reason = "; ".join(part for part in (error.message, error.details) if part)
        message = f"the balance is unknown: {reason}"
        return None, (Finding(Severity.WARNING, "balance-unknown", message, error.remedy),)


def _describe(outlook: Outlook, view: Overview, name: str) -> None:
    """One domain or server; NoSuchObjectError for what is neither."""
    for line in status_object.described(outlook.tree, view, outlook.now.scores, name, _columns(), time.time()):
        click.echo(line)


def _json(view: Overview, told: Verdict) -> dict[str, Any]:
    return {
        "verdict": {"word": told.word.text.lower(), "summary": told.summary},
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


COMMANDS = (status,)
