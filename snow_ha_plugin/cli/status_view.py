"""`status` on a terminal: the verdict, servers side by side, what deserves a line, and last what to do about it.

Lines are no longer than the terminal where words allow; names are never cut. What is drawn is ASCII: the console of a
machine room may be a serial one.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator

import click

from snow_ha_plugin.cli import output
from snow_ha_plugin.core.reports.overview import DomainView, Overview, ServerView
from snow_ha_plugin.core.reports.text import duration
from snow_ha_plugin.core.reports.verdict import Verdict, Word
from snow_ha_plugin.model import Finding, Severity

# Without a terminal a line is as long as it needs to be: it may be grepped.
NO_TERMINAL_COLUMNS = 200

BAR = 8

# From which load on a bar is yellow, and red.
CROWDED, FULL = 0.8, 0.95

COLOUR = {
    Word.HEALTHY: "green",
    Word.DEGRADED: "yellow",
    Word.BROKEN: "red",
    Word.CANNOT_TELL: "red",
    Word.NOT_ENABLED: "yellow",
}
STATE_COLOUR = {"OFFLINE": "red", "UNSEEN": "red", "standby": "yellow", "maintenance": "yellow"}
LABEL = {Severity.ERROR: ("ERROR", "red"), Severity.WARNING: ("WARN", "yellow"), Severity.INFO: ("note", "blue")}

DAY_S = 86400

# Notes of one kind that are told one by one.
MOST_NOTES = 2


def columns() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else NO_TERMINAL_COLUMNS


def word(found: Word) -> str:
    return output.style(found.text, fg=COLOUR[found], bold=True)


def head(verdict: Verdict) -> str:
    return f"{word(verdict.word)}  {verdict.summary}"


def lines(view: Overview, verdict: Verdict, columns: int, now: float) -> Iterator[str]:
    yield head(verdict)
    if verdict.word == Word.NOT_ENABLED:
        return
    yield from _servers(view.servers, columns)
    yield from _domains(view.domains, now)
    yield from _foot(view, columns)
    yield from findings(view.findings, columns, now)


def _servers(servers: tuple[ServerView, ...], columns: int) -> Iterator[str]:
    states = {server.name: _state(server) for server in servers}
    sizes = {server.name: _size(server) for server in servers}
    longest = [max(map(len, texts), default=0) for texts in (states, states.values(), sizes.values())]
    for server in servers:
        colour = STATE_COLOUR.get(states[server.name], "green")
        load = server.used_mib / server.capacity_mib if server.capacity_mib else 0.0
        plain = f"{server.name:<{longest[0]}}  "
        told = plain + output.style(f"{states[server.name]:<{longest[1]}}", fg=colour) + "  "
        drawn = "[" + "?" * BAR + "]" if server.unseen else bar(load)
        told += output.style(drawn, fg="red" if load >= FULL else "yellow" if load >= CROWDED else None)
        told += f"  {sizes[server.name]:>{longest[2]}}  "
        indent = len(plain) + longest[1] + longest[2] + BAR + 8
        names = textwrap.wrap(
            " ".join(server.domains), max(columns - indent, 20), break_long_words=False, break_on_hyphens=False
        )
        yield (told + next(iter(names), "")).rstrip()
        yield from (" " * indent + more for more in names[1:])


def _state(server: ServerView) -> str:
    if not server.online:
        return "UNSEEN" if server.unseen else "OFFLINE"
    return "standby" if server.standby else "maintenance" if server.maintenance else "online"


def bar(load: float) -> str:
    """A load of 0 to 1 as `[####....]`; a domain that is there can be seen."""
    cells = min(BAR, max(round(load * BAR), load > 0))
    return f"[{'#' * cells}{'.' * (BAR - cells)}]"


def _size(server: ServerView) -> str:
    used = f"{server.used_mib / 1024:.1f}"
    return f"{used} of {server.capacity_mib / 1024:.0f} GiB" if server.capacity_mib else f"{used} GiB, size unknown"


def _domains(domains: tuple[DomainView, ...], now: float) -> Iterator[str]:
    """Those that do not just run."""
    odd = [
        domain for domain in domains
        if domain.state != "running" or (domain.hands_off and not domain.hands_off.is_wider)
    ]  # fmt: skip
    longest = max((len(domain.name) for domain in odd), default=0)
    for domain in odd:
        yield f"{domain.name:<{longest}}  {doing(domain)}"


def doing(domain: DomainView) -> str:
    where = f" on {domain.server}" if domain.server else ""
    if domain.state in ("stopped", "unknown") and domain.wanted:
        told = output.style("DOWN", fg="red")
    elif domain.state == "stopped":
        told = "stopped, as somebody wanted"
    elif way := domain.migration:
        left = way.memory_mib - way.sent_mib
        told = f"{domain.state}  {domain.server} > {way.target}  {bar(way.sent_mib / max(way.memory_mib, 1))} "
        told += f"{way.sent_mib} of {way.memory_mib} MiB, {way.mib_per_s} MiB/s"
        return told + (f", {duration(left / way.mib_per_s)} left" if left > 0 and way.mib_per_s else "")
    else:
        told = domain.state + where
    return f"{told}; {off.why}: Pacemaker keeps its hands off" if (off := domain.hands_off) else told


def _foot(view: Overview, columns: int) -> Iterator[str]:
    """As much in a line as fits."""
    line = ""
    for part in _in_short(view):
        if line and len(click.unstyle(f"{line}; {part}")) > columns:
            yield line
            line = part
        else:
            line = f"{line}; {part}" if line else part
    yield line


def _in_short(view: Overview) -> Iterator[str]:
    for ip in view.floating_ips:
        yield f"{ip.address} on {ip.server}" if ip.server else output.style(f"{ip.address} nowhere", fg="red")
    if view.fencing.enabled:
        how = output.WAYS.get(view.fencing.way, ", ".join(view.fencing.devices))
        tests = view.fencing.tested.values()
        oldest = min(tests)[:10] if tests and all(tests) else "never"
        yield f"fencing: {how}, last test {oldest}"
    else:
        yield "fencing: " + output.style("NONE", fg="red", bold=True)
    if view.standing:
        yield output.standing_words(view.standing.spread.peak_memory, view.standing.lower_bound)
    if view.accepted:
        yield output.accepted_words(finding for finding, _ in view.accepted)


def findings(found: tuple[Finding, ...], columns: int, now: float) -> Iterator[str]:
    """The worst last, where the eye is; of many notes of a kind the first."""
    order = [Severity.INFO, Severity.WARNING, Severity.ERROR]
    told: Counter[str] = Counter()
    left: Counter[str] = Counter()
    shown = []
    for finding in sorted(found, key=lambda finding: order.index(finding.severity)):
        told[finding.id] += 1
        if finding.severity == Severity.INFO and told[finding.id] > MOST_NOTES:
            left[finding.id] += 1
        else:
            shown.append(finding)
    for kind, count in left.items():
        yield f"{'note':<5} {kind}  {count} more of these: --json lists them"
    for finding in shown:
        age = f" (since {_moment(finding.since, now)})" if finding.since else ""
        yield from item(*LABEL[finding.severity], f"{finding.id}  {finding.message}{age}", columns)
        if finding.remedy:
            yield from (f"      {line}" for line in _wrapped(f"do: {finding.remedy}", columns))


def _moment(at: float, now: float) -> str:
    """To find it in a log, and how long that is."""
    passed = now - at
    form = "%H:%M:%S" if passed < DAY_S else "%d %b %H:%M"
    return f"{time.strftime(form, time.localtime(at))}, {duration(passed)}"


def item(label: str, colour: str, text: str, columns: int) -> Iterator[str]:
    first, *more = _wrapped(text, columns)
    yield f"{output.style(f'{label:<5}', fg=colour)} {first}"
    yield from (f"      {line}" for line in more)


def _wrapped(text: str, columns: int) -> list[str]:
    return output.wrapped(text, columns - 6)


def check_line(verdict: Verdict, view: Overview | None) -> str:
    """A Nagios plugin's line: its own word, what is so, and numbers (monitoring-plugins.org, "performance data")."""
    words = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
    line = f"{words[verdict.word.exit_code]} - {verdict.word.text.lower()}: {verdict.summary}"
    if view is None:
        return line
    counts = Counter(finding.severity for finding in view.findings)
    numbers = {
        "servers": sum(server.online for server in view.servers),
        "domains": sum(domain.server is not None for domain in view.domains),
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
    }
    told = [f"{name}={number}" for name, number in numbers.items()]
    if view.standing:
        told.append(f"fullest={view.standing.spread.peak_memory:.0%}")
    return f"{line} | {' '.join(told)}"
