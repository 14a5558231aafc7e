"""The configurations that Pacemaker keeps: the one in force, and a file for each of the last hundred before it.

They lie on each server (Pacemaker's lib/cib/cib_file.c), and a file's time is when its configuration was written.
"""

from __future__ import annotations

from pathlib import Path

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports.outside import Written
from snow_ha_plugin.errors import DataError

DIRECTORY = Path("/var/lib/pacemaker/cib")


def configurations(since: float) -> list[Written]:
    """Those since then, and the one before them; one that is being replaced is passed over."""
    found = []
    for path in [*DIRECTORY.glob("cib-*.raw"), DIRECTORY / "cib.xml"]:
        try:
            found.append((path.stat().st_mtime, path))
        except OSError:
            continue
    found.sort()
    first = max((number for number, (at, _) in enumerate(found) if at < since), default=0)
    read = []
    for at, path in found[first:]:
        try:
            read.append(Written(at, cib.parse(path.read_bytes(), str(path))))
        except (OSError, DataError):
            continue
    return read
