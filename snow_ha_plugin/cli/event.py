"""`event`, `act`, `list-domains`: what the hook runs. Not for people, and not in the help.

`event` tells the plugins what the host does; `act` has them do themselves what the host would.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from snow_ha_plugin import plugins
from snow_ha_plugin.cli import output
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import SnowHaError, UnsafeError
from snow_ha_plugin.model import Handled
from snow_ha_plugin.operations import domain_table

# Where a plugin may keep the host from going on: what follows destroys the domain.
REFUSABLE = ("ending", "replacing", "removing")

ACTIONS = ("boot", "shutdown", "destroy", "poweroff", "reset", "reboot", "console")

# What Pacemaker carries out whether or not somebody waits for it.
ENDURING = ("boot", "shutdown", "destroy", "poweroff")

# The first line for the hook: without it, snow-ha did not get as far as asking anybody.
BEGAN = "."


@click.command(hidden=True)
@click.argument("name", type=click.Choice(["created", *REFUSABLE]))
@click.argument("domain")
@click.argument("config_path", required=False)
@click.pass_context
def event(context: click.Context, name: str, domain: str, config_path: str | None) -> None:
    """Tell the plugins of an event. Exit status 107 keeps the host from going on; all else is a warning."""
    arguments = {"domain": domain} | ({"config_path": config_path} if config_path else {})
    refusal: UnsafeError | None = None
    failed = set()
    for plugin_name, error in plugins.fire(context.find_root().obj, f"snow_domain_{name}", **arguments):
        failed.add(plugin_name)
        if name in REFUSABLE and plugin_name == plugins.OURS and not isinstance(error, UnsafeError):
            # Whatever it was: nobody knows that Pacemaker has let go of the domain.
            error = UnsafeError(f"{domain} may still be in Pacemaker's hands", str(error), "see snow ha status")
        if name in REFUSABLE and isinstance(error, UnsafeError):
            refusal = refusal or error
        else:
            _warn(plugin_name, error)
    if refusal:
        raise refusal
    if name == "created" and plugins.OURS not in failed:
        output.info(f"{domain} is protected by high availability; start it: snow boot {domain}")


@click.command(hidden=True)
@click.option("--left", type=int, default=1, help="The file descriptor for the names that are left to the host.")
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("domains", nargs=-1, required=True)
@click.pass_context
def act(context: click.Context, left: int, action: str, domains: tuple[str, ...]) -> None:
    """Have the plugins do to domains what the host is about to; ends with the first failure's status."""
    os.write(left, f"{BEGAN}\n".encode())
    manager = context.find_root().obj
    if action == "boot":
        for domain in domains:
            for name, error in plugins.fire(manager, "snow_domain_booting", domain=domain):
                _line()
                _warn(name, error)
    try:
        answers = _ask(manager, domains, action)
    except KeyboardInterrupt:
        if action in ENDURING:
            _line()
            output.warning(f"what was begun goes on by itself: {action} of {in_words(domains)}; see snow ha status")
        raise
    for answer in answers.values():
        if answer.message:
            _line()
            if answer.status:
                output.error(answer.message)
            else:
                click.echo(f"{output.style('[*]', fg='green')} {answer.message}", err=True)
    os.write(left, "".join(f"{name}\n" for name in domains if name not in answers).encode())
    sys.exit(next((answer.status for answer in answers.values() if answer.status), 0))


@click.command(hidden=True)
def list_domains() -> None:
    """Print the table of the host's `snow list domains`."""
    rows = domain_table.rows(output.warning)
    _row("Domain", "HW status", "OS status", "Roles", "Host")
    _row("------", "---------", "---------", "-----", "----")
    for row in rows:
        _row(row.name, row.power, row.system, row.roles, row.server)


def _row(name: str, power: str, system: str, roles: str, server: str) -> None:
    """In the widths of the host's own."""
    click.echo(f"{name:20}  {power:10}  {system:40}  {roles:20} {server:20}")


def _ask(manager: Any, domains: tuple[str, ...], action: str) -> dict[str, Handled]:
    """The first plugin to answer for a domain has it; SnowHaError of one ends it all before the host begins."""
    answers: dict[str, Handled] = {}
    for name, _ in reversed(manager.list_name_plugin()):
        open_ones = tuple(domain for domain in dict.fromkeys(domains) if domain not in answers)
        if not open_ones:
            break
        try:
            for found in plugins.call(
                manager, name, "snow_domain_action", domains=open_ones, action=action, tell=_tell
            ):
                answers |= found
        except SnowHaError:
            _line()
            raise
        except Exception as error:
            if name == plugins.OURS:
                raise
            _line()
            _warn(name, error)
    return answers


def _tell(text: str) -> None:
    _line()
    click.echo(f"{output.style('[I]', fg='blue')} {text}", err=True)


def _line() -> None:
    """As the host's own messages do: over what its spinner has written."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)


def _warn(name: str, error: Exception) -> None:
    output.warning(f"{name}: {error}; to repair: snow ha sync")


COMMANDS = (event, act, list_domains)
