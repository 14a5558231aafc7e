"""What the domain of a resource is called on this server.

The parameter `name` says so, or else the domain file, or else the resource's own name. The file may be edited while the
domain runs, and its storage may not answer. So what it said is noted, until the next boot: a domain that is here under
the noted name has that one until it ends.
"""

import os
import time

from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.domains import is_plain
from snow_ha_plugin.agent.host import Host
from snow_ha_plugin.agent.operation import CONFIGURED, DIRECTORY, OcfError, log, note, parameter


def domain_name(deadline: float, *, needs_file: bool = False) -> tuple[str, str]:
    """The name, and why it may be another one, or nothing. The file may be missing: a stop must work without it.

    Its storage is waited for as long as that may take by who can do nothing without it, and for half of the time where
    nothing is noted: it, or this server, may only be slow.
    """
    if given := parameter("name"):
        return _usable(given), ""
    resource = _resource()
    noted = _noted(resource)
    try:
        name = _by_file(_until(deadline, noted, needs_file))
    except domain_file.SilentStorageError as silent:
        log(f"{silent}: taking {noted or resource} for the domain's name")
        return _usable(noted or resource), "" if noted and not needs_file else str(silent)
    except OcfError as unusable:
        if not noted or needs_file:
            raise
        log(f"{unusable.text}: taking {noted} for the domain's name")
        return noted, ""
    if noted not in ("", name) and Host(noted).first_answer(deadline):
        log(f"{name} still has the name that it was started with, {noted}")
        return noted, ""
    if noted != name:
        _note(resource, name)
    return name, ""


def _until(deadline: float, noted: str, needs_file: bool) -> float:
    if needs_file:
        return deadline
    return domain_file.soon(deadline) if noted else (time.monotonic() + deadline) / 2


def name_elsewhere(deadline: float) -> str:
    """What a server calls the domain on which nothing is noted of it, such as a migration's target."""
    if given := parameter("name"):
        return _usable(given)
    try:
        return _by_file(domain_file.soon(deadline))
    except domain_file.SilentStorageError:
        return _usable(_resource())


def _resource() -> str:
    return os.environ.get("OCF_RESOURCE_INSTANCE", "").split(":")[0]


def _by_file(until: float) -> str:
    """What the domain file says, or else the resource's name."""
    said: object = ""
    if parameter("xmfile"):
        try:
            said = domain_file.read(parameter("xmfile"), until).get("name", "")
        except domain_file.BadFileError as bad:
            log(f"{bad}: taking the resource's name for the domain's")
    return _usable(said or _resource())


def _usable(name: object) -> str:
    if not isinstance(name, str) or not is_plain(name):
        raise OcfError(CONFIGURED, f"no usable domain name: {name!r}")
    if name.isdigit():
        raise OcfError(CONFIGURED, f"xl takes the name {name} for a domain id")
    return name


def _noted(resource: str) -> str:
    """What `_note` has noted, if that was for the domain file of now. ocf/Xen reads it, too."""
    try:
        with open(_path(resource), encoding="utf-8", errors="surrogateescape") as file:
            name, path = file.read().splitlines()
    except (OSError, ValueError):
        return ""
    return name if path == parameter("xmfile") else ""


def _note(resource: str, name: str) -> None:
    try:
        note(_path(resource), f"{name}\n{parameter('xmfile')}\n")
    except OSError as error:
        log(f"the name of {name} cannot be noted: {error.strerror}")


def _path(resource: str) -> str:
    return f"{DIRECTORY}/{resource}.name"
