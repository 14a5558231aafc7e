"""What Pacemaker has written into this server's journal of an operation that failed.

Of a failed migration that is the only place that has the agent's reason: Pacemaker 2.1 keeps it for all operations but
these (pcmk__create_history_xml in its lib/pengine).
"""

from __future__ import annotations

import re

from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.system import command

# The event comes after the line, but the clock may have been set meanwhile.
BEFORE_S = 60
TIMEOUT_S = 10


def reason(resource: str, task: str, at: float) -> str:
    """Why the last one that failed until `at` has failed, in its agent's words; empty where they are not to be had."""
    argv = ["journalctl", "--unit=pacemaker", "--output=cat", f"--since=@{int(at) - BEFORE_S}"]
    try:
        lines = command.run(argv, timeout_s=TIMEOUT_S).text.splitlines()
    except SnowHaError:
        return ""
    said = re.compile(rf"Result of {re.escape(task)} operation for {re.escape(resource)} on \S+: [^(]*\((.*)\)")
    found = [match[1] for match in map(said.search, lines) if match]
    return found[-1] if found else ""
