"""Files that others read, such as a web server or node_exporter: they see the old one or the new one."""

from __future__ import annotations

import math
import time
from pathlib import Path

from snow_ha_plugin.errors import UnavailableError, UsageError
from snow_ha_plugin.system import files

MODE = 0o644


def put(path: Path, data: bytes) -> None:
    """Put a file in place in one step, for everybody to read; a link to it stays."""
    real = path.resolve()
    if real.exists() and not real.is_file():
        raise UsageError(f"{path} is no file", "it would be replaced", "give the name of a file")
    try:
        files.put(real, data, mode=MODE)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written", str(error.strerror), "see its directory, and the room there"
        ) from None


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def age_s(path: Path) -> float:
    """How long ago it was written; infinite where it is not there."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf
