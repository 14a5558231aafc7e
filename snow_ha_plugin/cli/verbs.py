"""The verbs as a whole: where each is, their help in groups, and a mistyped one with the nearest that there is."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from snow_ha_plugin.core.reports.text import nearest

# Of each module the verbs that are its COMMANDS. Only that of the verb that is given is imported: all of them take
# longer than what most verbs do.
MODULES = {
    "accept": ("accept",),
    "balance": ("balance",),
    "check": ("check",),
    "domains": ("add", "remove", "sync", "hold", "release"),
    "enable": ("enable", "disable"),
    "event": ("event", "act", "list-domains"),
    "explain": ("explain",),
    "fencing": ("fencing",),
    "history": ("history", "rollback"),
    "images": ("images",),
    "maintainer": ("tend-hook", "tend-report", "tend-events"),
    "moves": ("move",),
    "report": ("report",),
    "servers": ("what-if", "drain", "undrain"),
    "start": ("start", "confirm-off"),
    "status": ("status",),
}

GROUPS = {
    "Look": ("status", "check", "explain", "history", "what-if", "report"),
    "Change": (
        "add", "remove", "sync", "hold", "release", "balance", "move", "drain", "undrain", "start", "confirm-off",
        "accept", "rollback",
    ),
    "Set up": ("enable", "disable", "fencing", "images"),
}  # fmt: skip
OTHERS = "Of plugins"


class Verbs(click.Group):
    """Ours, each imported when it is asked for, and in `commands` those of plugins and what has been asked for."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._modules: dict[str, str] = {}

    def add_ours(self) -> None:
        self._modules = {verb: f"snow_ha_plugin.cli.{module}" for module, verbs in MODULES.items() for verb in verbs}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *self._modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in self._modules:
            for command in import_module(self._modules[cmd_name]).COMMANDS:
                self.add_command(command)
        return super().get_command(ctx, cmd_name)

    def _shown(self, ctx: click.Context) -> dict[str, click.Command]:
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return {name: command for name, command in commands.items() if command and not command.hidden}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = self._shown(ctx)
        known = {name for names in GROUPS.values() for name in names}
        for title, names in {**GROUPS, OTHERS: tuple(sorted(shown.keys() - known))}.items():
            rows = [(name, shown[name].get_short_help_str(60)) for name in names if name in shown]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        unknown = self.get_command(ctx, args[0]) is None
        if unknown and (near := nearest(args[0], self._shown(ctx), like=0.6)):
            raise click.UsageError(f"there is no verb {args[0]!r}; did you mean {near}", ctx)
        return super().resolve_command(ctx, args)
