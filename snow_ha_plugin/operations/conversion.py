"""A para-virtualised domain becomes a PVH one, which migrates live under every hypervisor, and back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core import cib, domainfile
from snow_ha_plugin.core.configure import live
from snow_ha_plugin.core.images import pvh
from snow_ha_plugin.errors import ConfigurationError, NoInputError, UnsafeError
from snow_ha_plugin.model import Change, Domain
from snow_ha_plugin.operations import registration
from snow_ha_plugin.operations.image_migration import running
from snow_ha_plugin.system import domainfiles, kernel, xen
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.servers import Servers

# Linux 4.11 was the first that boots as a PVH guest of today's Xen.
OLDEST = (4, 11)
# A domain file as it was before, and as it is tried.
OLD, TRIED = ".before-pvh", ".try-pvh"


def convert(servers: Servers, domain: Domain, *, tries: bool, dry_run: bool) -> list[Change]:
    """Have the domain file be that of a PVH guest, in one step, the old one kept beside it; nothing where it is one.

    With `tries` it is booted on this server first, and shut down again. UnsafeError where it runs, ConfigurationError
    for what cannot be a PVH guest, UnavailableError where Pacemaker has it and does not answer.
    """
    # read
    name, path = domain.name, domain.config_path
    text = xlcfg.read(path)
    # decide
    new = pvh.converted(text, path)
    if new == text:
        return []
    _refuse_kernel(domain)
    _refuse_running(servers, name)
    # Its primitive changes with its file: see tell_cluster.
    running.cluster_with(name)
    changes = [Change("convert", name, f'have {name} start as a PVH guest (type = "pvh")')]
    if dry_run:
        return changes
    # ask
    if tries:
        _refuse_started(name)
        with _beside(path, new) as tried:
            xen.try_out(servers, servers.here, name, tried)
    # apply
    _refuse_running(servers, name)
    if xlcfg.read(path) != text:
        raise UnsafeError(f"{path} was edited in the middle", "it is as it was then", "try again")
    domainfiles.keep(path, OLD)
    domainfiles.put(path, new.encode(errors="surrogateescape"), like=path)
    return changes


def back(servers: Servers, domain: Domain, *, dry_run: bool) -> list[Change]:
    """Put the domain file of before the conversion back, in one step."""
    name, path = domain.name, domain.config_path
    if not Path(path + OLD).exists():
        raise NoInputError(f"{name} was not converted", f"there is no {path}{OLD}", "nothing to go back to")
    if pvh.converted(xlcfg.read(path + OLD), path) != xlcfg.read(path):
        raise ConfigurationError(
            f"{path} was edited since {name} was converted", "that would be lost", f"compare it with {path}{OLD}"
        )
    _refuse_running(servers, name)
    running.cluster_with(name)
    if not dry_run:
        domainfiles.put_back(path, OLD)
    return [Change("convert", name, f"have {name} start para-virtualised again")]


def already(servers: Servers, domain: Domain) -> str:
    """What there is to say of a domain whose file is that of a PVH guest."""
    for server, found in xen.answering(servers).items():
        if any(live.runs_otherwise(domain, guest) for guest in found.guests):
            return (
                f"nothing to do: the file of {domain.name} is that of a PVH guest already; it runs para-virtualised on"
                f" {server} until its next start: snow shutdown {domain.name}, snow boot {domain.name}, snow ha sync"
            )
    return f"nothing to do: {domain.name} is a PVH guest already"


def tell_cluster(servers: Servers, domain: Domain, migration_mib_s: int) -> list[Change]:
    """Bring the primitive of a registered domain up to the file that it has now: whether it migrates live."""
    if not running.is_registered(domain.name):
        return []
    return registration.register(LiveCluster(), [domain], migration_mib_s, servers=servers)


def _refuse_kernel(domain: Domain) -> None:
    settings = domainfile.parse(xlcfg.read(domain.config_path), domain.config_path)
    path = settings.get("kernel")
    if not isinstance(path, str) or not path.startswith("/"):
        raise ConfigurationError(
            f"the kernel of {domain.name} is not named by its path",
            "it cannot be looked at",
            "give its path in the domain file",
        )
    found = kernel.look(path)
    if not found.is_64bit:
        raise ConfigurationError(f"{path} is of 32 bits", f"{domain.name} would not boot with it", "leave it as it is")
    if found.version < OLDEST:
        raise ConfigurationError(
            f"{path} is Linux {found.text}", "PVH guests need 4.11 or later", f"give {domain.name} a later kernel"
        )


def _refuse_running(servers: Servers, name: str) -> None:
    if server := running.where(servers).get(name):
        raise UnsafeError(f"{name} runs on {server}", "its file is read when it starts", f"snow shutdown {name} first")


def _refuse_started(name: str) -> None:
    """UnsafeError where Pacemaker may start the domain while it is tried: it would run twice."""
    tree = running.cluster_with(name)
    if tree is not None and not cib.is_stopped(cib.meta(tree, name, "target-role", "")):
        raise UnsafeError(
            f"Pacemaker is to run {name}", "it could start it while it is tried", f"snow shutdown {name} first"
        )


@contextlib.contextmanager
def _beside(path: str, text: str) -> Iterator[str]:
    domainfiles.put(path + TRIED, text.encode(errors="surrogateescape"), like=path)
    try:
        yield path + TRIED
    finally:
        Path(path + TRIED).unlink(missing_ok=True)
