"""sNow!'s own files but for snow.conf: where they are, domains.conf, the domain files and the directory of hooks."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core import domainfile
from snow_ha_plugin.core.reports.text import nearest
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoInputError,
    NoSuchObjectError,
    SnowHaError,
    TimedOutError,
    UsageError,
)
from snow_ha_plugin.model import Domain, DomainFile, Server
from snow_ha_plugin.system import storage

# The hook in `snow` that knows of `snow ha`, and how long a file server may take to say whether it is there.
HOOK = "50-snow-ha.sh"
HOOK_WITHIN_S = 1

SERVER_ROLE = "snow"


class Layout(NamedTuple):
    """Where sNow! keeps its files; 2.0 says so in the environment, 1.1.16 has them under /sNow."""

    root: Path
    conf: Path
    domains_conf: Path
    domains_dir: Path
    hooks_dir: Path


def layout() -> Layout:
    root = Path(os.environ.get("SNOW_ROOT", "/sNow"))
    if "SNOW_ETC" in os.environ:
        etc = Path(os.environ["SNOW_ETC"])
        domains_dir = Path(os.environ["SNOW_SRV"], "domains") if "SNOW_SRV" in os.environ else etc / "domains"
        hooks_dir = Path(os.environ.get("SNOW_LIB", root / "lib"), "hooks.d")
    else:
        etc = root / "snow-tools/etc"
        domains_dir, hooks_dir = etc / "domains", root / "snow-tools/share/hooks.d"
    return Layout(root, etc / "snow.conf", etc / "domains.conf", domains_dir, hooks_dir)


def hook_is_in() -> bool:
    """Whether `snow` knows of `snow ha`; where the file system does not answer, `snow` does not either."""
    with suppress(OSError, TimedOutError):
        return storage.within(lambda: (layout().hooks_dir / HOOK).exists(), HOOK_WITHIN_S)
    return False


def _rows(path: Path) -> list[list[str]]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        raise NoInputError(f"there is no {path}", remedy="run `snow init`") from None
    except OSError as error:
        raise NoInputError(f"{path} cannot be read", str(error.strerror), "see the file") from None
    return [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def domain_names(path: Path) -> tuple[str, ...]:
    """The domains that sNow! manages: the rows of domains.conf that are no servers."""
    return tuple(row[0] for row in _rows(path) if len(row) < 2 or row[1] != SERVER_ROLE)


def roles(path: Path) -> dict[str, tuple[str, ...]]:
    """The roles of each domain of domains.conf."""
    return {row[0]: tuple(row[1].split(",")) for row in _rows(path) if len(row) > 1 and row[1] != SERVER_ROLE}


def address_of(path: Path, name: str) -> str:
    """The address of a domain's first interface; empty where domains.conf has none."""
    found = [row[3] for row in _rows(path) if row[0] == name and len(row) > 3 and _is_address(row[3])]
    return found[0] if found else ""


def rows_of(path: Path, identities: Iterable[str]) -> tuple[str, ...]:
    """The rows of domains.conf, domains and servers, that have one of these names or addresses."""
    wanted = set(identities)
    return tuple(row[0] for row in _rows(path) if wanted & {row[0], *row[3:4], *row[9:10]})


def servers(names: Iterable[str], domains_conf: Path) -> tuple[Server, ...]:
    """The addresses of each server: those of its row in domains.conf (one or two), else what its name resolves to."""
    # hostname role nic0 ip0 bridge0 mac0 mask0 gw0 nic1 ip1 bridge1 mac1 mask1 gw1
    rows = {row[0]: row for row in _rows(domains_conf) if len(row) > 1 and row[1] == SERVER_ROLE}
    found = []
    for name in names:
        row = rows.get(name, [])
        addresses = tuple(row[column] for column in (3, 9) if len(row) > column and _is_address(row[column]))
        found.append(Server(name, addresses or (_resolve(name),)))
    return tuple(found)


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _resolve(name: str) -> str:
    try:
        address = str(socket.getaddrinfo(name, None, socket.AF_INET)[0][4][0])
    except OSError as error:
        raise ConfigurationError(
            f"{name} has no address", str(error.strerror), "add it to /etc/hosts on all servers"
        ) from None
    if ipaddress.ip_address(address).is_loopback:
        raise ConfigurationError(
            f"{name} resolves to {address}",
            "the other servers could not reach it there",
            "mend /etc/hosts on this server",
        )
    return address


def read_domain(directory: Path, name: str) -> Domain:
    """The domain of that name; the name is checked: it goes into shell commands, file names and XML."""
    if not domainfile.DOMAIN_NAME.match(name):
        raise UsageError(
            f"{name!r} cannot be the name of a domain",
            "letters, digits and single - . _ between them, and not snow-ha- at the beginning",
            "give a host name",
        )
    path = directory / f"{name}.cfg"
    try:
        text = xlcfg.read(str(path))
    except FileNotFoundError:
        raise NoSuchObjectError(
            f"there is no domain {name}", f"{path} does not exist", _perhaps(directory, name)
        ) from None
    except OSError as error:
        raise NoInputError(f"{path} cannot be read", str(error.strerror), "see the file") from None
    return domainfile.domain_from(text, name, str(path))


def _perhaps(directory: Path, name: str) -> str:
    near = nearest(name, [path.stem for path in directory.glob("*.cfg")])
    return f"did you mean {near}" if near else f"deploy it: snow deploy {name}"


def domain_file(path: str) -> DomainFile:
    """What a domain file that a primitive names says; nothing where it cannot be read here, or xl would refuse it."""
    real = os.path.realpath(path)
    try:
        settings = xlcfg.settings(xlcfg.read(real))
    except (OSError, ValueError):
        return DomainFile(real)
    name = settings.get("name", "")
    return DomainFile(real, name if isinstance(name, str) else "", domainfile.uuid_in(settings))


def read_domains(directory: Path, names: Iterable[str]) -> tuple[list[Domain], list[SnowHaError]]:
    """The domains of these names that have a file, and what is wrong with the files that cannot be used."""
    domains, errors = [], []
    for name in names:
        try:
            domains.append(read_domain(directory, name))
        except NoSuchObjectError:
            continue
        except SnowHaError as error:
            errors.append(error)
    return domains, errors


def names_in(directory: Path) -> tuple[str, ...]:
    """The names of all domain files of a directory."""
    if not directory.is_dir():
        raise NoInputError(f"there is no directory {directory}", remedy="give --domains-dir")
    return tuple(sorted(path.stem for path in directory.glob("*.cfg")))
