"""What has happened, as values and as lines of a file: what somebody changed, and what Pacemaker did or met."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple


class Kind(StrEnum):
    CHANGE = "change"
    START = "start"
    STOP = "stop"
    MIGRATE = "migrate"
    FAILURE = "failure"
    FENCING = "fencing"
    SERVER = "server"


class Event(NamedTuple):
    """`at` is in seconds since 1970; `subject` is a domain, a server, or what else was changed.

    `server` is where it happened: of a migration the target, of a change where the command was typed. `by` is who
    changed it and with which command: "root: snow-ha add web01"; `version` is the CIB's of before such a change, by
    which `rollback` knows it. `seconds` and `mib` are how long it took and what was copied, where that is known.
    """

    at: float
    kind: Kind
    subject: str
    server: str = ""
    text: str = ""
    by: str = ""
    seconds: float | None = None
    mib: int | None = None
    ok: bool = True
    version: str = ""

    @property
    def line(self) -> str:
        """One line of JSON, without what is as by default."""
        kept = {name: value for name, value in self._asdict().items() if value != self._field_defaults.get(name)}
        return json.dumps(kept, separators=(",", ":")) + "\n"


_TYPES: dict[str, tuple[type, ...]] = {
    "at": (int, float), "kind": (str,), "subject": (str,), "server": (str,), "text": (str,), "by": (str,),
    "seconds": (int, float, type(None)), "mib": (int, type(None)), "ok": (bool,), "version": (str,),
}  # fmt: skip


def parse(lines: Iterable[str]) -> tuple[list[Event], int]:
    """The events of lines, and how many lines are none that this version knows: cut short, or of a later version."""
    found, unknown = [], 0
    for line in filter(str.strip, lines):
        event = _event(line)
        if event:
            found.append(event)
        else:
            unknown += 1
    return found, unknown


def _event(line: str) -> Event | None:
    try:
        values: Any = json.loads(line)
    except ValueError:
        return None
    # What a later version says beside is left out.
    given = {name: value for name, value in values.items() if name in _TYPES} if isinstance(values, dict) else {}
    if not {"at", "kind", "subject"} <= given.keys() or given["kind"] not in list(Kind):
        return None
    if any(not isinstance(value, _TYPES[name]) for name, value in given.items()):
        return None
    return Event(**given | {"kind": Kind(given["kind"])})


def in_order(*sources: Iterable[Event]) -> tuple[Event, ...]:
    """By time, each once: what was written where the shared file system hung may have arrived there all the same."""
    return tuple(sorted({event for source in sources for event in source}, key=lambda event: (event.at, event.line)))
