"""One at a time: whoever changes the servers of a site holds a lock, on the first of them, for as long as it does.

One server is enough, because all must answer anyway. The lock ends with the process that has it, whatever it dies of.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from snow_ha_plugin.errors import TryAgainError, UnavailableError
from snow_ha_plugin.system import command
from snow_ha_plugin.system.servers import Servers

PATH = "/run/snow-ha/at-work"

# For ssh to connect, or to give up.
TAKEN_WITHIN_S = 30

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
def held(servers: Servers, what: str) -> Iterator[None]:
    """TryAgainError where another process of ours has it; `what` tells the others which verb is at work."""
    first = servers.names[0]
    who = f"snow-ha {what} on {servers.here} (process {os.getpid()})"
    argv = servers.words(first, ["sh", "-c", _HOLD, "sh", PATH, who])
    with command.beside(argv, within_s=TAKEN_WITHIN_S) as answer:
        if not answer:
            raise UnavailableError(f"{first} gives no lock", remedy=f"see that `ssh {first} true` works for root")
        if answer != _HELD:
            raise TryAgainError(f"{answer} is at work", "nothing was changed", "wait until it has ended")
        yield
