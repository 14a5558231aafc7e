"""Domains that ran on two servers at once, as the record tells it.

A server that was dead has nothing to stop: what is stopped on one after another one has started it ran on both. So did
what is stopped on one while another one has run it since before that one started it. Only what the record knows to have
come to a server counts: Pacemaker also stops, to be sure, what has never run there, as after a start that failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from snow_ha_plugin.core.reports.events import Event, Kind

# Clocks of servers differ; a domain that was stopped here and started there has not run twice.
SKEW_S = 5

# How long a stop may take: once servers meet again, Pacemaker stops such a domain on both.
STOPPING_S = 600

ALWAYS, STILL = float("-inf"), float("inf")
NEVER = (ALWAYS, ALWAYS)


class RanTwice(NamedTuple):
    """`began` and `ended` are in seconds since 1970."""

    domain: str
    servers: tuple[str, str]
    began: int
    ended: int


def of(events: Iterable[Event], running: Mapping[tuple[str, str], int], since_at: float = 0) -> Iterator[RanTwice]:
    """What stops since `since_at` tell; `events` are in order of time.

    `running` has since when each domain has been running on each server where it runs now, as Pacemaker knows it.
    """
    # The last run of each domain on each server that the record knows, from when until when.
    runs: dict[tuple[str, str], tuple[float, float]] = {}
    for event in events:
        at, domain, server = event.at, event.subject, event.server
        if event.kind == Kind.FENCING and event.ok:
            runs |= {key: (run[0], min(run[1], at)) for key, run in runs.items() if key[1] == domain}
        elif event.kind == Kind.MIGRATE:
            runs[domain, event.text.removeprefix("from ")] = (ALWAYS, at)
            runs[domain, server] = (at, STILL)
        elif event.kind == Kind.START:
            runs[domain, server] = (at, STILL)
        elif event.kind == Kind.FAILURE and event.text.startswith(("start", "migrate_from")):
            since, until = runs.get((domain, server), NEVER)
            runs[domain, server] = (since, min(until, at))
        elif event.kind == Kind.STOP:
            since, until = runs.get((domain, server), NEVER)
            runs[domain, server] = (since, at)
            for (name, other), run in list(runs.items()):
                is_other = name == domain and other != server and since < run[0] < at - SKEW_S
                if at >= since_at and is_other and until == STILL and run[1] > at - STOPPING_S:
                    yield RanTwice(domain, (server, other), int(run[0]), int(min(run[1], at)))
            for (name, other), began in running.items():
                if at >= since_at and name == domain and other != server and began < since < at - SKEW_S:
                    yield RanTwice(domain, (server, other), int(since), int(at))
