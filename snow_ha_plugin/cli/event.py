"""`event`: the hook's way to tell the plugins what the host does. Not for people, and not in the help."""

from __future__ import annotations

import click

from snow_ha_plugin import plugins
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
    for plugin_name, error in plugins.fire(context.find_root().obj, f"snow_domain_{name}", **arguments):
        if name in REFUSABLE and plugin_name == plugins.OURS and not isinstance(error, UnsafeError):
            # Whatever it was: nobody knows that Pacemaker has let go of the domain.
            error = UnsafeError(f"{domain} may still be in Pacemaker's hands", str(error), "see snow ha status")
        if name in REFUSABLE and isinstance(error, UnsafeError):
            refusal = refusal or error
        else:
            output.warning(f"{plugin_name}: {error}; to repair: snow ha sync")
    if refusal:
        raise refusal


COMMANDS = (event,)
