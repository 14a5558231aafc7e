"""One at a time: whoever changes the servers of a site, or where domains run, holds a lock for as long as it does.

It is on the first server by name that answers, so that all verbs meet there, whichever list of the servers they go by.
The lock ends with the process that has it, whatever it dies of.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from snow_ha_plugin.errors import TryAgainError, UnavailableError
from snow_ha_plugin.system import command
from snow_ha_plugin.system.servers import Servers
from snow_ha_plugin.system.waiting import turns

PATH = "/run/snow-ha/at-work"

# For ssh to connect, or to give up.
TAKEN_WITHIN_S = 30

# For who waits: longer than any other verb takes by far.
WAITED_S = 3600

_HELD = "held"
# Whoever has it stands in the file; `cat` inherits the lock, and ends with its input.
_HOLD = f"""
mkdir -p -m 700 "${{1%/*}}"
exec 9<>"$1"
if ! flock --nonblock 9; then
    head -n 1 "$1"
    exit
fi
echo "$2" >"$1"
echo {_HELD}
exec cat
"""


@contextmanager
def held(servers: Servers, what: str, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """TryAgainError where another process of ours has it; `what` tells the others which verb is at work.

    With `waiting`, which is told again and again who has it, it waits until that one has ended.
    """
    names = sorted(servers.names)
    who = f"snow-ha {what} on {servers.here} (process {os.getpid()}, since {time.strftime('%H:%M:%S')})"
    for in_time in turns(WAITED_S if waiting else 0):
        for name in names:
            argv = servers.words(name, ["sh", "-c", _HOLD, "sh", PATH, who])
            with command.beside(argv, within_s=TAKEN_WITHIN_S) as answer:
                if answer == _HELD:
                    yield
                    return
            if answer:
                break
        else:
            first = names[0]
            raise UnavailableError(f"{first} gives no lock", remedy=f"see that `ssh {first} true` works for root")
        if waiting is None or not in_time:
            raise TryAgainError(f"{answer} is at work", "nothing was changed", "wait until it has ended")
        waiting(answer)
