"""What is to be copied of each domain, and to where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core import domainfile
from snow_ha_plugin.core.images import kinds, rewrite
from snow_ha_plugin.core.images.kinds import Image, Kind, Shared
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import ConfigurationError, SnowHaError
from snow_ha_plugin.model import Domain
from snow_ha_plugin.operations.image_migration import running
from snow_ha_plugin.system import domainfiles, images
from snow_ha_plugin.system.servers import Servers


class Copy(NamedTuple):
    """An image that gets a copy; `at` is the disk's place in the domain file."""

    at: int
    source: str
    target: str
    size: int


class Plan(NamedTuple):
    """What one domain needs: `text` is its domain file as it is, `new` as it will be.

    `runs_on` is where it runs now, or ran before a run that was interrupted has shut it down (`is_down`)."""

    domain: Domain
    copies: tuple[Copy, ...] = ()
    text: str = ""
    new: str = ""
    runs_on: str = ""
    is_down: bool = False

    @property
    def size(self) -> int:
        return sum(copy.size for copy in self.copies)


def look(servers: Servers, domains: Sequence[Domain]) -> list[Image]:
    """All images of the domains; UnavailableError unless every server answers."""
    servers.look_anew()
    looks = images.look_everywhere(servers, domains)
    return [image for domain in domains for image in kinds.images_of(domain, looks)]


def plans(
    servers: Servers, domains: Sequence[Domain], directory: str, *, restart: bool
) -> dict[str, Plan | SnowHaError]:
    """What is to be copied of each domain, below `directory`; none where servers share all that can be copied.

    An error for a domain that cannot be copied from here, or that runs and is not to `restart`. One that an interrupted
    run has shut down is to be booted, also where nothing is to be copied any more.
    """
    found: dict[str, Plan | SnowHaError] = {}
    seen = look(servers, domains)
    runs_on = running.where(servers)
    for domain in domains:
        try:
            todo = _plan(servers, domain, [image for image in seen if image.domain == domain.name], directory)
        except SnowHaError as error:
            found[domain.name] = error
            continue
        server, ran_on = runs_on.get(domain.name, ""), domainfiles.noted_down(domain.config_path)
        if ran_on and server:
            # Somebody has booted it since.
            domainfiles.note_up(domain.config_path)
        if todo and server and not restart:
            found[domain.name] = running.refusal(domain.name, server, "add --restart")
        elif ran_on and not server:
            found[domain.name] = (todo or Plan(domain))._replace(runs_on=ran_on, is_down=True)
        elif todo:
            found[domain.name] = todo._replace(runs_on=server)
    return found


def _plan(servers: Servers, domain: Domain, seen: Iterable[Image], directory: str) -> Plan | None:
    path = domain.config_path
    text = xlcfg.read(path)
    disks = domainfile.disks(domainfile.parse(text, path), path)
    at_of = {disk.vdev: at for at, disk in enumerate(disks)}
    copies = []
    for image in seen:
        if image.kind == Kind.NOTHING:
            raise ConfigurationError(
                f"{image.name} of {domain.name} is not there on {in_words(image.looks)}",
                "there is nothing to copy",
                "put it back (a volume: lvchange -ay), or mend its domain file",
            )
        if image.kind not in (Kind.DEVICE, Kind.FILE) or image.shared == Shared.YES:
            continue
        _refuse_others(servers.here, image)
        at = at_of[image.disk.vdev]
        target = f"{directory}/{domain.name}/{rewrite.file_name(domain.name, disks[at])}"
        copies.append(Copy(at, image.disk.path, target, image.size))
    if not copies:
        return None
    if len({copy.target for copy in copies}) < len(copies):
        raise ConfigurationError(
            f"two volumes of {domain.name} have one name", in_words([copy.source for copy in copies]), "rename one"
        )
    new = rewrite.with_images(text, path, {copy.at: copy.target for copy in copies})
    return Plan(domain, tuple(copies), text, new)


def _refuse_others(here: str, image: Image) -> None:
    if len(image.holders) > 1:
        raise ConfigurationError(
            f"{image.name} is another one on each of {in_words(image.holders)}",
            f"which is the one of {image.domain} cannot be told",
            "rename or remove what is not",
        )
    if here not in image.holders:
        raise ConfigurationError(
            f"{image.name} of {image.domain} is a volume of {in_words(image.holders)}",
            "it is copied from there",
            f"on {image.holders[0]}: snow-ha images migrate {image.domain}",
        )
