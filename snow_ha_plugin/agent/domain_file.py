"""The domain's file, as xl reads it, and what a server must have for it."""

import os
import time

from snow_ha_plugin import xlcfg
from snow_ha_plugin.agent.operation import CONFIGURED, GENERIC, INSTALLED, OcfError, log, parameter
from snow_ha_plugin.agent.process import Program

# It is a few hundred bytes.
READING_S = 5.0


class BadFileError(Exception):
    """The domain file cannot be read or understood."""


class SilentStorageError(Exception):
    """Storage does not say what is in the domain file."""


def soon(deadline: float) -> float:
    """Until when storage is waited for, where there is something else to do."""
    now = time.monotonic()
    return min(deadline, now + min(READING_S, (deadline - now) / 3))


def read(path: str, until: float) -> xlcfg.Settings:
    """What the file sets; nothing is evaluated.

    It is on shared storage, and who reads from some that does not answer cannot end: that is left to another process.
    """
    result = Program(["cat", "--", path]).result(until, "surrogateescape")
    if result.status is None:
        raise SilentStorageError(f"{path} cannot be read in time: its storage does not answer")
    if result.status != 0:
        raise BadFileError(f"{path}: {result.errors.strip().rpartition(': ')[2]}")
    try:
        return xlcfg.settings(result.output)
    except ValueError as error:
        raise BadFileError(f"{path}: {error}") from None


def path_given() -> str:
    """The parameter xmfile, if it is an absolute path."""
    path = parameter("xmfile")
    if not path.startswith("/"):
        raise OcfError(CONFIGURED, f"xmfile must be an absolute path: {path!r}")
    return path


def read_given(deadline: float) -> xlcfg.Settings:
    try:
        return read(path_given(), soon(deadline))
    except BadFileError as bad:
        raise OcfError(INSTALLED, f"the domain file cannot be used on this server: {bad}") from None
    except SilentStorageError as silent:
        raise OcfError(GENERIC, str(silent)) from None


def read_if_host_has_all(deadline: float) -> xlcfg.Settings:
    """The domain file, if it and all that it names can be read on this server."""
    config = read_given(deadline)
    for path in needs_of(config):
        if not os.access(path, os.R_OK):
            raise OcfError(INSTALLED, f"{path} is missing or not readable on this server")
    return config


def needs_of(config: xlcfg.Settings) -> list[str]:
    """The paths that a server must have for the domain: kernel, ramdisk, images that are files or devices, bridges."""
    found = [path for key in ("kernel", "ramdisk") if isinstance(path := config.get(key), str)]
    for line in xlcfg.lines(config, "disk"):
        try:
            found.append(xlcfg.disk(line).path)
        except xlcfg.BadLine as bad:
            log(f"xl will not take the disk {line!r}: {bad}")
    for line in xlcfg.lines(config, "vif"):
        vif = xlcfg.vif(line)
        # Open vSwitch has its own script, and a syntax behind the bridge's name; another domain has its own bridges
        if "bridge" in vif and not vif.get("script") and not vif.get("backend"):
            found.append(f"/sys/class/net/{vif['bridge'].strip()}")
    return [path for path in found if path]
