"""`status DOMAIN` and `status SERVER`: all that is known of one, why it is where it is, and what happened to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from snow_ha_plugin.cli import history_view, status_view
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import INFINITY
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports import chronicle, hindrance
from snow_ha_plugin.core.reports.events import Event
from snow_ha_plugin.core.reports.overview import DomainView, Overview, ServerView
from snow_ha_plugin.core.reports.text import duration
from snow_ha_plugin.errors import NoSuchObjectError
from snow_ha_plugin.model import Constraint, Finding
from snow_ha_plugin.operations.simulation import Outlook

# By resource and server, as Pacemaker's scheduler has them after all rules.
Scores = Mapping[str, Mapping[str, int]]


# Of what happened in these days, the latest.
DAYS, MOST_EVENTS = 7, 8


def require(view: Overview, name: str) -> None:
    """NoSuchObjectError for a name that is neither a domain's nor a server's."""
    if name not in {*(domain.name for domain in view.domains), *(server.name for server in view.servers)}:
        raise NoSuchObjectError(
            f"there is no domain or server {name}", remedy="see snow ha status; register a domain: snow ha add DOMAIN"
        )


def described(
    outlook: Outlook, view: Overview, name: str, events: Sequence[Event], columns: int, now: float
) -> Iterator[str]:
    for domain in view.domains:
        if domain.name == name:
            yield from _domain(outlook, view, domain, now)
    for server in view.servers:
        if server.name == name:
            yield from _server(view, server, now)
    for constraint in _constraints(outlook.tree, name):
        yield f"constraint  {constraint.id}  {constraint.text}"
    yield from _happened(events, name)
    told = tuple(finding for finding in view.findings if name in _words(finding))
    yield from status_view.findings(told, columns, now)


def _words(finding: Finding) -> list[str]:
    return f"{finding.subject} {finding.message} {finding.remedy}".replace(":", " ").replace(",", " ").split()


def as_json(tree: cib.Tree, scores: Scores, name: str, events: Sequence[Event]) -> dict[str, Any]:
    return {
        "name": name,
        "scores": dict(scores.get(name, {})),
        "constraints": [{"id": each.id, "text": each.text} for each in _constraints(tree, name)],
        "events": [event._asdict() for event in events],
    }


def _constraints(tree: cib.Tree, name: str) -> Iterator[Constraint]:
    for constraint in cib.constraints(tree):
        if name in constraint.resources or f"node={name}" in constraint.text.split():
            yield constraint


def _happened(events: Sequence[Event], name: str) -> Iterator[str]:
    rows = chronicle.rows(events)
    if len(rows) > MOST_EVENTS:
        yield f"{len(rows) - MOST_EVENTS} earlier ones of the last {DAYS} days: snow ha history {name}"
    for row in rows[-MOST_EVENTS:]:
        yield from history_view.lines(row, ())


def _domain(outlook: Outlook, view: Overview, domain: DomainView, now: float) -> Iterator[str]:
    where = f" on {domain.server}" if domain.server else ""
    since = f", since {duration(now - domain.since)}" if domain.since and domain.server else ""
    yield f"{domain.name}  {domain.state}{where}{since}; {domain.memory_mib} MiB, {domain.vcpus} vcpus"
    if domain.state == intent.NOT_PROTECTED:
        yield f"  somebody has taken it out of Pacemaker's hands; back: snow ha add {domain.name}"
        return
    if off := domain.hands_off:
        yield f"  {off.why}: Pacemaker keeps its hands off it; back: {off.remedy}"
    if not domain.wanted and not domain.server:
        yield f"  somebody has stopped it; start it: snow boot {domain.name}"
    if domain.watch:
        yield f"  watched by {domain.watch}, and restarted when that fails twice in a row"
    for server in view.servers:
        yield f"  {server.name}: {_says(outlook, domain, server)}"


def _says(outlook: Outlook, domain: DomainView, server: ServerView) -> str:
    """What Pacemaker's score of a domain on a server means."""
    score = outlook.now.scores.get(domain.name, {}).get(server.name)
    if not server.online:
        return "not in the cluster"
    if server.standby or server.maintenance:
        return f"in {'standby' if server.standby else 'maintenance'}, takes no domains"
    if score is None:
        return "not asked by Pacemaker: it does not run there, and may not"
    is_here = server.name == domain.server
    if score <= -INFINITY:
        free_mib = outlook.free_mib.get(server.name, domain.memory_mib)
        lacking_mib = 0 if is_here else domain.memory_mib - free_mib
        found = hindrance.of(outlook.tree, outlook.now.state, domain.name, server.name, lacking_mib)
        return f"may not run there: {found.why}"
    return f"{'runs there' if is_here else 'may run there'}, score {'INFINITY' if score >= INFINITY else score}"


def _server(view: Overview, server: ServerView, now: float) -> Iterator[str]:
    state = (
        "not in the cluster"
        if not server.online
        else "in standby"
        if server.standby
        else "in maintenance"
        if server.maintenance
        else "online"
    )
    tested = (view.fencing.tested.get(server.name) or "never")[:10]
    load = status_view.bar(server.used_mib / server.capacity_mib) if server.capacity_mib else ""
    yield f"{server.name}  {state}; {server.used_mib} of {server.capacity_mib} MiB {load}"
    yield f"  last fencing test: {tested}"
    for domain in view.domains:
        if domain.server == server.name:
            since = f", since {duration(now - domain.since)}" if domain.since else ""
            yield f"  {domain.name}  {domain.state}{since}; {domain.memory_mib} MiB, {domain.vcpus} vcpus"
