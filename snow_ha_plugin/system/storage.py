"""The file system that all servers share, which may not answer: NFS hangs for as long as its server is away."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from snow_ha_plugin.errors import TimedOutError, UnavailableError

T = TypeVar("T")

# No verb may hang with it.
WITHIN_S = 2.0
# Where nothing can be done without what is read there.
AT_MOST_S = 20.0

SILENT = "the shared file system does not answer"

_waiting: list[threading.Thread] = []


def within(work: Callable[[], T], within_s: float | None = None) -> T:
    """What `work` gives with the shared file system, or TimedOutError: then it may still be at work.

    As long as one hangs, the next does not wait at all, unless it says how long it may take.
    """
    until = time.monotonic() + (within_s or WITHIN_S)
    for thread in _waiting if within_s else ():
        thread.join(max(0.0, until - time.monotonic()))
    ended: list[T | Exception] = []

    def attempt() -> None:
        try:
            ended.append(work())
        except Exception as error:
            ended.append(error)

    _waiting[:] = [thread for thread in _waiting if thread.is_alive()]
    if not _waiting:
        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            _waiting.append(thread)
    if not ended:
        raise TimedOutError(SILENT, remedy="see its server, and the network to it; then try again")
    if isinstance(ended[0], Exception):
        raise ended[0]
    return ended[0]


def mounted(root: Path) -> Path:
    """`root`; UnavailableError where nothing is mounted there. Only for `within`."""
    if not root.is_mount():
        raise UnavailableError(f"{root} is not mounted")
    return root


def loss(root: Path) -> str:
    """What is wrong with it on this server, in a few words; nothing while it answers.

    A statvfs goes to an NFS server each time (nfs(5): what a client caches are attributes and names).
    """
    try:
        within(lambda: os.statvfs(mounted(root)))
    except OSError as error:
        return f"the shared file system fails ({error.strerror})"
    except (TimedOutError, UnavailableError) as error:
        return error.reason
    return ""
