"""What happened to the power of a lab's servers, one line of JSON each in the lab's directory.

Times are seconds of CLOCK_MONOTONIC, which servers, `xl`'s world and this machine share.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Power = Literal["on", "off", "watchdog", "reboot", "bmc-off", "bmc-on"]


@dataclass(frozen=True)
class PowerEvent:
    """`what`: turned on or off, by the lab or from inside (`off`) or by its BMC, reset by its watchdog, or rebooted
    from inside. A server that was reset is `on` again later."""

    mono: float
    server: str
    what: Power


def record(directory: Path, server: str, what: Power) -> None:
    """Add what happens now."""
    line = json.dumps(asdict(PowerEvent(round(time.monotonic(), 4), server, what))) + "\n"
    log = os.open(directory / "power.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(log, line.encode())
    os.close(log)


def events(directory: Path) -> list[PowerEvent]:
    """All of them, the oldest first."""
    lines = (directory / "power.jsonl").read_text().splitlines()
    return sorted((PowerEvent(**json.loads(line)) for line in lines), key=lambda event: event.mono)
