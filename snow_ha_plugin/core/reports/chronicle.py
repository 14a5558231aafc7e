"""Events in a reader's words: what belongs together is one row, and what came again and again is told once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.text import duration

# All servers see that one is lost or fenced, and Pacemaker's histories tell what alerts have told, each a bit later.
SAME_S = 10

# What happens again within this time is told as one with a count.
AGAIN_S = 3600


class Row(NamedTuple):
    """`first` and `last` are in seconds since 1970; `details` are the changes of one command, `version` is how the
    configuration was before it."""

    first: float
    last: float
    text: str
    times: int = 1
    details: tuple[str, ...] = ()
    version: str = ""


def of(events: Iterable[Event], name: str) -> tuple[Event, ...]:
    """Those of a domain, or on a server; also a migration away from it."""
    return tuple(
        event
        for event in events
        if name in (event.subject, event.server) or (event.kind == Kind.MIGRATE and name in event.text.split())
    )


def merged(recorded: Iterable[Event], beside: Iterable[Event]) -> tuple[Event, ...]:
    """What is recorded, with what Pacemaker still knows and the record has not; by time."""
    found: list[Event] = []
    told: dict[tuple[object, ...], list[float]] = {}
    for event in [*sorted(recorded, key=lambda event: event.at), *beside]:
        if event.kind in (Kind.FENCING, Kind.SERVER, Kind.FAILURE):
            # Of a failure there is one, where it happened; all servers tell what became of one of them.
            where = event.server if event.kind == Kind.FAILURE else ""
            times = told.setdefault((event.kind, event.subject, event.ok, where), [])
            if any(abs(event.at - at) <= SAME_S for at in times):
                continue
            times.append(event.at)
        found.append(event)
    return tuple(sorted(found, key=lambda event: event.at))


def rows(events: Iterable[Event]) -> tuple[Row, ...]:
    """The latest last; what came several times stands where it came last."""
    found: list[Row] = []
    commands: list[tuple[float, str]] = []
    for event in events:
        if event.kind == Kind.CHANGE:
            command = (event.at, event.by)
            if commands[-1:] == [command]:
                found[-1] = found[-1]._replace(details=(*found[-1].details, event.text))
            else:
                found.append(Row(event.at, event.at, event.by, 1, (event.text,), event.version))
            commands.append(command)
            continue
        commands.append((0, ""))
        text = words(event)
        row = Row(event.at, event.at, text)
        for before in reversed(found):
            if event.at - before.last > AGAIN_S:
                break
            if before.text == text:
                found.remove(before)
                row = row._replace(first=before.first, times=before.times + 1)
                break
        found.append(row)
    return tuple(found)


def words(event: Event) -> str:
    name, server, text = event.subject, event.server, event.text
    why = f": {text}" if text else ""
    took = f", {duration(event.seconds)}" if event.seconds else ""
    copied = f", {event.mib} MiB" if event.mib else ""
    match event.kind, event.ok:
        case Kind.START | Kind.STOP, True:
            return f"{name} {'started' if event.kind == Kind.START else 'stopped'} on {server}{took}"
        case Kind.MIGRATE, True:
            return f"{name} migrated {f'{text} ' if text else ''}to {server}{took}{copied}"
        case Kind.START | Kind.STOP | Kind.MIGRATE, False:
            return f"{event.kind} of {name} on {server} failed{why}"
        case Kind.FAILURE, _:
            return f"{name} failed on {server}{why}"
        case Kind.FENCING, _:
            return f"{name} was fenced{why}" if event.ok else f"fencing of {name} failed{why}"
    return f"{name} {text}"
