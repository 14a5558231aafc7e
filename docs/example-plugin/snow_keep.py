"""A plugin of `snow`: domains that are listed in a file are not destroyed, whoever asks for it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.hookspecs import hookimpl


def _path() -> Path:
    return Path(os.environ.get("SNOW_KEEP", "/sNow/snow-tools/etc/keep"))


def _kept() -> list[str]:
    path = _path()
    return path.read_text().split() if path.exists() else []


@click.command()
def kept() -> None:
    """Name the domains that nobody may destroy."""
    for name in _kept():
        click.echo(name)


@hookimpl
def snow_ha_commands(group: click.Group) -> None:
    group.add_command(kept)


@hookimpl
def snow_domain_removing(domain: str) -> None:
    """UnsafeError is the one that keeps the host from going on."""
    if domain in _kept():
        raise UnsafeError(f"{domain} is to be kept", f"{_path()} names it", "take it out of that file first")


@hookimpl
def snow_domain_replacing(domain: str) -> None:
    snow_domain_removing(domain)
