"""What a verb prints: lines in the words of the host (`[E] [W] [I] [*]`), or one JSON object.

What was asked for and what was done goes to stdout; errors, warnings, and a line that moves meanwhile go to stderr.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.errors import UsageError
from snow_ha_plugin.model import Change, Finding, Severity

if TYPE_CHECKING:
    from snow_ha_plugin.core.configure.acceptance import Acceptance
    from snow_ha_plugin.core.reports.health import NPlus1, Standing

LETTER = {Severity.ERROR: "E", Severity.WARNING: "W", Severity.INFO: "I"}
# How each way of fencing is told.
WAYS = {
    fencing.SBD: "sbd, Xen's watchdog and poison pills on /sNow",
    fencing.IPMI: "the servers' BMCs, behind them sbd with poison pills on /sNow",
}

# A command in a text, as far as a sign ends it.
COMMAND = re.compile(r"\b(?:snow[ -]ha|crm|crm_resource|cibadmin) [^;,:()]+")
NO_BREAK = "\N{NO-BREAK SPACE}"

COLOUR = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


def style(text: str, fg: str | None = None, *, bold: bool = False) -> str:
    """Coloured, unless NO_COLOR says otherwise (no-color.org); a pipe gets no colours in any case."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=fg, bold=bold or None)


def typed(text: str) -> str:
    """A text with its commands as they work now: without the hook `snow` does not know of `snow ha`."""
    from snow_ha_plugin.system import snowtools

    return text if "snow ha " not in text or snowtools.hook_is_in() else text.replace("snow ha ", "snow-ha ")


def echo(text: str, *, err: bool = False) -> None:
    click.echo(typed(text), err=err)


def wrapped(text: str, columns: int) -> list[str]:
    """Lines that are broken between words, and not within a command that fits into one: it is to be pasted."""

    def piece(found: re.Match[str]) -> str:
        return found[0].replace(" ", NO_BREAK) if len(found[0]) <= columns else found[0]

    lines = textwrap.wrap(
        COMMAND.sub(piece, typed(text)), columns, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip
    return [line.replace(NO_BREAK, " ") for line in lines]


def _tell(letter: str, colour: str, text: str, *, err: bool) -> None:
    """A line of its own in a pipe; a terminal would break it anywhere."""
    if not (sys.stderr if err else sys.stdout).isatty():
        echo(f"{style(f'[{letter}]', fg=colour)} {text}", err=err)
        return
    first, *more = wrapped(text, shutil.get_terminal_size().columns - len("[E] ")) or [""]
    click.echo(f"{style(f'[{letter}]', fg=colour)} {first}", err=err)
    for line in more:
        click.echo(f"    {line}", err=err)


def as_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2, sort_keys=False))


def error(text: str) -> None:
    _tell("E", "red", text, err=True)


def warning(text: str) -> None:
    _tell("W", "yellow", text, err=True)


def info(text: str) -> None:
    _tell("I", "blue", text, err=False)


def finding_line(finding: Finding) -> str:
    return "; ".join(part for part in (finding.message, finding.remedy) if part)


def finding(found: Finding, *, err: bool = False) -> None:
    _tell(LETTER[found.severity], COLOUR[found.severity], finding_line(found), err=err)


def changes(done: Iterable[Change], *, dry_run: bool) -> None:
    for change in done:
        click.echo(f"[I] would {change.message}" if dry_run else f"{style('[*]', fg='green')} {change.message}")


def outcome(done: Sequence[Change], nothing: str, *, dry_run: bool, in_json: bool) -> None:
    """What a verb has changed, or would change; `nothing` is the line where that is nothing."""
    if in_json:
        as_json({"dry_run": dry_run, "changes": changes_json(done)})
    elif done:
        changes(done, dry_run=dry_run)
    else:
        info(nothing)


def consent(question: str, *, yes: bool, quiet: bool = False) -> bool:
    """Whether that is wanted: said already, or asked; UsageError where nobody can be asked."""
    if yes:
        return True
    if quiet or not sys.stdin.isatty():
        raise UsageError(question, "there is nobody to ask", "add --yes, or --dry-run")
    return click.confirm(f"[?] {question}; go on?")


def findings_json(found: Iterable[Finding]) -> list[dict[str, Any]]:
    keys = ("severity", "id", "subject", "message", "remedy")
    return [{**{key: typed(str(getattr(item, key))) for key in keys}, "since": item.since} for item in found]


def accepted_json(found: Iterable[tuple[Finding, Acceptance]]) -> list[dict[str, Any]]:
    return [
        {
            "id": finding.id,
            "subject": finding.subject,
            "since": given.since,
            "until": given.until,
            "reason": given.reason,
        }
        for finding, given in found
    ]


def accepted_words(found: Iterable[Finding]) -> str:
    return "accepted: " + ", ".join(dict.fromkeys(finding.id for finding in found))


def standing_words(fullest: float, at_best: float) -> str:
    """The fullest server's memory, now and in the best placement that there could be."""
    return f"memory of the fullest server {fullest:.0%}, at best {at_best:.0%}"


def standing_json(standing: Standing) -> dict[str, Any]:
    return {"lower_bound": standing.lower_bound, **standing.spread._asdict(), **n_plus_1_json(standing.n_plus_1)}


def n_plus_1_json(found: NPlus1) -> dict[str, Any]:
    """`n_plus_1` is null where it is unknown; `unasked` are the servers of whose failure the scheduler said nothing."""
    return {
        "n_plus_1": found.holds,
        "stranded": [{"server": server, "domains": list(names)} for server, names in found.stranded.items()],
        "unasked": list(found.unasked),
    }


def changes_json(done: Iterable[Change]) -> list[dict[str, str]]:
    return [change._asdict() for change in done]


@contextmanager
def progress(text: str, takes: str = "", *, quiet: bool = False) -> Iterator[None]:
    """`[*] text ... OK` with the seconds, as the host's spinner does it; on a terminal the line moves meanwhile, and
    says what it `takes`."""
    with moving(text, quiet=quiet) as tell:
        if takes:
            tell(takes)
        yield


@contextmanager
def moving(text: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """As `progress`; what it gives is to be told how far it is, and shows that on a terminal."""
    if quiet:
        yield lambda told: None
        return
    start = time.monotonic()
    try:
        if sys.stderr.isatty():
            from rich.console import Console

            with Console(stderr=True).status(text, spinner="line") as line:
                yield lambda told: line.update(f"{text}: {told}")
        else:
            yield lambda told: None
    except KeyboardInterrupt:
        click.echo(f"{style('[!]', fg='yellow')} {text} ... interrupted")
        raise
    except BaseException:
        click.echo(f"{style('[!]', fg='red')} {text} ... FAIL")
        raise
    click.echo(f"{style('[*]', fg='green')} {text} ... OK ({time.monotonic() - start:.1f} s)")


@dataclass
class Screen:
    """Where a run through the guide tells what it does; with `quiet` only what is wrong. `at` is what it is doing."""

    quiet: bool
    done: list[str] = field(default_factory=list)
    at: str = ""

    @contextmanager
    def progress(self, title: str, takes: str = "") -> Iterator[None]:
        self.at = title
        with progress(title, takes, quiet=self.quiet):
            yield
        self.done.append(title)
        self.at = ""

    def changes(self, done: Iterable[Change]) -> None:
        if not self.quiet:
            changes(done, dry_run=False)

    def info(self, text: str) -> None:
        if not self.quiet:
            info(text)

    def warning(self, text: str) -> None:
        warning(text)
