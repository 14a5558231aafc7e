"""`status`: how the cluster is, in one word first; then servers, domains, and what to do about what is wrong."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from snow_ha_plugin.cli import options, output, status_object, status_view
from snow_ha_plugin.core.reports import chronicle, verdict
from snow_ha_plugin.core.reports.overview import Overview
from snow_ha_plugin.core.reports.verdict import Verdict, Word
from snow_ha_plugin.errors import SnowHaError, UnavailableError, UsageError
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations import looking_back, sight
from snow_ha_plugin.operations.looking_back import Past
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system.cluster import Cluster

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

    With a name: all that is known of that domain or server, why it is where it is, and what happened to it of late.

    Exit status 0 healthy, 1 degraded, 2 broken, 3 not enabled or not known; with --json 0, and the word is in it, or 69
    and no object where Pacemaker does not answer here. A further server may fail where the others have room for its
    domains.
    """
    cluster = options.cluster(cib_path)
    if watch:
        if as_json or check:
            raise UsageError("--watch draws on a terminal", remedy="leave out --json and --check")
        _watch(cluster, domains_dir, name)
        return
    try:
        outlook = sight.outlook(cluster, domains_dir)
        view = sight.look(cluster, outlook)
    except UnavailableError as error:
        if as_json:
            raise
        if check:
            click.echo(status_view.check_line(Verdict(Word.CANNOT_TELL, error.message), None))
        else:
            output.error(str(error))
            _tell_by_xl(cluster)
        sys.exit(Word.CANNOT_TELL.exit_code)
    told = verdict.of(view)
    past = _past(cluster, view, name) if name else None
    if as_json:
        about = status_object.as_json(outlook.tree, outlook.now.scores, name, past.events) if name and past else None
        output.as_json(_json(view, told, about))
        return
    if name and past:
        for line in _described(outlook, view, name, past):
            output.echo(line)
        for missing in past.missing:
            output.warning(f"not here: {missing}")
    elif check:
        click.echo(status_view.check_line(told, view))
    elif trouble and told.word == Word.HEALTHY:
        click.echo(status_view.head(told))
    else:
        for line in status_view.lines(view, told, status_view.columns(), time.time()):
            output.echo(line)
        if told.word == Word.NOT_ENABLED:
            _tell_by_xl(cluster)
    sys.exit(told.word.exit_code)


def _tell_by_xl(cluster: Cluster) -> None:
    if told := sight.by_xl(cluster):
        output.info(told)


def as_it_is(cluster: Cluster) -> list[str]:
    """The verdict, and what is an error now: what a verb ends with that has changed the whole cluster."""
    try:
        view = sight.look(cluster, sight.outlook(cluster, None))
    except UnavailableError as error:
        return [status_view.head(Verdict(Word.CANNOT_TELL, str(error)))]
    wrong = tuple(finding for finding in view.findings if finding.severity == Severity.ERROR)
    return [status_view.head(verdict.of(view)), *status_view.findings(wrong, status_view.columns(), time.time())]


def _watch(cluster: Cluster, domains_dir: Path | None, name: str | None) -> None:
    """Draw again and again; what cannot be asked at a moment is told, and looked for again."""
    if not sys.stdout.isatty():
        raise UsageError("--watch draws on a terminal", remedy="run it on one, or without --watch")
    while True:
        text = "\n".join(_drawn(cluster, domains_dir, name))
        click.clear()
        output.echo(f"{text}\n{output.style(time.strftime('%H:%M:%S'), fg='blue')}, every {WATCH_S} s; Ctrl-C ends it")
        time.sleep(WATCH_S)


def _drawn(cluster: Cluster, domains_dir: Path | None, name: str | None) -> Iterator[str]:
    try:
        outlook = sight.outlook(cluster, domains_dir)
        view = sight.look(cluster, outlook)
        past = _past(cluster, view, name) if name else None
    except SnowHaError as error:
        yield status_view.head(Verdict(Word.CANNOT_TELL, str(error)))
        return
    if name and past:
        yield from _described(outlook, view, name, past)
    else:
        yield from status_view.lines(view, verdict.of(view), status_view.columns(), time.time())


def _past(cluster: Cluster, view: Overview, name: str) -> Past:
    """What happened of late to a domain or a server; NoSuchObjectError for what is neither."""
    status_object.require(view, name)
    found = looking_back.past(cluster, time.time() - status_object.DAYS * 86400)
    return found._replace(events=chronicle.of(found.events, name))


def _described(outlook: Outlook, view: Overview, name: str, past: Past) -> Iterator[str]:
    return status_object.described(outlook, view, name, past.events, status_view.columns(), time.time())


def _json(view: Overview, told: Verdict, about: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "verdict": {"word": told.word.text.lower(), "summary": told.summary},
        "servers": [
            {
                "name": server.name,
                "online": server.online,
                "unseen": server.unseen,
                "standby": server.standby,
                "maintenance": server.maintenance,
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
                "watch": domain.watch,
                "migration": domain.migration._asdict() if domain.migration else None,
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
        "accepted": output.accepted_json(view.accepted),
        "about": about,
    }


COMMANDS = (status,)
