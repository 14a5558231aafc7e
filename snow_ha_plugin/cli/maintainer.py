"""`tend-hook`, `tend-report`, `tend-events`: what scripts and units run. Not for people, and not in the help."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from snow_ha_plugin.cli import options, output, report
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import hook
from snow_ha_plugin.operations import events
from snow_ha_plugin.operations.reporting import Report
from snow_ha_plugin.system import pacemaker, published, record, snow_conf, snowtools
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.servers import Servers


@click.command("tend-hook", hidden=True)
@click.argument("event", type=click.Choice(["refresh", "retire"]))
def tend_hook(event: str) -> None:
    """Keep the hook in `snow` current (refresh), or take it out with the last package (retire)."""
    layout = snowtools.layout()
    path = layout.hooks_dir / hook.NAME
    if not path.exists():
        return
    if event == "refresh":
        if hook.refresh(Servers(()), layout.hooks_dir):
            output.info(f"the hook of `snow` is that of this version now: {path}")
        return
    servers = Servers(snow_conf.read(layout.conf).servers)
    if users := hook.users(servers):
        output.info(f"the hook of `snow` stays for {', '.join(users)}: {path}")
    else:
        hook.remove(servers, layout.hooks_dir)
        output.info(f"the hook of `snow` is gone with the last package: {path}")


@click.command("tend-events", hidden=True)
def tend_events() -> None:
    """Take up the events that Pacemaker's alert agent has put aside."""
    events.tend(options.cluster(None), record.here())


@click.command("tend-report", hidden=True)
@click.argument("kind", type=click.Choice([str(kind) for kind in Report]), metavar="KIND")
@click.argument("minutes", type=int)
@click.argument("path", type=click.Path(path_type=Path))
def tend_report(kind: str, minutes: int, path: Path) -> None:
    """What the timers run: write, where this server is the one that does.

    Numbers that this server has written are gone once it is another one: Prometheus would go on believing them. A page
    is left to the side that has quorum, as long as one writes it.
    """
    cluster = LiveCluster()
    is_ours = has_quorum = False
    with suppress(UnavailableError):
        state = pacemaker.state()
        is_ours, has_quorum = state.dc == record.here(), state.quorum
    if kind == Report.METRICS:
        if is_ours:
            report.write(cluster, None, path)
        else:
            published.remove(path)
    elif is_ours and (has_quorum or published.age_s(path) > 2 * 60 * minutes):
        report.write(cluster, path, None, every=minutes)


COMMANDS = (tend_hook, tend_report, tend_events)
