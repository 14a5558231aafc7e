"""A domain file while its domain is changed: put in place in one step, with what is kept and noted beside it.

Whoever is killed here leaves nothing half done.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from snow_ha_plugin.system import files

# A domain file as it was before its images were copied.
OLD = ".before-snow-ha"
# Beside the domain file of one that was shut down for that: the server that it is to be booted on again.
DOWN = ".down-for-images"


def put(path: str, data: bytes, *, like: str) -> None:
    """Put a file in place, with the owner and mode of another."""
    files.put(Path(path), data, like=Path(like))


def keep(path: str, suffix: str = OLD) -> None:
    """Keep a domain file as it is beside it."""
    put(path + suffix, Path(path).read_bytes(), like=path)


def put_back(path: str, suffix: str = OLD) -> None:
    """Put the domain file in place that `keep` has kept."""
    final = Path(path).resolve()
    Path(path + suffix).replace(final)
    files.persist(final.parent)


def note_down(path: str, server: str) -> None:
    """Note beside a domain file that its domain is about to be shut down, and where it ran."""
    put(path + DOWN, f"{server}\n".encode(), like=path)


def note_up(path: str) -> None:
    """Take that note away: the domain runs again."""
    Path(path + DOWN).unlink(missing_ok=True)
    files.persist(Path(path).parent)


def noted_down(path: str) -> str:
    """The server that a domain ran on before it was shut down for its images; empty where it was not."""
    with contextlib.suppress(FileNotFoundError):
        return Path(path + DOWN).read_text().strip()
    return ""
