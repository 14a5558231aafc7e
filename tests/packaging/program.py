"""The verbs of the program as click has them, for whatever describes them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import click

from snow_ha_plugin.cli.main import group
from snow_ha_plugin.plugin import snow_ha_commands


def verbs() -> dict[str, click.Command]:
    """Every verb that people use, by its words (`what-if`; `fencing test` for a verb of two)."""
    snow_ha_commands(group=group)
    return dict(_below(group, ()))


def options(command: click.Command) -> set[str]:
    """The long options of a verb."""
    found = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
    return {name for name in found if name.startswith("--")}


def arguments(command: click.Command) -> list[str]:
    """The arguments of a verb as its help calls them."""
    return [str(each.metavar or each.name).upper() for each in command.params if isinstance(each, click.Argument)]


def _below(parent: click.Group, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        assert command is not None, f"{name} is in no module that should have it"
        if isinstance(command, click.Group):
            yield from _below(command, (*words, name))
        elif not command.hidden:
            yield " ".join((*words, name)), command
