"""What happened, of all who know: the record, and Pacemaker's fencing history, failures and former configurations."""

from __future__ import annotations

from typing import NamedTuple

from snow_ha_plugin.core.reports import chronicle, outside
from snow_ha_plugin.core.reports.events import Event
from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.system.cluster import Cluster


class Past(NamedTuple):
    """`unknown` lines of the record could not be read; `missing` says whose events are not here, and why."""

    events: tuple[Event, ...]
    unknown: int
    missing: tuple[str, ...]


def past(cluster: Cluster, since: float, *, with_others: bool = True) -> Past:
    """Since then, by time; `with_others`: what was changed without snow-ha too, at the cost of a look at the
    configurations of before."""
    recorded = cluster.past(since)
    missing = [f"what other servers recorded: {recorded.missing}"] if recorded.missing else []
    try:
        beside = cluster.known()
    except SnowHaError as error:
        beside = []
        missing.append(f"what Pacemaker knows itself: {error.message}")
    if with_others and not recorded.missing:
        # Without the record nobody knows which changes were ours.
        beside += outside.changes(cluster.written(since), recorded.events)
    found = chronicle.merged(recorded.events, [event for event in beside if event.at >= since])
    return Past(found, recorded.unknown, tuple(missing))
