"""Since when something is not as it should be, and whether a lost server was fenced, where only the record knows.

What Pacemaker keeps no time of, and somebody has done without snow-ha, stays without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from snow_ha_plugin.core.reports import chronicle
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.model import Finding

# Of findings about servers or domains, what a verb has recorded when they began, and when they ended.
CHANGES = {
    "server-standby": ("keep domains off {}", "let {} take domains again"),
    "held": ("keep Pacemaker's hands off {}", "have Pacemaker look after {} again"),
}
GONE = ("server-offline", "server-unclean")


def is_undated(finding: Finding) -> bool:
    """Whether the record may tell."""
    return finding.since is None and finding.id in (*GONE, *CHANGES)


def dated(found: Iterable[Finding], events: Sequence[Event]) -> list[Finding]:
    """`events` are by time."""
    return [_dated(each, events) if is_undated(each) else each for each in found]


def arrival(domain: str, server: str, events: Sequence[Event]) -> int | None:
    """When a domain that runs on a server has come there; None where the last that is known says another thing."""
    own = (event for event in reversed(events) if event.subject == domain)
    last = next((event for event in own if event.kind in (Kind.START, Kind.STOP, Kind.MIGRATE)), None)
    return int(last.at) if last and last.server == server and last.kind != Kind.STOP else None


def _dated(finding: Finding, events: Sequence[Event]) -> Finding:
    since = _since(finding, events)
    fenced = finding.id == "server-offline" and since is not None and _was_fenced(finding.subject, since, events)
    return finding._replace(since=since, message=finding.message + (", and was fenced" if fenced else ""))


def _was_fenced(server: str, since: int, events: Sequence[Event]) -> bool:
    """Since it left; the clocks of two servers may differ a little."""
    own = [event for event in events if event.kind == Kind.FENCING and event.subject == server]
    return any(event.ok and event.at >= since - chronicle.SAME_S for event in own)


def _since(finding: Finding, events: Sequence[Event]) -> int | None:
    """Of several domains the first one's; None where of one nothing tells."""
    times = [_began(finding.id, name, events) for name in finding.subject.split()]
    known = [time for time in times if time is not None]
    return min(known) if known and len(known) == len(times) else None


def _began(code: str, name: str, events: Sequence[Event]) -> int | None:
    for event in reversed(events):
        if event.subject != name:
            continue
        if code in GONE and event.kind == Kind.SERVER:
            return None if event.ok else int(event.at)
        if code in CHANGES and event.kind == Kind.CHANGE:
            begins, ends = (text.format(name) for text in CHANGES[code])
            if event.text in (begins, ends):
                return int(event.at) if event.text == begins else None
    return None
