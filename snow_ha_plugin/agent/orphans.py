"""Programs of xl whose agent was killed, and that go on without it: a migration, and a create before it has begun."""

import os

from snow_ha_plugin.agent.operation import log, parameter
from snow_ha_plugin.agent.process import children_of, command_line, is_daemon, is_xl, kill, parent_of


def end_orphans(name: str) -> None:
    """Ends those of this domain: it could come to a server that Pacemaker has just seen without it."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        words = command_line(pid)
        kind = "a migration" if is_sender(words, name) else "a start" if is_creator(words) else ""
        # What waits for the domain's end has the same words as what has created it.
        if kind and parent_of(pid) == "1" and not is_daemon(pid, name):
            log(f"ending {kind} of {name} that nobody waits for")
            for process in (*children_of(pid), pid):
                kill(process)


def is_sender(words: list[str], name: str) -> bool:
    """Whether a command line is `xl migrate` of this domain."""
    return is_xl(words) and "migrate" in words and name in words


def is_creator(words: list[str]) -> bool:
    """Whether a command line is `xl create` of this domain's file."""
    return is_xl(words) and "create" in words and parameter("xmfile") in words
