"""The servers' BMCs, asked by the same agent that Pacemaker fences with. Times are in seconds."""

from __future__ import annotations

import socket

from snow_ha_plugin.core.configure.fencing import IPMITOOL
from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.system import command

ANSWERS_WITHIN_S = 25

# The agent's exit statuses that tell it.
_POWER = {0: "on", 2: "off"}


def failure(name: str) -> str:
    """Why a BMC does not tell whether its server has power; empty where it does."""
    # Of a name without an address the agent says no more than that it has no status.
    try:
        socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        return "nothing knows an address of it"
    try:
        result = _status(name)
    except TimedOutError:
        return f"no answer within {ANSWERS_WITHIN_S} s"
    if result.exit_code in _POWER:
        return ""
    # The agent's log: time, level, message; before it, what Python has to say of old modules.
    lines = [line for line in result.stderr.decode(errors="replace").splitlines() if "ERROR: " in line]
    return lines[-1].partition("ERROR: ")[2].removeprefix("Failed: ") if lines else result.reason


def power(name: str) -> str:
    """`on` or `off`; empty where the BMC does not tell."""
    try:
        return _POWER.get(_status(name).exit_code, "")
    except (TimedOutError, UnavailableError):
        return ""


def _status(name: str) -> command.Result:
    argv = ["fence_ipmilan", f"--ip={name}", "--lanplus", "--cipher=3", f"--ipmitool-path={IPMITOOL}"]
    return command.run([*argv, "--action=status"], timeout_s=ANSWERS_WITHIN_S)
