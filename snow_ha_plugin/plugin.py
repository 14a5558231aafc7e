"""The plugin manager of the `snow` host, and what snow-ha itself answers to the host's events."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points

import click
import pluggy

from snow_ha_plugin import hookspecs
from snow_ha_plugin.hookspecs import hookimpl

log = logging.getLogger(__name__)

OURS = "snow-ha"


def load(report: Callable[[str, Exception], None]) -> pluggy.PluginManager:
    """The manager with every plugin of the entry point group; one that cannot be loaded is reported and left out."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(sys.modules[__name__], OURS)
    for entry_point in entry_points(group=hookspecs.PROJECT):
        if manager.has_plugin(entry_point.name):
            continue
        try:
            manager.register(entry_point.load(), entry_point.name)
        except Exception as error:
            report(entry_point.name, error)
    return manager


def fire(manager: pluggy.PluginManager, hook: str, **arguments: object) -> Iterator[tuple[str, Exception]]:
    """Call a hook of each plugin by itself, so that one that fails keeps no other from its turn; the failures."""
    plugins = manager.list_name_plugin()
    for name, plugin in plugins:
        others = [other for _, other in plugins if other is not plugin]
        try:
            manager.subset_hook_caller(hook, remove_plugins=others)(**arguments)
        except Exception as error:
            log.debug("%s of %s failed", hook, name, exc_info=True)
            yield name, error


@hookimpl
def snow_ha_commands(group: click.Group) -> None:
    from snow_ha_plugin.cli import balance, domains, enable, event, fencing, maintainer, moves, servers, status

    for module in (enable, fencing, domains, moves, servers, balance, status, event, maintainer):
        for command in module.COMMANDS:
            group.add_command(command)


@hookimpl
def snow_domain_created(domain: str, config_path: str) -> None:
    from snow_ha_plugin.operations import registration

    registration.created(domain)


@hookimpl
def snow_domain_booting(domain: str) -> None:
    from snow_ha_plugin.operations import registration

    registration.booting(domain)


@hookimpl
def snow_domain_replacing(domain: str) -> None:
    from snow_ha_plugin.operations import registration

    registration.end(domain)


@hookimpl
def snow_domain_removing(domain: str) -> None:
    from snow_ha_plugin.operations import registration

    registration.end(domain)
