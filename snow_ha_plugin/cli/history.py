"""`history` and `rollback`: who changed what, what happened, and the way back."""

from __future__ import annotations

import difflib
import re
import time
from datetime import datetime
from pathlib import Path

import click

from snow_ha_plugin.cli import history_view, options, output
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports import chronicle
from snow_ha_plugin.core.reports.text import duration
from snow_ha_plugin.errors import NoSuchObjectError, SnowHaError
from snow_ha_plugin.operations import looking_back, rollback
from snow_ha_plugin.operations.rollback import Plan
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import told, unsaid
from snow_ha_plugin.system import configurations
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.configurations import Kept

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def _time(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """So long ago, or a date and perhaps a time of this server's zone; in seconds since 1970."""
    ago = re.fullmatch(r"(\d+) ?(s|m|min|h|d|w)", value)
    if ago:
        return time.time() - int(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{value!r} is neither 90min, 12h, 7d nor 2026-11-28 or '2026-11-28 13:00'") from None


@click.command()
@click.argument("name", required=False, metavar="[DOMAIN|SERVER]")
@click.option(
    "--since", default="7d", show_default=True, callback=_time, metavar="TIME",
    help="So long ago (90min, 12h, 7d), or a date (2026-11-28, '2026-11-28 13:00').",
)  # fmt: skip
@options.json_output
def history(name: str | None, since: float, as_json: bool) -> None:
    """Show what happened: who changed what, and what Pacemaker did.

    The latest comes last. What came again and again is one line with a count.
    """
    options.require_root()
    past = looking_back.past(LiveCluster(), since)
    events = chronicle.of(past.events, name) if name else past.events
    if name and not events:
        _require_known(name)
    if as_json:
        shown = [event._asdict() for event in events]
        output.as_json({"since": since, "events": shown, "unknown": past.unknown, "missing": list(past.missing)})
        return
    kept = {found.version for found in configurations.listed()}
    for row in chronicle.rows(events):
        for line in history_view.lines(row, kept, every=bool(name)):
            click.echo(line)
    if not events:
        output.info(f"nothing happened{f' to {name}' if name else ''} in {duration(time.time() - since)}")
    for missing in past.missing:
        output.warning(f"not here: {missing}")
    if past.unknown:
        output.warning(f"{past.unknown} lines of the record cannot be read")


def _require_known(name: str) -> None:
    """Where nothing happened to a domain or server, there must be one of that name."""
    try:
        tree = LiveCluster().read()
    except SnowHaError:
        return
    known = [*cib.domains(tree), *(node.name for node in cib.nodes(tree))]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}" if near else "see snow ha status"
        raise NoSuchObjectError(f"there is no domain or server {name}", "and nothing is recorded of one", hint)


@click.command("rollback")
@click.argument("version", required=False, metavar="[N]")
@options.yes
@options.cib_file
@options.dry_run
@options.json_output
def roll_back(version: str | None, yes: bool, cib_path: Path | None, dry_run: bool, as_json: bool) -> None:
    """Put a configuration of before back, as one change.

    N is the version that `history` shows beside a change: how it was before that. Without it, that is the latest which
    says another thing than today's. Refuses what would disturb a domain that runs. Files of servers and of domains
    stay as they are. With --cib FILE it is put into that file.
    """
    cluster = options.cluster(cib_path)
    kept = rollback.choose(cluster, version)
    servers = None if options.in_file(cib_path) else Site.load().servers
    plan = rollback.plan(cluster, kept, servers, output.warning) if kept else Plan()
    if as_json:
        output.as_json(
            {
                "dry_run": dry_run,
                "version": kept.version if kept else None,
                "changes": output.changes_json(plan.changes),
                "actions": [action._asdict() for action in plan.actions],
            }
        )
    if not kept or not plan.changes:
        if not as_json:
            output.info("nothing to do: no configuration of before says another thing")
        return
    if not as_json:
        _show(kept, plan)
    if dry_run:
        return
    if not output.consent(f"put {kept.version} back", yes=yes, quiet=as_json):
        output.info("nothing was changed")
        return
    changes = rollback.put_back(cluster, kept, servers, unsaid, expected=plan.changes)
    if not as_json:
        output.info(f"{kept.version} is back: {len(changes)} changes")


def _show(kept: Kept, plan: Plan) -> None:
    when = time.strftime("%d %b %H:%M", time.localtime(kept.at))
    output.info(f"{kept.version} was in force until {when}, {duration(time.time() - kept.at)} ago")
    output.changes(plan.changes, dry_run=True)
    for action in plan.actions:
        click.echo(f"[I] Pacemaker would {told(action)}")
    if not plan.actions:
        output.info("Pacemaker would have nothing to do")


COMMANDS = (history, roll_back)
