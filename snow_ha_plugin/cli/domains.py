"""`add`, `remove`, `sync`: which domains Pacemaker keeps running."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.core.configure import watch
from snow_ha_plugin.core.images import kinds
from snow_ha_plugin.model import Domain
from snow_ha_plugin.operations import agent_replacement, holding, images, registration
from snow_ha_plugin.system.servers import Servers

F = TypeVar("F", bound=Callable[..., Any])


def _watch(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not watch.is_valid(value):
        raise click.BadParameter(f"{value!r} is not tcp:PORT, ping, script:/PATH or none")
    return value


@click.command()
@click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")
@click.option("--stopped", is_flag=True, help="Do not start those that do not run.")
@click.option(
    "--watch", "watched", default="", callback=_watch, metavar="WHAT",
    help="Restart them when their guest answers twice in a row no more: tcp:PORT, ping, script:PATH; none ends it.",
)  # fmt: skip
@options.domain_files
@options.dry_run
@options.json_output
def add(
    domains: tuple[str, ...], stopped: bool, watched: str, cib_path: Path | None, domains_dir: Path | None,
    snow_conf: Path | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Make domains highly available.

    A domain that runs is taken over where it runs, without a restart. One that does not run is started by
    Pacemaker, unless --stopped. --watch also works on those that are registered already.
    """
    place = options.workplace(cib_path, domains_dir, snow_conf)
    found = place.domains(domains)
    _look_at_images(place.servers, found)
    changes = registration.register(
        place.cluster,
        found,
        place.migration_mib_s,
        servers=place.servers,
        stopped=stopped,
        watched=watched,
        watch_grace_s=place.watch_grace_s,
        dry_run=dry_run,
        tell=output.warning,
    )
    output.outcome(
        changes, "registered already: " + ", ".join(domain.name for domain in found), dry_run=dry_run, in_json=as_json
    )


@click.command()
@click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")
@options.cib_file
@options.dry_run
@options.json_output
def remove(domains: tuple[str, ...], cib_path: Path | None, dry_run: bool, as_json: bool) -> None:
    """Take domains out of Pacemaker's hands; those that run go on running.

    That is remembered: neither `sync` nor `enable` registers them again, and `status` shows them as not protected.
    """
    changes = registration.unregister(options.cluster(cib_path), domains, dry_run=dry_run, on_purpose=True)
    output.outcome(changes, "nothing to do", dry_run=dry_run, in_json=as_json)


@click.command()
@options.replace_agents
@options.domain_files
@options.dry_run
@options.json_output
def sync(
    replace_agents: bool,
    cib_path: Path | None,
    domains_dir: Path | None,
    snow_conf: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make Pacemaker's domains those that have a domain file.

    Registers what is missing, brings sizes and timeouts up to the domain files, and lets go of domains whose
    file is gone. What somebody registered by hand is left alone, unless --replace-agents.
    """
    place = options.workplace(cib_path, domains_dir, snow_conf)
    found = place.domains(place.domains_to_sync())
    _look_at_images(place.servers, found)
    changes = registration.sync(
        place.cluster, found, place.migration_mib_s, servers=place.servers, dry_run=dry_run, tell=output.warning,
        expected=place.domain_names,
    )  # fmt: skip
    if replace_agents:
        changes += agent_replacement.replace(place.cluster, place.servers, dry_run=dry_run)
    output.outcome(changes, "nothing to do: the CIB matches the domain files", dry_run=dry_run, in_json=as_json)


def _look_at_images(servers: Servers | None, domains: list[Domain]) -> None:
    """An image that servers do not share is refused on a cluster; when planning on a file, devices are told of."""
    if servers:
        images.refuse_unshared(servers, domains)
        return
    for finding in (finding for domain in domains for finding in kinds.on_devices(domain)):
        output.warning(output.finding_line(finding))


def _named_or_all(function: F) -> F:
    """Domains by name, or --all."""
    argument = click.argument("domains", nargs=-1, metavar="DOMAIN...")
    every = click.option("--all", "every", is_flag=True, help="All domains that are registered.")
    return argument(every(options.cib_file(options.dry_run(options.json_output(function)))))


def _names(domains: tuple[str, ...], every: bool) -> tuple[str, ...]:
    """None for all."""
    if bool(domains) == every:
        raise click.UsageError("name domains, or give --all")
    return tuple(dict.fromkeys(domains))


@click.command()
@_named_or_all
def hold(domains: tuple[str, ...], every: bool, cib_path: Path | None, dry_run: bool, as_json: bool) -> None:
    """Have Pacemaker keep its hands off domains while somebody works on them by hand.

    It neither starts, stops nor moves them, whatever happens to them or their server, until `release`.
    """
    names = _names(domains, every)
    changes = holding.hold(options.cluster(cib_path), names, dry_run=dry_run)
    output.outcome(changes, "held already: " + (", ".join(names) or "all domains"), dry_run=dry_run, in_json=as_json)


@click.command()
@_named_or_all
def release(domains: tuple[str, ...], every: bool, cib_path: Path | None, dry_run: bool, as_json: bool) -> None:
    """Have Pacemaker look after held domains again, wherever they run by now."""
    names = _names(domains, every)
    changes = holding.release(options.cluster(cib_path), names, dry_run=dry_run)
    output.outcome(changes, "not held: " + (", ".join(names) or "any domain"), dry_run=dry_run, in_json=as_json)


COMMANDS = (add, remove, sync, hold, release)
