"""The hooks of the `snow` host: what it tells its plugins, and when.

A plugin is a module or object of an entry point in the group `snow`. A hook that raises SnowHaError or any other
exception is reported with `[W]`, and the host goes on; only UnsafeError in `snow_domain_replacing` and
`snow_domain_removing` keeps it from going on.
"""

from __future__ import annotations

import click
import pluggy

PROJECT = "snow"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def snow_ha_commands(group: click.Group) -> None:
    """Add verbs to `snow ha`; fires once, before the command line is parsed."""


@hookspec
def snow_domain_created(domain: str, config_path: str) -> None:
    """`snow deploy` or `snow add domain` has made the domain and its file; it has not been booted."""


@hookspec
def snow_domain_booting(domain: str) -> None:
    """`snow boot` is about to start the domain, which may run already."""


@hookspec
def snow_domain_replacing(domain: str) -> None:
    """`snow deploy DOMAIN force` is about to destroy the domain and make it anew."""


@hookspec
def snow_domain_removing(domain: str) -> None:
    """`snow remove domain` has its answer, and is about to destroy the domain, its image and its file."""
