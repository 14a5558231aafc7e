"""The events that Pacemaker's alert agent has put aside on this server (packaging/alert): each is taken once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from snow_ha_plugin.core.reports import alerts
from snow_ha_plugin.core.reports.alerts import Alert

DIRECTORY = Path("/run/snow-ha/alerts/new")

# An event has the environment of an alert agent, a few KiB. The directory is hacluster's.
MOST_BYTES = 64 * 1024


def take() -> list[Alert]:
    """What there is, by time; what is no event goes, too."""
    found = [alerts.parse(data) for data in _files()]
    return sorted((alert for alert in found if alert), key=lambda alert: alert.at)


def _files() -> Iterator[bytes]:
    for path in sorted(DIRECTORY.glob("*")):
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                yield file.read(MOST_BYTES)
        except OSError:
            pass
        path.unlink(missing_ok=True)
