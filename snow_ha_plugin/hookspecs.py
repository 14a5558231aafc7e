"""The hooks of the `snow` host: what it tells its plugins, and when.

A plugin is a module or object of an entry point in the group `snow`. A hook that raises SnowHaError or any other
exception is reported with `[W]`, and the host goes on; what keeps it from going on is UnsafeError in
`snow_domain_ending`, `snow_domain_replacing` and `snow_domain_removing`, and SnowHaError in `snow_domain_action`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click
import pluggy

from snow_ha_plugin.model import Handled

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
def snow_domain_action(domains: tuple[str, ...], action: str, tell: Callable[[str], None]) -> Mapping[str, Handled]:
    """The host is about to act on these domains: boot, shutdown, destroy, poweroff, reset, reboot or console.

    A plugin acts itself on those that are its business, and answers for them; the first one to answer for a domain has
    it. What nobody answers for is done by the host. `tell` shows a line while it lasts. The newest plugin is asked
    first.
    """
    raise NotImplementedError


@hookspec
def snow_domain_ending(domain: str) -> None:
    """`snow remove domain` or `snow deploy DOMAIN force` is about to ask, or to warn; nothing has been done."""


@hookspec
def snow_domain_replacing(domain: str) -> None:
    """`snow deploy DOMAIN force` is about to destroy the domain and make it anew."""


@hookspec
def snow_domain_removing(domain: str) -> None:
    """`snow remove domain` has its answer, and is about to destroy the domain, its image and its file."""
