"""`report`: the cluster as a page for a browser, and as numbers for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import click

from snow_ha_plugin.cli import options, output, page
from snow_ha_plugin.core.reports import metrics, verdict
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import looking_back, reporting, sight
from snow_ha_plugin.operations.reporting import Report
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import published, record
from snow_ha_plugin.system.cluster import Cluster


@click.command()
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write a page that needs nothing else.")
@click.option(
    "--prometheus", type=click.Path(path_type=Path), metavar="FILE",
    help="Write numbers for node_exporter's textfile collector.",
)  # fmt: skip
@click.option(
    "--every", type=click.IntRange(0, 1440), metavar="MIN",
    help="Go on writing it every so many minutes, on whichever server decides for the cluster; 0 ends that.",
)  # fmt: skip
@options.cib_file
@options.domains_dir
@options.dry_run
@options.json_output
def report(
    html: Path | None, prometheus: Path | None, every: int | None, cib_path: Path | None, domains_dir: Path | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write a page to look at, or numbers for Prometheus.

    The page, with the last week, is one file that a browser shows from anywhere: no server and no network is needed.
    """
    if not (html or prometheus or every == 0):
        raise click.UsageError("say what to write: --html FILE or --prometheus FILE")
    cluster = options.cluster(cib_path)
    files = {Report.PAGE: html, Report.METRICS: prometheus}
    given = {kind: path.absolute() for kind, path in files.items() if path}
    if every is None:
        done = write(cluster, html, prometheus, domains_dir=domains_dir, dry_run=dry_run)
    elif options.in_file(cib_path):
        raise click.UsageError("--every is about the running cluster, it takes no --cib")
    elif every == 0:
        done = _end([*given] or [*Report], dry_run=dry_run)
    else:
        done = write(cluster, html, prometheus, every=every, dry_run=dry_run)
        done += _begin(given, every, dry_run=dry_run)
    output.outcome(done, "nothing to do: nothing is kept current", dry_run=dry_run, in_json=as_json)


def _begin(given: Mapping[Report, Path], every: int, *, dry_run: bool) -> list[Change]:
    site = Site.load()
    for kind, path in given.items():
        if not dry_run:
            reporting.begin(site.servers, kind, path, every)
    return [
        Change("keep", str(path), f"have the cluster write {path} every {every} min, on the server that is its DC")
        for path in given.values()
    ]


def _end(kinds: Iterable[Report], *, dry_run: bool) -> list[Change]:
    site = Site.load()
    ending = [kind for kind in reporting.kept(site.servers) if kind in kinds]
    if not dry_run:
        reporting.end(site.servers, ending)
    return [Change("end", kind, f"stop keeping the {kind} current") for kind in ending]


def write(
    cluster: Cluster, html: Path | None, prometheus: Path | None, *, domains_dir: Path | None = None, every: int = 0,
    dry_run: bool = False,
) -> list[Change]:  # fmt: skip
    """Both from one look at the cluster."""
    outlook = sight.outlook(cluster, domains_dir)
    view = sight.look(cluster, outlook)
    now = time.time()
    changes = []
    if html:
        past = looking_back.past(cluster, now - page.DAYS * page.DAY_S)
        sheet = page.Sheet(outlook.tree, view, past.events, "; ".join(past.missing), now, record.here(), every)
        changes.append(Change("page", str(html), f"put the page into {html}"))
        if not dry_run:
            published.put(html, page.render(sheet).encode())
    if prometheus:
        told = metrics.text(view, verdict.of(view), _tested_at(view.fencing.tested), now)
        changes.append(Change("metrics", str(prometheus), f"put the numbers for Prometheus into {prometheus}"))
        if not dry_run:
            published.put(prometheus, told.encode())
    return changes


def _tested_at(tested: Mapping[str, str]) -> dict[str, float]:
    """When the fencing of servers was tested, of those where the CIB has a time."""
    found = {}
    for server, text in tested.items():
        with suppress(ValueError):
            found[server] = datetime.fromisoformat(text).timestamp()
    return found


COMMANDS = (report,)
