"""Carrying plans out: copies that are seen to be whole, then the domain file that names them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core import domainfile
from snow_ha_plugin.core.images.kinds import Shared
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import ConfigurationError, SnowHaError, UnavailableError, UnsafeError
from snow_ha_plugin.model import Change, Disk, Domain
from snow_ha_plugin.operations.image_migration.plans import Plan, look
from snow_ha_plugin.operations.image_migration.running import refuse_running, resting
from snow_ha_plugin.system import domainfiles, imagefiles
from snow_ha_plugin.system.imagefiles import Content, Meter
from snow_ha_plugin.system.servers import Servers

SHOWN_EVERY_S = 0.5
# What a file system needs beside the bytes of a copy.
SPARE_BYTES = 16 * 2**20


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
    done: dict[str, Outcome] | None = None,
) -> dict[str, Outcome]:
    """Carry the plans out, `parallel` at a time, whatever becomes of the others; `show` is given the seconds so far.

    What has ended is in `done`, also where this is interrupted.
    """
    ended = {} if done is None else done
    space = Space()
    # Each image is read, copied, and its copy read.
    meter.total = sum(3 * todo.size for todo in found.values() if isinstance(todo, Plan))

    def outcome(todo: Plan | SnowHaError) -> Outcome:
        if isinstance(todo, SnowHaError):
            return todo
        try:
            with resting(servers, todo.domain, todo.runs_on):
                return migrate(servers, todo, meter, space) if todo.copies else changes(todo)
        except SnowHaError as error:
            return error
        except OSError as error:
            return UnavailableError(
                f"the images of {todo.domain.name} cannot be migrated",
                f"{error.filename or todo.domain.config_path}: {error.strerror}",
                "make room there, or mend its mount, and try again",
            )

    def one(name: str, todo: Plan | SnowHaError) -> None:
        ended[name] = outcome(todo)

    with ThreadPoolExecutor(parallel) as pool:
        running = [pool.submit(one, name, todo) for name, todo in found.items()]
        began = time.monotonic()
        try:
            while wait(running, SHOWN_EVERY_S).not_done:
                show(time.monotonic() - began)
        except BaseException:
            meter.stop()
            for future in running:
                future.cancel()
            raise
    for future in running:
        future.result()
    return {name: ended[name] for name in found}


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
        domainfiles.put(domain.config_path, data, like=domain.config_path)
    return changes(todo)


def changes(todo: Plan) -> list[Change]:
    """What a migration comes to."""
    name = todo.domain.name
    booting = [Change("boot", name, f"boot {name} again, which a run that was interrupted has shut down")]
    return [
        Change("copy", copy.source, f"copy {copy.source} to {copy.target}, and have {name} use that")
        for copy in todo.copies
    ] + (booting if todo.is_down else [])


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
    old = Path(domain.config_path + domainfiles.OLD)
    if old.exists():
        kept = domainfile.domain_from(xlcfg.read(str(old)), domain.name, str(old))
        if [disk.path for disk in kept.disks] != [disk.path for disk in domain.disks]:
            raise ConfigurationError(
                f"{old} is there from an earlier migration",
                "its way back would be lost",
                f"snow-ha images rollback {domain.name}, or move it away",
            )
    domainfiles.keep(domain.config_path)
