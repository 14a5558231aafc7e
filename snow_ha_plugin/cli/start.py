"""`start`, `confirm-off`: servers back into the cluster, and what fencing could not prove."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager

import click

from snow_ha_plugin.cli import interruption, options, output
from snow_ha_plugin.cli.interruption import Account
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import UsageError
from snow_ha_plugin.operations import joining
from snow_ha_plugin.operations.site import Site

yes = click.option("--yes", is_flag=True, help="Do not ask: whoever gives the command knows that the servers are off.")


@click.command()
@click.argument("server", required=False)
@click.option("--alone", is_flag=True, help="Start this server without the others, which are off.")
@yes
@options.dry_run
@options.json_output
def start(server: str | None, alone: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Start the cluster on a server, or on all, after a power loss or a fencing.

    Works from any server. With --alone the one where it is given starts without the others, which must be off: their
    BMCs say so, or you do.
    """
    if alone and server:
        raise click.UsageError("--alone is about this server, and takes no other's name")
    if yes and not alone:
        raise click.UsageError("--yes goes with --alone")
    options.require_root()
    here = Site.load()
    if alone:
        names = [here.servers.here]
        dead = [name for name in here.servers.names if name not in names]
        _be_sure(here, dead, yes=yes or dry_run)
        if not dry_run:
            with _starting(names), output.progress(f"{in_words(names)} starts without {in_words(dead)}", quiet=as_json):
                joining.start_alone(here, dead)
    else:
        names, silent = joining.to_start(here, server)
        for name in silent:
            output.warning(f"{name} does not answer, and is left out; power it on, then: snow ha start {name}")
        # One on which Pacemaker runs may still be outside.
        awaited = names or ([server] if server else [name for name in here.servers.names if name not in silent])
        if awaited and not dry_run:
            with _starting(awaited), output.progress(f"{in_words(awaited)} comes into the cluster", quiet=as_json):
                joining.start(here, awaited, silent)
    if as_json:
        output.as_json({"dry_run": dry_run, "started": names})
    elif not names:
        output.info("nothing to do: Pacemaker runs there already; see snow ha status")
    elif dry_run:
        output.info(f"would start the cluster on {in_words(names)}")
    else:
        output.info("its domains start now where they may; see snow ha status")


def _starting(names: Sequence[str]) -> AbstractContextManager[None]:
    return interruption.told(lambda: Account(going=names, then=("see snow ha status; go on: snow ha start",)))


@click.command("confirm-off")
@click.argument("server")
@yes
@options.json_output
def confirm_off(server: str, yes: bool, as_json: bool) -> None:
    """Tell the cluster that a lost server is off, which fencing could not prove.

    Its domains then start elsewhere. If it is not off, each of them runs twice, and destroys its image.
    """
    options.require_root()
    here = Site.load()
    _be_sure(here, [server], yes=yes)
    done = joining.confirm_off(here, server)
    if as_json:
        output.as_json({"server": server, "confirmed": done})
    elif done:
        output.info(f"{server} counts as off; its domains start elsewhere now: see snow ha status")
    else:
        output.info(f"nothing to do: nothing waits for {server} to be off; see snow ha status")


def _be_sure(site: Site, names: Sequence[str], *, yes: bool) -> None:
    """Ask the machines first, and then, where they cannot tell, the person."""
    unproven = [name for name in names if not joining.is_off(site, name)]
    if not unproven or yes:
        return
    phrase = f"{in_words(unproven)} {'is' if len(unproven) == 1 else 'are'} off"
    if not sys.stdin.isatty():
        raise UsageError(f"nobody says that {phrase}", "there is nobody to ask", "add --yes, if it is true")
    output.warning(f"no machine can tell whether {in_words(unproven)} has power: look at it")
    output.warning("if it has, every domain that it runs will run twice, and destroy its image")
    if click.prompt(f"[?] Type `{phrase}`, if that is so", default="", show_default=False).strip() != phrase:
        raise click.Abort


COMMANDS = (start, confirm_off)
