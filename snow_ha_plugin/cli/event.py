"""`event`: the hook's way to tell the plugins what the host does. Not for people, and not in the help."""

from __future__ import annotations

import click

from snow_ha_plugin import plugin
from snow_ha_plugin.cli import output
from snow_ha_plugin.errors import UnsafeError

# Where a plugin may keep the host from going on: what follows destroys the domain.
REFUSABLE = ("replacing", "removing")


@click.command(hidden=True)
@click.argument("name", type=click.Choice(["created", "booting", "replacing", "removing"]))
@click.argument("domain")
@click.argument("config_path", required=False)
@click.pass_context
def event(context: click.Context, name: str, domain: str, config_path: str | None) -> None:
    """Tell the plugins of an event. Exit status 107 keeps the host from going on; all else is a warning."""
    arguments = {"domain": domain} | ({"config_path": config_path} if config_path else {})
    refusal: UnsafeError | None = None
    for plugin_name, error in plugin.fire(context.find_root().obj, f"snow_domain_{name}", **arguments):
        if isinstance(error, UnsafeError) and name in REFUSABLE:
            refusal = refusal or error
        else:
            output.warning(f"{plugin_name}: {error}; to repair: snow ha sync")
    if refusal:
        raise refusal


COMMANDS = (event,)
