"""The verbs as a whole: where each is, their help in groups, and a mistyped one with the nearest that there is."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from snow_ha_plugin.cli import output
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

# For people, in groups: each verb's line in the help of all, and an example of it.
GROUPS = {
    "Look": {
        "status": ("How the cluster is, and what to do about what is wrong.", "status web01"),
        "check": ("The same, and whether each step of the guide holds.", "check --verbose"),
        "explain": ("What a finding means, by its code.", "explain server-unclean"),
        "history": ("What happened, and who changed what.", "history web01 --since 12h"),
        "what-if": ("What would happen if servers failed.", "what-if --each"),
        "report": ("A page to look at, or numbers for Prometheus.", "report --html /var/www/html/ha.html --every 5"),
    },
    "Change": {
        "add": ("Make domains highly available.", "add web01"),
        "remove": ("Take domains out of Pacemaker's hands; they run on.", "remove web01"),
        "sync": ("Make Pacemaker's domains those with a domain file.", "sync --dry-run"),
        "hold": ("Have Pacemaker keep its hands off domains.", "hold web01"),
        "release": ("Have it look after held domains again.", "release web01"),
        "balance": ("Spread the domains evenly over the servers.", "balance --dry-run"),
        "move": ("Migrate one domain live.", "move web01 snow02"),
        "drain": ("Empty a server for maintenance.", "drain snow02"),
        "undrain": ("Give it back.", "undrain snow02"),
        "start": ("Start the cluster on a server that is back.", "start snow02"),
        "confirm-off": ("Tell that a lost server is off for certain.", "confirm-off snow02"),
        "accept": ("Accept a finding for a time.", "accept no-n+1 --for 30d"),
        "rollback": ("Put a configuration of before back.", "rollback --dry-run"),
    },
    "Set up": {
        "enable": ("Make every domain of this site highly available.", "enable --dry-run"),
        "disable": ("Go back to plain sNow!; the domains run on.", "disable --dry-run"),
        "fencing": ("Set fencing up, look at it, test it.", "fencing status"),
        "images": ("Bring domain images to where all servers see them.", "images status"),
    },
}
OTHERS = "Of plugins"


def _example(verb: str | None) -> str | None:
    examples = {name: example for verbs in GROUPS.values() for name, (_, example) in verbs.items()}
    return f"Example: {output.typed(f'snow ha {examples[verb]}')}" if verb in examples else None


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
                command.epilog = _example(command.name)
        return super().get_command(ctx, cmd_name)

    def _shown(self, ctx: click.Context) -> dict[str, click.Command]:
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return {name: command for name, command in commands.items() if command and not command.hidden}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = self._shown(ctx)
        known = {name for names in GROUPS.values() for name in names}
        groups = {title: [(name, verbs[name][0]) for name in verbs] for title, verbs in GROUPS.items()}
        groups[OTHERS] = [(name, shown[name].get_short_help_str(60)) for name in sorted(shown.keys() - known)]
        for title, rows in groups.items():
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
