"""The record of what happened, the same on all servers: a directory on the file system that they share.

Each server appends to its own file there, NAME.jsonl: appends of several servers to one file are not kept apart by
NFS. Whoever appends waits for the shared file system for storage.WITHIN_S and never fails: what cannot be written there
waits in LOCAL, and goes there with the next event. All of it is root's alone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import shlex
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from snow_ha_plugin.core.reports import events
from snow_ha_plugin.core.reports.events import Event
from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.system import snowtools, storage

log = logging.getLogger(__name__)

LOCAL = Path("/var/lib/snow-ha/history")

# Of a server's own file, and of the one before it: some thousand events each.
MOST_BYTES = 512 * 1024


class Record(NamedTuple):
    """`unknown` lines could not be read. Where the shared file system did not answer, `missing` says so, and only what
    waits on this server is here."""

    events: tuple[Event, ...]
    unknown: int = 0
    missing: str = ""


def append(*happened: Event) -> None:
    """Record what happened on this server."""
    data = "".join(event.line for event in happened).encode()
    if not data:
        return
    try:
        storage.within(lambda: _to_shared(data))
    except (OSError, TimedOutError, UnavailableError) as error:
        log.debug("recorded on this server alone: %s", error)
        with suppress(OSError):
            _write(_own(LOCAL), data)


def read(since: float = 0) -> Record:
    """What happened on all servers since then, by time."""
    missing = ""
    try:
        lines = storage.within(lambda: _lines(shared()))
    except OSError as error:
        lines, missing = [], str(error)
    except (TimedOutError, UnavailableError) as error:
        lines, missing = [], error.reason
    with suppress(OSError):
        lines += _lines(LOCAL)
    found, unknown = events.parse(lines)
    return Record(events.in_order(event for event in found if event.at >= since), unknown, missing)


def by() -> str:
    """Who is at work, with which command."""
    user = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    return f"{user}: {shlex.join(['snow-ha', *sys.argv[1:]])}"


def here() -> str:
    return socket.gethostname().split(".")[0]


def shared() -> Path:
    """The directory there, only for `storage.within`; UnavailableError where the file system is not mounted."""
    return storage.mounted(snowtools.layout().root) / "snow-ha" / "history"


def made(directory: Path) -> Path:
    for each in (directory.parent, directory):
        each.mkdir(mode=0o700, exist_ok=True)
    return directory


def _to_shared(data: bytes) -> None:
    local = _own(LOCAL)
    with local.open("rb+") as waiting:
        # Several verbs and the service append on this server; its own file system keeps them apart.
        fcntl.flock(waiting, fcntl.LOCK_EX)
        late = waiting.read()
        _write(_own(shared()), late + data)
        # Who did not wait for us any longer has added to it.
        if os.fstat(waiting.fileno()).st_size == len(late):
            waiting.truncate(0)


def _own(directory: Path) -> Path:
    """This server's file in a directory."""
    path = made(directory) / f"{here()}.jsonl"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    return path


def _write(path: Path, data: bytes) -> None:
    if path.stat().st_size > MOST_BYTES:
        path.replace(path.with_suffix(".1.jsonl"))
        path = _own(path.parent)
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _lines(directory: Path) -> list[str]:
    texts = [path.read_text("utf-8", "replace") for path in sorted(directory.glob("*.jsonl"))]
    return [line for text in texts for line in text.split("\n")]
