"""Where each domain was and when each server was there, told from events. Times are in seconds since 1970."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.overview import Overview

NOWHERE = ""


class Stretch(NamedTuple):
    """A time in which something was at one place, or NOWHERE; None where nothing tells."""

    start: float
    end: float
    place: str | None


class Row(NamedTuple):
    """A domain's or a server's time. A server that is in the cluster is at its own name."""

    name: str
    stretches: tuple[Stretch, ...]
    events: tuple[Event, ...]


class Timeline(NamedTuple):
    """`quiet` are the domains to which nothing happened, which still are where they were."""

    since: float
    until: float
    servers: tuple[Row, ...]
    domains: tuple[Row, ...]
    quiet: tuple[str, ...]


def of(view: Overview, events: Sequence[Event], since: float, until: float) -> Timeline:
    """Before the first event of all nothing is known, unless the cluster itself remembers it."""
    by_subject: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if since <= event.at <= until:
            by_subject[event.subject].append(event)
    began = min((event.at for event in events), default=until)
    servers = tuple(
        _row(each.name, by_subject[each.name], each.name if each.online else NOWHERE, began, since, until)
        for each in view.servers
    )
    domains, quiet = [], []
    for domain in view.domains:
        own = by_subject[domain.name]
        if not any(event.kind != Kind.CHANGE for event in own):
            quiet.append(domain.name)
        else:
            known = min(began, domain.since or until)
            domains.append(_row(domain.name, own, domain.server or NOWHERE, known, since, until))
    return Timeline(since, until, servers, tuple(domains), tuple(quiet))


def _row(name: str, events: Iterable[Event], now: str, began: float, since: float, until: float) -> Row:
    own = sorted(events, key=lambda event: event.at)
    moments: list[tuple[float, str | None]] = []
    for event in own:
        before, after = _around(event)
        if after is not None:
            if not moments:
                moments += [(since, None), (max(since, min(began, event.at)), before)]
            moments.append((event.at, after))
    if not moments:
        moments = [(since, None), (max(since, began), now)]
    # What is so now is seen, and not told by events, of which one may be missing.
    moments[-1] = (moments[-1][0], now)
    ends = [at for at, _ in moments[1:]] + [until]
    stretches: list[Stretch] = []
    for (start, place), end in zip(moments, ends, strict=True):
        if stretches and stretches[-1].place == place:
            stretches[-1] = Stretch(stretches[-1].start, end, place)
        elif end > start:
            stretches.append(Stretch(start, end, place))
    return Row(name, tuple(stretches), tuple(own))


def _around(event: Event) -> tuple[str | None, str | None]:
    """Where its subject was before an event and after it; None for what that does not tell."""
    match event.kind:
        case Kind.START if event.ok:
            return NOWHERE, event.server
        case Kind.STOP if event.ok:
            return event.server, NOWHERE
        case Kind.MIGRATE if event.ok:
            # Its text, where it has one, is "from SERVER".
            return event.text.removeprefix("from ") or None, event.server
        case Kind.FENCING if event.ok:
            return event.subject, NOWHERE
        case Kind.SERVER:
            return (NOWHERE, event.subject) if event.ok else (event.subject, NOWHERE)
    return None, None
