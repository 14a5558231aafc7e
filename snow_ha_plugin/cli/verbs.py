"""The verbs as a whole: their help in groups, and a mistyped one with the nearest that there is."""

from __future__ import annotations

import difflib

import click

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
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        known = {name for names in GROUPS.values() for name in names}
        groups = {**GROUPS, OTHERS: tuple(sorted(self.commands.keys() - known))}
        for title, names in groups.items():
            found = [(name, self.commands[name]) for name in names if name in self.commands]
            rows = [(name, command.get_short_help_str(60)) for name, command in found if not command.hidden]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = [name for name, command in self.commands.items() if not command.hidden]
        if args[0] not in self.commands and (near := difflib.get_close_matches(args[0], names, n=1)):
            raise click.UsageError(f"there is no verb {args[0]!r}; did you mean {near[0]}", ctx)
        return super().resolve_command(ctx, args)
