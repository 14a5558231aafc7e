"""The plugin manager of the `snow` host: who takes part, and how each is told of an event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any

import pluggy

from snow_ha_plugin import hookspecs

log = logging.getLogger(__name__)

OURS = "snow-ha"


def load(ours: object, report: Callable[[str, Exception], None]) -> pluggy.PluginManager:
    """The manager with `ours` and every plugin of the entry point group; one that cannot be loaded is reported and
    left out."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(ours, OURS)
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
    for name, _ in manager.list_name_plugin():
        try:
            call(manager, name, hook, **arguments)
        except Exception as error:
            log.debug("%s of %s failed", hook, name, exc_info=True)
            yield name, error


def call(manager: pluggy.PluginManager, name: str, hook: str, **arguments: object) -> list[Any]:
    """Call a hook of one plugin; what it gives, if it has that hook."""
    others = [plugin for other, plugin in manager.list_name_plugin() if other != name]
    results: list[Any] = manager.subset_hook_caller(hook, remove_plugins=others)(**arguments)
    return results
