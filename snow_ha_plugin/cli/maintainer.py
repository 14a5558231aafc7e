"""`tend-hook`, `tend-events`: what the package's scripts and units run. Not for people, and not in the help."""

from __future__ import annotations

import click

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.guide import hook
from snow_ha_plugin.operations import events
from snow_ha_plugin.system import record, snowtools
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
    servers = Servers(snowtools.read_conf(layout.conf).servers)
    if users := hook.users(servers):
        output.info(f"the hook of `snow` stays for {', '.join(users)}: {path}")
    else:
        hook.remove(servers, layout.hooks_dir)
        output.info(f"the hook of `snow` is gone with the last package: {path}")


@click.command("tend-events", hidden=True)
def tend_events() -> None:
    """Take up the events that Pacemaker's alert agent has put aside."""
    events.tend(options.store(None), record.here())


COMMANDS = (tend_hook, tend_events)
