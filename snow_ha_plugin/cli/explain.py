"""`explain`: what a finding means and what to do about it, by its code."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator

import click

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.core.codes import CHAPTERS, TABLE, Entry
from snow_ha_plugin.errors import NoSuchObjectError

COLUMNS = 80


@click.command()
@click.argument("code", required=False, metavar="[CODE]")
@options.json_output
def explain(code: str | None, as_json: bool) -> None:
    """Tell what a finding means, by its code, and what to do about it; without a code list all that there are."""
    entries = [entry(code)] if code else list(TABLE.values())
    if as_json:
        output.as_json({"findings": [found._asdict() for found in entries]})
    else:
        for line in _page(entries[0]) if code else _list():
            output.echo(line)


def entry(code: str) -> Entry:
    """NoSuchObjectError for what is no code, with the nearest that is one."""
    if found := TABLE.get(code.lower()):
        return found
    near = difflib.get_close_matches(code.lower(), TABLE, n=1)
    hint = f"did you mean {near[0]}" if near else "snow ha explain lists them"
    raise NoSuchObjectError(f"there is no finding {code}", remedy=hint)


def _page(found: Entry) -> Iterator[str]:
    yield f"{output.style(found.code, bold=True)}  {found.severity}: {found.title}"
    yield ""
    yield textwrap.fill(found.cause, COLUMNS, break_long_words=False, break_on_hyphens=False)
    yield ""
    yield _item("do:", found.remedy)
    if found.is_safe:
        yield _item("", "snow ha check --fix does what is safe of it")
    if found.may_run_twice:
        yield _item("accept:", "cannot be accepted, since a domain could run twice meanwhile")
    else:
        yield _item("accept:", f"snow ha accept {found.code} --for 30d --reason TEXT")
    if found.see:
        yield _item("see:", ", ".join(found.see))


def _item(label: str, text: str) -> str:
    return textwrap.fill(
        output.typed(text), COLUMNS, initial_indent=f"{label:<8}", subsequent_indent=" " * 8,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _list() -> Iterator[str]:
    longest = max(map(len, TABLE))
    for title, entries in CHAPTERS.items():
        yield output.style(title, bold=True)
        yield from (f"  {found.code:<{longest}}  {found.title}" for found in entries)


COMMANDS = (explain,)
