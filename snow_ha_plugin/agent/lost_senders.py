"""Migrations whose agent was killed, and that go on without it."""

import os

from snow_ha_plugin.agent.operation import log
from snow_ha_plugin.agent.process import children_of, command_line, is_xl, kill, parent_of


def end_lost_senders(name: str) -> None:
    """Ends those of this domain: it could come to a server that Pacemaker has just seen without it."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        words = command_line(pid)
        if is_sender(words, name) and parent_of(pid) == "1":
            log(f"ending a migration of {name} that nobody waits for")
            for process in (*children_of(pid), pid):
                kill(process)


def is_sender(words: list[str], name: str) -> bool:
    """Whether a command line is `xl migrate` of this domain."""
    return is_xl(words) and "migrate" in words and name in words
