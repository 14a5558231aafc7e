"""Domain images to storage that all servers share, and back. The volumes that they come from are only read.

A domain file names the copies from one moment to the next, when all of them are whole and where they will stay; until
then it is as it was. Whatever is killed can be run again: copies that are whole are found, and read once more.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core import cib, domainfile
from snow_ha_plugin.core.images import kinds, rewrite
from snow_ha_plugin.core.images.kinds import Image, Kind, Shared
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import ConfigurationError, NoInputError, SnowHaError, UnavailableError, UnsafeError
from snow_ha_plugin.model import Change, Disk, Domain
from snow_ha_plugin.operations import host_events
from snow_ha_plugin.system import imagefiles, images, xen
from snow_ha_plugin.system.imagefiles import Content, Meter
from snow_ha_plugin.system.pacemaker import LiveCib
from snow_ha_plugin.system.servers import Servers

STARTED_WITHIN_S = 120
SHOWN_EVERY_S = 0.5
# What a file system needs beside the bytes of a copy.
SPARE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Copy:
    """An image that gets a copy; `at` is the disk's place in the domain file."""

    at: int
    source: str
    target: str
    size: int


@dataclass(frozen=True)
class Plan:
    """What one domain needs: `runs_on` is where it runs now; `text` its domain file as it is, `new` as it will be."""

    domain: Domain
    copies: tuple[Copy, ...]
    text: str
    new: str
    runs_on: str = ""

    @property
    def size(self) -> int:
        return sum(copy.size for copy in self.copies)


def look(servers: Servers, domains: Sequence[Domain]) -> list[Image]:
    """All images of the domains; UnavailableError unless every server answers."""
    servers.look_anew()
    looks = images.look_everywhere(servers, domains)
    return [image for domain in domains for image in kinds.images_of(domain, looks)]


def where(servers: Servers) -> Mapping[str, str]:
    """Where each domain runs, or a half of one that migrates; UnavailableError unless every server answers."""
    guests = servers.each(lambda name: xen.guests(servers, name))
    found = {}
    for server, of_server in guests.items():
        for guest in of_server:
            name = guest.name
            for half in xen.HALVES:
                name = name.removesuffix(half)
            found[name] = server
    return found


def plans(
    servers: Servers, domains: Sequence[Domain], directory: str, *, restart: bool
) -> dict[str, Plan | SnowHaError]:
    """What is to be copied of each domain, below `directory`; none where servers share all that can be copied.

    An error for a domain that cannot be copied from here, or that runs and is not to `restart`.
    """
    found: dict[str, Plan | SnowHaError] = {}
    seen = look(servers, domains)
    runs_on = where(servers)
    for domain in domains:
        try:
            todo = _plan(servers, domain, [image for image in seen if image.domain == domain.name], directory)
        except SnowHaError as error:
            found[domain.name] = error
            continue
        server = runs_on.get(domain.name, "")
        if todo and server and not restart:
            found[domain.name] = _runs(domain.name, server, "add --restart")
        elif todo:
            found[domain.name] = replace(todo, runs_on=server)
    return found


def _plan(servers: Servers, domain: Domain, seen: Iterable[Image], directory: str) -> Plan | None:
    path = domain.config_path
    text = xlcfg.read(path)
    disks = domainfile.disks(domainfile.parse(text, path), path)
    at_of = {disk.vdev: at for at, disk in enumerate(disks)}
    copies = []
    for image in seen:
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


@dataclass
class Space:
    """What several domains at a time will still write, by directory: room is there once only."""

    taken: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def reserve(self, directory: str, needed: int) -> Iterator[None]:
        with self.lock:
            free = imagefiles.free(directory) - self.taken - SPARE_BYTES
            if needed and free < needed:
                raise UnavailableError(
                    f"{directory} has no room for {needed >> 20} MiB",
                    f"{max(0, free) >> 20} MiB are free",
                    "make room, or choose another place: --to DIR",
                )
            self.taken += needed
        try:
            yield
        finally:
            with self.lock:
                self.taken -= needed


Outcome = list[Change] | SnowHaError


def outcomes(found: Mapping[str, Plan | SnowHaError]) -> dict[str, Outcome]:
    """What carrying the plans out comes to."""
    return {name: todo if isinstance(todo, SnowHaError) else changes(todo) for name, todo in found.items()}


def migrate_all(
    servers: Servers,
    found: Mapping[str, Plan | SnowHaError],
    parallel: int,
    meter: Meter,
    show: Callable[[float], None],
) -> dict[str, Outcome]:
    """Carry the plans out, `parallel` at a time, whatever becomes of the others; `show` is given the seconds so far."""
    space = Space()
    # Each image is read, copied, and its copy read.
    meter.total = sum(3 * todo.size for todo in found.values() if isinstance(todo, Plan))

    def one(todo: Plan | SnowHaError) -> Outcome:
        if isinstance(todo, SnowHaError):
            return todo
        try:
            with resting(servers, todo):
                return migrate(servers, todo, meter, space)
        except SnowHaError as error:
            return error

    with ThreadPoolExecutor(parallel) as pool:
        running = {name: pool.submit(one, todo) for name, todo in found.items()}
        began = time.monotonic()
        try:
            while wait(running.values(), SHOWN_EVERY_S).not_done:
                show(time.monotonic() - began)
        except BaseException:
            meter.stop()
            for future in running.values():
                future.cancel()
            raise
    return {name: future.result() for name, future in running.items()}


def migrate(servers: Servers, todo: Plan, meter: Meter, space: Space) -> list[Change]:
    """Copy what is to be copied, verify it, and have the domain file name it.

    UnsafeError, with the domain file as it was, where the domain runs, or has run in the middle.
    """
    domain, sources = todo.domain, [copy.source for copy in todo.copies]
    refuse_running(servers, domain.name)
    with contextlib.ExitStack() as stack:
        for source in sources:
            stack.enter_context(imagefiles.claimed(source))
        # read
        _see_directory(servers, todo)
        written = [imagefiles.last_written(source) for source in sources]
        with imagefiles.idle():
            contents = [imagefiles.content(source, meter) for source in sources]
            # copy
            _copy_all(todo, contents, meter, space)
        # decide
        refuse_running(servers, domain.name)
        if [imagefiles.last_written(source) for source in sources] != written:
            raise UnsafeError(
                f"{domain.name} has run in the middle", "its file is as it was", "shut it down, try again"
            )
        if xlcfg.read(domain.config_path) != todo.text:
            raise UnsafeError(f"{domain.config_path} was edited in the middle", "it is as it was then", "try again")
        # apply
        _keep_old(domain, todo.text)
        for copy in todo.copies:
            if Path(copy.target + imagefiles.PART).exists():
                imagefiles.finish(copy.target)
        data = todo.new.encode(errors="surrogateescape")
        imagefiles.put(domain.config_path, data, like=domain.config_path)
    return changes(todo)


def changes(todo: Plan) -> list[Change]:
    """What a migration comes to."""
    name = todo.domain.name
    return [
        Change("copy", copy.source, f"copy {copy.source} to {copy.target}, and have {name} use that")
        for copy in todo.copies
    ]


def _see_directory(servers: Servers, todo: Plan) -> None:
    """UnavailableError unless each server sees the files that this one has made for the copies."""
    missing = [copy for copy in todo.copies if not Path(copy.target).exists()]
    for copy in missing:
        imagefiles.prepare(copy.target)
    parts = [copy.target + imagefiles.PART for copy in missing]
    probe = Domain(todo.domain.name, "", 0, 0, tuple(Disk("", part, part) for part in parts))
    for image in look(servers, [probe]):
        if image.shared != Shared.YES or not image.fit:
            raise UnavailableError(
                f"{Path(image.disk.path).parent} is not shared by {in_words(servers.names)}",
                "a domain could not find its image on the other server",
                "mount the shared file system there, for root too (no_root_squash), or choose another place: --to DIR",
            )


def _copy_all(todo: Plan, contents: list[Content], meter: Meter, space: Space) -> None:
    missing = []
    for copy, wanted in zip(todo.copies, contents, strict=True):
        if not Path(copy.target).exists():
            missing.append((copy, wanted))
        elif imagefiles.content(copy.target, meter) == wanted:
            meter.passed(wanted.size)
        else:
            raise ConfigurationError(
                f"there is a {copy.target} already, and it is no copy of {copy.source}",
                "nothing is overwritten",
                "move it away, or choose another place: --to DIR",
            )
    parts = {copy.target: imagefiles.used(copy.target + imagefiles.PART) for copy, _ in missing}
    needed = sum(max(0, wanted.used - parts[copy.target]) for copy, wanted in missing)
    directory = str(Path(todo.copies[0].target).parent)
    with space.reserve(directory, needed):
        for copy, wanted in missing:
            imagefiles.copy(copy.source, copy.target, wanted, meter)


def _keep_old(domain: Domain, text: str) -> None:
    """Keep the domain file; one that was kept earlier gives way only where it names the same images."""
    old = Path(domain.config_path + imagefiles.OLD)
    if old.exists():
        kept = domainfile.domain_from(xlcfg.read(str(old)), domain.name, str(old))
        if [disk.path for disk in kept.disks] != [disk.path for disk in domain.disks]:
            raise ConfigurationError(
                f"{old} is there from an earlier migration",
                "its way back would be lost",
                f"snow-ha images rollback {domain.name}, or move it away",
            )
    imagefiles.keep(domain.config_path)


@contextlib.contextmanager
def resting(servers: Servers, todo: Plan) -> Iterator[None]:
    """Shut a domain down that runs, and boot it again after the block, whatever came of that."""
    name, path = todo.domain.name, todo.domain.config_path
    if not todo.runs_on:
        yield
        return
    is_registered = _is_registered(name)
    if is_registered:
        host_events.stop(LiveCib(), name)
    else:
        servers.must(todo.runs_on, ["xl", "shutdown", "-w", name], timeout_s=host_events.STOPPED_WITHIN_S)
    try:
        yield
    finally:
        if is_registered:
            host_events.start(LiveCib(), name)
        else:
            servers.must(todo.runs_on, ["xl", "create", path], timeout_s=STARTED_WITHIN_S)


def _is_registered(name: str) -> bool:
    try:
        return name in cib.domains(LiveCib().read())
    except UnavailableError:
        return False


def refuse_running(servers: Servers, name: str) -> None:
    """UnsafeError where a domain runs on any server."""
    if server := where(servers).get(name):
        raise _runs(name, server, "see xl list there")


def _runs(name: str, server: str, instead: str) -> UnsafeError:
    remedy = f"shut it down (snow shutdown {name}), or {instead}"
    return UnsafeError(f"{name} runs on {server}", "its image changes meanwhile", remedy)


def rollback(servers: Servers, domain: Domain, *, dry_run: bool = False) -> list[Change]:
    """Put the domain file of before the migration back in one step; the copies stay."""
    old = domain.config_path + imagefiles.OLD
    if not Path(old).exists():
        raise NoInputError(
            f"the images of {domain.name} were not migrated", f"there is no {old}", "nothing to go back to"
        )
    kept = domainfile.domain_from(xlcfg.read(old), domain.name, old)
    refuse_running(servers, domain.name)
    if not dry_run:
        imagefiles.put_back(domain.config_path)
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
        old = domain.config_path + imagefiles.OLD
        try:
            kept = domainfile.domain_from(xlcfg.read(old), domain.name, old)
        except FileNotFoundError:
            continue
        for now, before in replaced(domain, kept):
            if Path(before.path).is_block_device() and Path(now.path).is_file():
                commands.append(f"lvremove {before.path}")
    return commands
