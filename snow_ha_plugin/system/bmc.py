"""The servers' BMCs, asked by the same agent that Pacemaker fences with. Times are in seconds."""

from __future__ import annotations

from snow_ha_plugin.core.configure.fencing import IPMITOOL
from snow_ha_plugin.errors import TimedOutError
from snow_ha_plugin.system import command

ANSWERS_WITHIN_S = 25


def failure(name: str) -> str:
    """Why a BMC does not tell whether its server has power; empty where it does."""
    argv = ["fence_ipmilan", f"--ip={name}", "--lanplus", "--cipher=3", f"--ipmitool-path={IPMITOOL}"]
    try:
        result = command.run([*argv, "--action=status"], timeout_s=ANSWERS_WITHIN_S)
    except TimedOutError:
        return f"no answer within {ANSWERS_WITHIN_S} s"
    # 2 is the agent's own word for "off".
    if result.exit_code in (0, 2):
        return ""
    # The agent's log: time, level, message; before it, what Python has to say of old modules.
    lines = [line for line in result.stderr.decode(errors="replace").splitlines() if "ERROR: " in line]
    return lines[-1].partition("ERROR: ")[2].removeprefix("Failed: ") if lines else result.reason
