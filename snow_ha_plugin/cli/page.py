"""The page that `report` writes: what `status` knows, and what happened, as one file of HTML that needs nothing else.

It has no secrets: of the configuration it shows the cluster options named here, and constraints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import click

from snow_ha_plugin import __version__
from snow_ha_plugin.cli import output, status_view
from snow_ha_plugin.core import cib, codes
from snow_ha_plugin.core.reports import chronicle, health, timeline, verdict
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.overview import DomainView, Overview, ServerView
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.core.reports.timeline import Row, Stretch, Timeline
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.model import Severity

DAY_S = 86400
DAYS = 7

# What is told one by one, newest first.
MOST_FAILURES, MOST_CHANGES = 50, 30
# Of what one command has changed.
MOST_DETAILS = 6
# A server's domains beyond these are named on demand.
MOST_NAMED = 24
# A domain that fails all the time would make its row a bar of marks.
MOST_MARKS = 40

# From how much more than at best, of its memory, the fullest server is worth a word.
UNEVEN = 0.05

COLOURS = 6
LEVEL = {Word.HEALTHY: "good", Word.DEGRADED: "warn", Word.NOT_ENABLED: "warn"}
OF_SEVERITY = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.INFO: "note"}

# On a bar of 630 px, the least on a screen where texts in bars are shown; of a letter of 12 px.
BAR_PX, LETTER_PX, MARGIN_PX = 630, 7, 10

OPTIONS = (
    "cluster-name", "dc-version", "have-watchdog", "stonith-enabled", "stonith-timeout", "stonith-watchdog-timeout",
    "priority-fencing-delay", "fencing-timeout", "no-quorum-policy", "placement-strategy", "migration-limit",
    "maintenance-mode", "symmetric-cluster", "stop-all-resources", "stop-orphan-resources", "node-health-strategy",
)  # fmt: skip


class Sheet(NamedTuple):
    """What is on the page; `missing` says why `events` are not all, `every` how often it is written, in minutes."""

    tree: cib.Tree
    view: Overview
    events: Sequence[Event]
    missing: str
    now: float
    here: str
    every: int = 0


def render(sheet: Sheet) -> str:
    # It takes longer to import than most verbs to run.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("snow_ha_plugin"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    since = sheet.now - DAYS * DAY_S
    shown = timeline.of(sheet.view, sheet.events, since, sheet.now)
    environment.filters |= _filters(sheet, shown)
    return environment.get_template("page.html").render(_context(sheet, shown, environment))


def _filters(sheet: Sheet, shown: Timeline) -> dict[str, Callable[..., Any]]:
    numbers = {server.name: number % COLOURS for number, server in enumerate(sheet.view.servers)}

    def share(at: float) -> float:
        return round(100 * (at - shown.since) / (shown.until - shown.since), 2)

    def length_of(part: Stretch) -> float:
        return round(share(part.end) - share(part.start), 2)

    def told(part: Stretch) -> str:
        where = "not recorded" if part.place is None else part.place or "not running"
        return f"{where}, {moment(part.start)} to {moment(part.end)}"

    return {
        "share": share, "length_of": length_of, "told": told, "fits_in": fits_in, "moment": moment, "iso": _iso,
        "in_words": chronicle.words, "mark": _mark, "marked": _marked, "row_told": _row_told, "gib": _gib,
        "percent": lambda load: f"{load:.0%}", "colour": lambda place: f"p{numbers.get(place, 0)}",
    }  # fmt: skip


def _context(sheet: Sheet, shown: Timeline, environment: Any) -> dict[str, Any]:
    view = sheet.view
    told = verdict.of(view)
    options = cib.options(sheet.tree)
    failures = chronicle.rows(event for event in sheet.events if is_failure(event))[::-1]
    changes = chronicle.rows(event for event in sheet.events if event.kind == Kind.CHANGE)[::-1]
    worst_first = sorted(view.findings, key=lambda finding: list(Severity).index(finding.severity))
    source, _, _ = environment.loader.get_source(environment, "page.css")
    return {
        # Not escaped: it is ours, and in an element of plain text.
        "css": environment.filters["safe"](source),
        "version": __version__,
        "name": options.get("cluster-name") or in_words([server.name for server in view.servers]),
        "now": sheet.now,
        "here": sheet.here,
        "every": sheet.every,
        "verdict": told,
        "level": LEVEL.get(told.word, "bad"),
        "view": view,
        "findings": [finding for finding in worst_first if finding.severity != Severity.INFO],
        "notes": [finding for finding in worst_first if finding.severity == Severity.INFO],
        "accepted": view.accepted,
        "codes": codes.TABLE,
        "levels": OF_SEVERITY,
        "labels": {severity: label for severity, (label, _) in status_view.LABEL.items()},
        "facts": list(_facts(view)),
        "most_named": MOST_NAMED,
        "uneven": bool(view.standing and view.standing.spread.peak_memory >= view.standing.lower_bound + UNEVEN),
        "best": view.standing.lower_bound if view.standing else None,
        "servers": [_server(view, server) for server in view.servers],
        "odd": [
            {**domain._asdict(), "doing": click.unstyle(status_view.doing(domain))}
            for domain in view.domains
            if domain.state != "running" or not domain.managed
        ],
        "timeline": shown,
        "recorded": bool(sheet.events),
        "missing": sheet.missing,
        "days_told": DAYS,
        "days": list(_days(shown)),
        "most_details": MOST_DETAILS,
        "failures": failures[:MOST_FAILURES],
        "failures_left": max(0, len(failures) - MOST_FAILURES),
        "changes": changes[:MOST_CHANGES],
        "changes_left": max(0, len(changes) - MOST_CHANGES),
        "fencing": _fencing(view),
        "tested": view.fencing.tested,
        "options": {name: options[name] for name in OPTIONS if name in options},
        "constraints": cib.constraints(sheet.tree),
    }  # fmt: skip


def _facts(view: Overview) -> Iterator[dict[str, str]]:
    wanted = [domain for domain in view.domains if domain.wanted]
    running = sum(domain.server is not None for domain in wanted)
    migrating = sum(domain.state == "migrating" for domain in view.domains)
    down = "" if running == len(wanted) else "bad"
    yield _fact("Domains that run", f"{running} of {len(wanted)}", f"{migrating} migrating" if migrating else "", down)
    online = sum(server.online for server in view.servers)
    yield _fact("Servers", f"{online} of {len(view.servers)}", level="" if online == len(view.servers) else "bad")
    if stands := view.standing:
        words = {True: "yes, any one", False: "not every one", None: "not known"}
        holds = stands.n_plus_1.holds
        yield _fact("May a server fail?", words[holds], level="" if holds else "warn")
        best = f"{stands.lower_bound:.0%} in the best placement"
        yield _fact("Fullest server", f"{stands.spread.peak_memory:.0%}", best)
    for ip in view.floating_ips:
        where = f"on {ip.server}" if ip.server else "nowhere"
        yield _fact("Floating IP", ip.address, where, "" if ip.server else "bad")
    if view.fencing.enabled:
        tests = view.fencing.tested.values()
        oldest = f"last test {min(tests)[:10]}" if tests and all(tests) else "not every server tested"
        yield _fact("Fencing", view.fencing.way, oldest)
    else:
        yield _fact("Fencing", "NONE", level="bad")


def _fact(name: str, value: str, more: str = "", level: str = "") -> dict[str, str]:
    return {"name": name, "value": value, "more": more, "level": level}


def _fencing(view: Overview) -> str:
    if not view.fencing.enabled:
        return "There is none: after a network failure two servers could run the same domain and destroy its image."
    devices = ", ".join(view.fencing.devices)
    way = output.WAYS.get(view.fencing.way, "configured by hand")
    return f"A lost server is made sure to be dead by {way} ({devices})."


def _server(view: Overview, server: ServerView) -> dict[str, Any]:
    here = sorted(
        (domain for domain in view.domains if domain.server == server.name),
        key=lambda domain: (-domain.memory_mib, domain.name),
    )
    load = server.used_mib / server.capacity_mib if server.capacity_mib else 0.0
    level, state = "good", "online"
    if not server.online:
        level, state = "bad", "UNSEEN" if server.unseen else "OFFLINE"
    elif server.standby or server.maintenance:
        level, state = "warn", "standby" if server.standby else "maintenance"
    elif load >= status_view.CROWDED:
        level, state = ("bad", "online, full") if load >= status_view.FULL else ("warn", "online, nearly full")
    return {
        "name": server.name, "state": state, "level": level, "serves": state.startswith("online"),
        "used": server.used_mib, "capacity": server.capacity_mib, "load": load, "domains": server.domains,
        "parts": list(_parts(here, max(server.capacity_mib, server.used_mib))),
        "loss": _loss(view, server),
    }  # fmt: skip


def _parts(domains: Sequence[DomainView], whole_mib: int) -> Iterator[dict[str, Any]]:
    at = 0.0
    for domain in domains:
        width = 100 * domain.memory_mib / whole_mib if whole_mib else 0.0
        yield {
            "name": domain.name, "memory": domain.memory_mib, "at": round(at, 2), "width": round(width, 2),
            "fits": fits_in(domain.name, width),
        }  # fmt: skip
        at += width


def _loss(view: Overview, server: ServerView) -> str:
    failure = view.standing.n_plus_1.failures.get(server.name) if view.standing else None
    if failure is None or not server.domains:
        return ""
    if not failure.victims:
        return "If it fails, its domains start elsewhere."
    return f"If it fails, nobody has room for {in_words(failure.victims, health.MOST_NAMES)}."


def _days(shown: Timeline) -> Iterator[dict[str, Any]]:
    """The midnights, each with its place in per cent."""
    year, month, day, *_ = time.localtime(shown.since)
    for number in range(1, DAYS + 2):
        midnight = time.mktime((year, month, day + number, 0, 0, 0, 0, 0, -1))
        if midnight < shown.until - DAY_S / 4:
            at = 100 * (midnight - shown.since) / (shown.until - shown.since)
            yield {"at": round(at, 2), "name": time.strftime("%a %d", time.localtime(midnight))}


def fits_in(text: str, per_cent: float) -> bool:
    return per_cent / 100 * BAR_PX >= len(text) * LETTER_PX + MARGIN_PX


def is_failure(event: Event) -> bool:
    return event.kind in (Kind.FAILURE, Kind.FENCING) or not event.ok


def _mark(event: Event) -> str:
    return "bad" if is_failure(event) else "event"


def _marked(events: Sequence[Event]) -> Sequence[Event]:
    return [event for event in events if event.kind != Kind.CHANGE][-MOST_MARKS:]


def _row_told(row: Row) -> str:
    """What the picture of a row shows, for those who do not see it."""
    places = [
        f"{part.place or 'nowhere'} from {moment(part.start)}" for part in row.stretches if part.place is not None
    ]
    bad = sum(map(is_failure, row.events))
    failures = f"; {bad} failures" if bad else ""
    return f"{row.name}: {in_words(places, 12) or 'nothing is recorded'}{failures}"


def moment(at: float) -> str:
    return time.strftime("%a %d %b %H:%M", time.localtime(at))


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _gib(mib: int) -> str:
    return f"{mib / 1024:.1f}"
