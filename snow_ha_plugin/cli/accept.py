"""`accept`: a finding that an administrator knows of, and can live with for a while."""

from __future__ import annotations

import re
import time
from pathlib import Path

import click

from snow_ha_plugin.cli import explain, options, output
from snow_ha_plugin.core.configure import acceptance
from snow_ha_plugin.errors import UsageError
from snow_ha_plugin.guide import accepting
from snow_ha_plugin.system.cluster import Cluster

UNITS_S = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
LONGEST_S = 10 * 365 * 86400


def _seconds(context: click.Context, parameter: click.Parameter, value: str) -> int:
    found = re.fullmatch(r"(\d+)(min|h|d|w)", value)
    seconds = int(found[1]) * UNITS_S[found[2]] if found else 0
    if not 0 < seconds <= LONGEST_S:
        raise click.BadParameter(f"{value!r} is no time such as 12h, 30d or 8w, of ten years at most")
    return seconds


@click.command()
@click.argument("code", required=False, metavar="[CODE]")
@click.argument("subject", required=False, default="", metavar="[SUBJECT]")
@click.option("--for", "for_s", default="30d", callback=_seconds, metavar="TIME", help="How long: 12h, 30d, 8w.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for who reads --list.")
@click.option("--list", "listed", is_flag=True, help="What is accepted, and until when.")
@click.option("--end", "ended", is_flag=True, help="Accept it no longer.")
@options.domain_files
@options.dry_run
@options.json_output
def accept(
    code: str | None, subject: str, for_s: int, reason: str, listed: bool, ended: bool, cib_path: Path | None,
    domains_dir: Path | None, snow_conf: Path | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Accept a finding for a time: it does not count, and is a word in the last line of `status` and `check`.

    Without SUBJECT all of that code that there are now. It ends by itself after 30 days, or what --for says, and when
    it gets worse: for another server or domain, or as an error where it was a warning. What could run a domain twice
    cannot be accepted; that one has run twice (ran-twice) is over, and acknowledged for good.
    """
    if (listed and (code or ended)) or not (listed or code):
        raise UsageError("accept takes a CODE, or --list", remedy="snow ha status shows codes")
    cluster = options.cluster(cib_path)
    if listed:
        _list(cluster, as_json=as_json)
        return
    entry = explain.entry(code or "")
    if ended:
        changes = accepting.end(cluster, entry.code, subject, dry_run=dry_run)
    else:
        ask_servers = not options.in_file(cib_path)
        changes = accepting.accept(
            cluster, domains_dir, entry, subject, for_s, reason, ask_servers=ask_servers, dry_run=dry_run
        )
    if as_json:
        output.as_json({"dry_run": dry_run, "changes": output.changes_json(changes)})
    else:
        output.changes(changes, dry_run=dry_run)


def _list(cluster: Cluster, *, as_json: bool) -> None:
    now = time.time()
    given = acceptance.acceptances(cluster.read())
    if as_json:
        keys = ("code", "subject", "severity", "since", "until", "reason")
        output.as_json({"accepted": [{key: getattr(each, key) for key in keys} for each in given]})
        return
    for each in given:
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.until))
        left = "" if now < each.until else " (ended)"
        click.echo("  ".join(part for part in (each.what, f"until {until}{left}", each.reason) if part))
    if not given:
        output.info("nothing is accepted")


COMMANDS = (accept,)
