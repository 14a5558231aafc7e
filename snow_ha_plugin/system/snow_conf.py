"""sNow!'s snow.conf: it is bash code, so bash reads it; only the variables named here leave that bash, and no secret is
among them."""

from __future__ import annotations

import ipaddress
import os
import stat
from pathlib import Path

from snow_ha_plugin.core import settings
from snow_ha_plugin.core.settings import Setting
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoInputError,
    PermissionDeniedError,
)
from snow_ha_plugin.model import Network, SnowConf
from snow_ha_plugin.system import command, storage

BMC_SUFFIX = "-mgmt"

# bash quotes the line of an error, which may hold a password: only its number leaves this bash.
_CHECK = """
errors=$(bash -n "$1" 2>&1) && exit 0
[[ $errors =~ line\\ ([0-9]+) ]] && echo "line ${BASH_REMATCH[1]}"
exit 1
"""

# Each array leaves bash as its name, its length and its values, every one behind a NUL. The file shares this
# bash: it may have variables, functions and positional parameters of any name.
_ARRAYS = (
    "SNOW_NODES", "NET_SNOW", "NET_COMP", "NET_MGMT", "IPMI_USER",
    "IMG_DST", *(setting.name for setting in settings.SETTINGS),
)  # fmt: skip
_PRINT = f"""
source "$1" >/dev/null 2>&1 3>/dev/null
for snow_ha_name in {" ".join(_ARRAYS)}; do
    declare -n snow_ha_array=$snow_ha_name
    builtin printf '%s\\0' $snow_ha_name "${{#snow_ha_array[@]}}" "${{snow_ha_array[@]}}"
done
"""


def read(path: Path) -> SnowConf:
    """What snow-ha needs of a snow.conf; the file is executed by bash, so it must be as safe as a program of root's."""
    storage.within(lambda: _refuse_unsafe(path), storage.AT_MOST_S)
    syntax = command.run(["bash", "-c", _CHECK, "bash", str(path)])
    if not syntax.ok:
        raise ConfigurationError(f"{path} has a syntax error", syntax.text, f"mend it: bash -n {path}")
    result = command.run(["bash", "--noprofile", "--norc", "-c", _PRINT, "bash", str(path)])
    values, text = _arrays(result.text), path.read_text(errors="replace")
    return SnowConf(
        servers=tuple(dict.fromkeys(values["SNOW_NODES"])),
        net_snow=_network(values["NET_SNOW"], "NET_SNOW", path),
        net_comp=_network(values["NET_COMP"], "NET_COMP", path),
        migration_mib_s=int(_value(settings.MIGRATION_MIB_S, values, path, text)),
        fencing=_value(settings.FENCING, values, path, text),
        watchdog_s=int(_value(settings.WATCHDOG_S, values, path, text)),
        bmc_suffix=_bmc_suffix(values["NET_MGMT"]) if any(values["IPMI_USER"]) else "",
        qdevice=_value(settings.QDEVICE, values, path, text),
        image_destination="".join(values["IMG_DST"][:1]),
        alert_mail=tuple(settings.addresses(_value(settings.ALERT_MAIL, values, path, text))),
        watch_grace_s=int(_value(settings.WATCH_GRACE_S, values, path, text)),
        unknown=tuple(settings.unknown(text)),
    )


def _refuse_unsafe(path: Path) -> None:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
    except FileNotFoundError:
        raise NoInputError(
            f"there is no {path}", "this is no sNow! server, or /sNow is not mounted", "run `snow init`"
        ) from None
    except OSError as error:
        raise PermissionDeniedError(f"{path} cannot be read", str(error.strerror), "run it as root") from None
    if status.st_uid not in (0, os.geteuid()):
        raise PermissionDeniedError(
            f"{path} belongs to another user than root", "it runs as root", f"chown root: {path.resolve()}"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionDeniedError(
            f"{path} can be written by others than its owner", "it runs as root", f"chmod 600 {path.resolve()}"
        )


def _arrays(text: str) -> dict[str, list[str]]:
    words = iter(text.split("\0"))
    found: dict[str, list[str]] = {name: [] for name in _ARRAYS}
    for name in words:
        if name in found:
            found[name] = [next(words) for _ in range(int(next(words)))]
    return found


def _network(fields: list[str], name: str, path: Path) -> Network | None:
    """( bridge gateway first-ip network netmask suffix ), of which the netmask may be /24, 24 or 255.255.255.0."""
    if len(fields) < 2 or not fields[1]:
        return None
    try:
        ipaddress.ip_address(fields[1])
        mask = fields[4].lstrip("/") if len(fields) > 4 and fields[4] else "24"
        prefix = ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen
    except ValueError as error:
        raise ConfigurationError(f"{path}: {name} makes no sense", str(error), "see snow.conf-example") from None
    return Network(bridge=fields[0], gateway=fields[1], prefix=prefix)


def _value(setting: Setting, values: dict[str, list[str]], path: Path, text: str) -> str:
    """What the file gives a setting, or its default; ConfigurationError, with the line, for what it cannot be."""
    if not values[setting.name]:
        return setting.default
    found = " ".join(values[setting.name])
    if not setting.is_valid(found):
        lines = [number for number, name in settings.assigned(text) if name == setting.name]
        where = f"{path}:{lines[-1]}" if lines else str(path)
        raise ConfigurationError(f"{where}: {setting.name}={found!r}", f"it is {setting.must}", "mend it")
    return found


def _bmc_suffix(fields: list[str]) -> str:
    """What sNow! adds to a server's name for its BMC: the last field of NET_MGMT."""
    return fields[5] if len(fields) > 5 and fields[5] else BMC_SUFFIX
