"""How long a guest was silent, by ping (iputils). Times are seconds."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.system import command

INTERVAL_S = 0.2
# Longer than any migration may take: it is ended before.
DAY_S = 86400

_REPLY = re.compile(r"^\[(\d+\.\d+)\] \d+ bytes from ", re.MULTILINE)


class Silence:
    """`longest_s` is there once the asking has ended: between replies, or after the last; None where there was none."""

    longest_s: float | None = None


@contextlib.contextmanager
def asking(address: str) -> Iterator[Silence]:
    """Ask an address again and again as long as the block lasts; without an address, or ping, nobody is asked."""
    found = Silence()
    if not address:
        yield found
        return
    pids: list[int] = []
    has_begun = threading.Event()

    def began(pid: int) -> None:
        pids.append(pid)
        has_begun.set()

    argv = ["ping", "-n", "-D", "-i", str(INTERVAL_S), "-w", str(DAY_S), address]
    with ThreadPoolExecutor(1) as meanwhile:
        asked = meanwhile.submit(command.run, argv, timeout_s=DAY_S, started=began)
        asked.add_done_callback(lambda ended: has_begun.set())
        try:
            yield found
        finally:
            has_begun.wait()
            ended = time.time()
            with contextlib.suppress(ProcessLookupError):
                for pid in pids:
                    os.kill(pid, signal.SIGINT)
    with contextlib.suppress(SnowHaError):
        found.longest_s = longest_silence_s(asked.result().text, ended)


def longest_silence_s(text: str, ended: float) -> float | None:
    """From what ping -D prints until it was `ended`; where a reply is missing, its neighbours are further apart."""
    times = [float(at) for at in _REPLY.findall(text)]
    gaps = [after - before - INTERVAL_S for before, after in itertools.pairwise([*times, ended])]
    return max(0.0, *gaps) if gaps else None
