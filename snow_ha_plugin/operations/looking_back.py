"""What happened, of all who know: the record, and Pacemaker's fencing history, failures and former configurations."""

from __future__ import annotations

from dataclasses import dataclass

from snow_ha_plugin.core.reports import chronicle, outside
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.system import fencer, pacemaker, record, written


@dataclass(frozen=True)
class Past:
    """`unknown` lines of the record could not be read; `missing` says whose events are not here, and why."""

    events: tuple[Event, ...]
    unknown: int
    missing: tuple[str, ...]


def past(since: float) -> Past:
    """Since then, by time."""
    recorded = record.read(since)
    missing = [f"what other servers recorded: {recorded.missing}"] if recorded.missing else []
    try:
        beside = [*fencer.fencings(), *_failures()]
    except SnowHaError as error:
        beside = []
        missing.append(f"what Pacemaker knows itself: {error.message}")
    if not recorded.missing:
        # Without the record nobody knows which changes were ours.
        beside += outside.changes(written.configurations(since), recorded.events)
    found = chronicle.merged(recorded.events, [event for event in beside if event.at >= since])
    return Past(found, recorded.unknown, tuple(missing))


def _failures() -> list[Event]:
    return [
        Event(failed.when, Kind.FAILURE, failed.resource, failed.server, f"{failed.task}: {failed.reason}", ok=False)
        for failed in pacemaker.state().failures
    ]
