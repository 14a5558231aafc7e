"""How far a migration is."""

import os
import time

from snow_ha_plugin.agent.operation import DIRECTORY, log, note
from snow_ha_plugin.agent.process import bytes_read_by

# How often it is noted for `snow ha status`, and logged.
NOTING_S, LOGGING_S = 1.0, 10.0


class Progress:
    """Notes it for the log and, in a line that is there as long as it lasts, for `snow ha status`:
    {"target": "snow02", "sent_mib": 120, "memory_mib": 512, "mib_per_s": 60} in /run/snow-ha/NAME.migration.

    A guest that is busy changing its memory has more sent than it has.
    """

    def __init__(self, name: str, target: str, memory_mib: int) -> None:
        self.name, self.target, self.memory_mib = name, target, memory_mib
        self.path = f"{DIRECTORY}/{name}.migration"
        self.noted = self.logged = time.monotonic()
        self.sent_mib = 0

    def note(self, transport: str) -> None:
        """`transport`: the id of the process that reads what xl sends."""
        now = time.monotonic()
        if now < self.noted + NOTING_S:
            return
        sent_mib = bytes_read_by(transport) >> 20
        rate = round((sent_mib - self.sent_mib) / (now - self.noted))
        self.noted, self.sent_mib = now, sent_mib
        numbers = f'"sent_mib": {sent_mib}, "memory_mib": {self.memory_mib}, "mib_per_s": {rate}'
        try:
            note(self.path, f'{{"target": "{self.target}", {numbers}}}\n')
        except OSError:
            self.end()
        if now > self.logged + LOGGING_S:
            self.logged = now
            log(f"migrating {self.name} to {self.target}: {sent_mib} of {self.memory_mib} MiB sent, {rate} MiB/s")

    def end(self) -> None:
        """Takes the line away."""
        for path in (self.path, self.path + ".new"):
            try:
                os.unlink(path)
            except OSError:
                continue
