"""The way back to the volumes, and the volumes that nobody needs for it any more."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core import domainfile
from snow_ha_plugin.errors import NoInputError
from snow_ha_plugin.model import Change, Disk, Domain
from snow_ha_plugin.operations.image_migration.running import refuse_running
from snow_ha_plugin.system import domainfiles
from snow_ha_plugin.system.servers import Servers


def rollback(servers: Servers, domain: Domain, *, dry_run: bool = False) -> list[Change]:
    """Put the domain file of before the migration back in one step; the copies stay."""
    old = domain.config_path + domainfiles.OLD
    if not Path(old).exists():
        raise NoInputError(
            f"the images of {domain.name} were not migrated", f"there is no {old}", "nothing to go back to"
        )
    kept = domainfile.domain_from(xlcfg.read(old), domain.name, old)
    refuse_running(servers, domain.name)
    if not dry_run:
        domainfiles.put_back(domain.config_path)
    return [
        Change(
            "rollback", now.path, f"have {domain.name} use {before.path} again; what it wrote since is in {now.path}"
        )
        for now, before in replaced(domain, kept)
    ]


def replaced(domain: Domain, kept: Domain) -> list[tuple[Disk, Disk]]:
    """Each disk that is another file than it was, and what it was."""
    before = {disk.vdev: disk for disk in kept.disks}
    return [(now, before[now.vdev]) for now in domain.disks if now.vdev in before and before[now.vdev].path != now.path]


def cleaning(domains: Iterable[Domain]) -> list[str]:
    """The commands that remove the volumes of this server whose copies are in use."""
    commands = []
    for domain in domains:
        old = domain.config_path + domainfiles.OLD
        try:
            kept = domainfile.domain_from(xlcfg.read(old), domain.name, old)
        except FileNotFoundError:
            continue
        for now, before in replaced(domain, kept):
            if Path(before.path).is_block_device() and Path(now.path).is_file():
                commands.append(f"lvremove {before.path}")
    return commands
