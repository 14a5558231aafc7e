"""The domain's file, as xl reads it: its name, and what a server must have for it."""

import os

from snow_ha_plugin import xlcfg
from snow_ha_plugin.agent.domains import is_plain
from snow_ha_plugin.agent.operation import CONFIGURED, INSTALLED, OcfError, log, parameter


class BadFileError(Exception):
    """The domain file cannot be read or understood."""


def read(path: str) -> xlcfg.Settings:
    """What the file sets; nothing is evaluated."""
    try:
        return xlcfg.settings(xlcfg.read(path))
    except (OSError, ValueError) as error:
        raise BadFileError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def domain_name() -> str:
    """The domain's name. The file may be missing (a stop must work without it): then the resource's name counts."""
    name: object = parameter("name")
    if not name and parameter("xmfile"):
        try:
            name = read(parameter("xmfile")).get("name", "")
        except BadFileError as bad:
            log(f"{bad}: taking the resource's name for the domain's")
    name = name or os.environ.get("OCF_RESOURCE_INSTANCE", "").split(":")[0]
    if not isinstance(name, str) or not is_plain(name):
        raise OcfError(CONFIGURED, f"no usable domain name: {name!r}")
    if name.isdigit():
        raise OcfError(CONFIGURED, f"xl takes the name {name} for a domain id")
    return name


def path_given() -> str:
    """The parameter xmfile, if it is an absolute path."""
    path = parameter("xmfile")
    if not path.startswith("/"):
        raise OcfError(CONFIGURED, f"xmfile must be an absolute path: {path!r}")
    return path


def read_given() -> xlcfg.Settings:
    try:
        return read(path_given())
    except BadFileError as bad:
        raise OcfError(INSTALLED, f"the domain file cannot be used on this server: {bad}") from None


def read_if_host_has_all() -> xlcfg.Settings:
    """The domain file, if it and all that it names can be read on this server."""
    config = read_given()
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
