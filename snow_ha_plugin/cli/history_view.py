"""What happened, as lines of a terminal."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Container, Iterator

from snow_ha_plugin.core.reports.chronicle import Row
from snow_ha_plugin.core.reports.text import duration

COLUMNS = 80
# Of a command that changed more, the rest is counted.
MOST_DETAILS = 4


def lines(row: Row, kept: Container[str], *, every: bool = False) -> Iterator[str]:
    """In COLUMNS; `every` detail, or the first ones. `kept` are the configurations that `rollback` can put back."""
    when = time.strftime("%d %b %H:%M:%S", time.localtime(row.last))
    prefix = f"{when} {duration(time.time() - row.last):>6}  "
    text = f"x{row.times} {row.text}" if row.times > 1 else row.text
    if row.times > 1:
        text += f" (first {duration(row.last - row.first)} before)"
    if row.version in kept:
        text += f" (before it: rollback {row.version})"
    yield from _wrapped(text, prefix, " " * len(prefix))
    indent = " " * (len(prefix) + 2)
    shown = row.details if every else row.details[:MOST_DETAILS]
    for detail in shown:
        yield from _wrapped(detail, indent, indent + "  ")
    if len(shown) < len(row.details):
        yield f"{indent}and {len(row.details) - len(shown)} more"


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text, COLUMNS, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )
