"""A guest itself, by ssh: sNow! gives root of the servers the way into its domains."""

from __future__ import annotations

from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.system import command

# One that does not answer by then is as good as down.
TIMEOUT_S = 6
_SSH = ("ssh", "-n", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR")


def uptime(name: str) -> str:
    """What `uptime -p` says there; nothing where it does not answer."""
    try:
        result = command.run([*_SSH, name, "uptime -p"], timeout_s=TIMEOUT_S)
    except SnowHaError:
        return ""
    return result.text.strip() if result.ok else ""
