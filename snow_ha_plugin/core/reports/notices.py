"""One notice of all that has gone wrong at about the same time: servers, domains, migrations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports import findings
from snow_ha_plugin.core.reports.alerts import Alert
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.model import ClusterState

# Clocks of servers differ a little.
SKEW_S = 2

# How a time, in seconds since 1970, is told.
Clock = Callable[[float], str]

# In a subject.
MOST_NAMES = 3


class Notice(NamedTuple):
    subject: str
    text: str


def notice(seen: Sequence[Alert], tree: cib.Tree, state: ClusterState, here: str, clock: Clock) -> Notice | None:
    """What this server is to tell of what it has seen, now that it is over; None where that is nothing, or is another
    server's to tell.

    Of a lost server that is the one that leads, of a domain the one where it failed last.
    """
    parts = [*(_lost(seen, tree, clock) if state.dc == here else ()), *_failed(seen, state, here, clock)]
    if not parts:
        return None
    subjects = [subject for subject, _ in parts]
    lines = [line for _, lines in parts for line in lines]
    return Notice(
        "; ".join(subjects), "\n".join([*lines, "", f"Seen by {here}; more: snow ha history, snow ha status", ""])
    )


def _lost(seen: Sequence[Alert], tree: cib.Tree, clock: Clock) -> Iterator[tuple[str, list[str]]]:
    for alert in seen:
        if not alert.lost:
            continue
        fencings = [each for each in seen if each.kind == "fencing" and each.node == alert.node]
        if not fencings and cib.was_told_to_leave(tree, alert.node):
            continue
        is_fenced = any(each.rc == 0 for each in fencings)
        how = "fenced" if is_fenced else "NOT fenced"
        lines = [f"{clock(alert.at)}  {alert.node} was lost"]
        lines += [f"{clock(each.at)}  {each.description}" for each in fencings]
        if not is_fenced:
            lines.append(f"{alert.node} was not fenced: what it ran may still run there; look at its console or BMC")
        domains = cib.domains(tree)
        moved = {name: at for name, at in cib.started_since(tree, alert.at - SKEW_S).items() if name in domains}
        lines += [f"{name} was started on {server}" for name, server in sorted(moved.items())]
        yield f"{alert.node} was lost, {how}" + (f", domains started: {len(moved)}" if moved else ""), lines


def _failed(seen: Sequence[Alert], state: ClusterState, here: str, clock: Clock) -> Iterator[tuple[str, list[str]]]:
    failures = [alert for alert in seen if alert.failed and alert.node == here]
    migrations = [alert for alert in failures if alert.failed_migration]
    others = [alert for alert in failures if not alert.failed_migration]
    for what, of_these in (("failed", others), ("could not be migrated", migrations)):
        names = [name for name in sorted({alert.resource for alert in of_these}) if _is_told_by(here, name, state)]
        if names:
            lines = [line for name in names for line in _story(name, of_these, state, clock)]
            yield f"{in_words(names, MOST_NAMES)} {what}", lines


def _is_told_by(here: str, name: str, state: ClusterState) -> bool:
    last = findings.last_failure(state, name)
    return last is None or last.server == here


def _story(name: str, failures: Sequence[Alert], state: ClusterState, clock: Clock) -> list[str]:
    times = Counter(alert.description for alert in failures if alert.resource == name)
    lines = []
    for alert in failures:
        if alert.resource == name and (count := times.pop(alert.description, 0)):
            again = f" ({count} times)" if count > 1 else ""
            lines.append(f"{clock(alert.at)}  {name} on {alert.node}: {alert.description}{again}")
    resource = next((each for each in state.resources if each.id == name), None)
    if resource and resource.blocked:
        lines.append(
            f"{name} runs on where it was, and Pacemaker leaves it alone; to try again: snow ha release {name}"
        )
    elif resource:
        where = in_words(resource.servers)
        lines.append(f"{name} is on {where} now" if where else f"{name} is down")
    return lines
