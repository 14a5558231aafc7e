"""The configurations of before each change, the same on all servers: beside the record, and by the record's rules.

Where the shared file system does not answer one waits in the local directory, and goes there with the next.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import NoInputError, SnowHaError
from snow_ha_plugin.system import files, record, storage

T = TypeVar("T")
log = logging.getLogger(__name__)

LENGTH = 50

_TIME = "%Y%m%d-%H%M%S"


class Kept(NamedTuple):
    """`version` is as cib.epoch has it; `at` is when it was replaced, in seconds since 1970."""

    version: str
    at: float
    path: Path

    def read(self) -> cib.Tree:
        """With the ids of the version that has written it."""
        try:
            data = storage.within(self.path.read_bytes)
        except OSError as error:
            raise NoInputError(f"{self.path} cannot be read", str(error.strerror), "see snow ha history") from None
        return cib.parse(data, str(self.path))


@contextmanager
def kept(old: cib.Tree) -> Iterator[Callable[[], None]]:
    """Keep a configuration while it is about to be changed, and for good if `keep` is called: the last LENGTH of them.

    So a commit that is refused costs none of those that were real.
    """
    path = None if _is_passing(old) else _put(f"{time.strftime(_TIME, time.gmtime())}-{cib.epoch(old)}.xml", old)
    changed: list[bool] = []
    try:
        yield lambda: changed.append(True)
    finally:
        if path:
            _attempt(partial(_tidy, path) if changed else partial(path.unlink, missing_ok=True))


def listed() -> tuple[Kept, ...]:
    """Those that there are, the latest first, each version once; where the shared file system hangs, those that are on
    this server."""
    found: dict[str, Kept] = {}
    paths = [*(_attempt(lambda: _in(record.shared())) or ()), *_in(record.LOCAL)]
    for path in sorted(paths, key=_age, reverse=True):
        one = _known(path)
        if one:
            found.setdefault(one.version, one)
    return tuple(found.values())


def _known(path: Path) -> Kept | None:
    day, clock, version = (*path.stem.split("-", 2), "", "")[:3]
    try:
        at = datetime.strptime(f"{day}-{clock}", _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Kept(version, at.timestamp(), path)


def _age(path: Path) -> tuple[str, list[int]]:
    """What sorts by time; within a second the epoch tells."""
    return path.stem[:15], [int(number) for number in re.findall(r"\d+", path.stem[15:])]


def _is_passing(tree: cib.Tree) -> bool:
    """Nobody wants back what was there only as long as a verb was at work."""
    configuration = cib.part(tree, "configuration")
    beginnings = (cib.ids.beginning(kind) for kind in cib.ids.PASSING)
    return any(configuration.xpath(".//*[starts-with(@id, $begins)]", begins=begins) for begins in beginnings)


def _put(name: str, tree: cib.Tree) -> Path | None:
    data = cib.serialize(tree)
    return _attempt(lambda: _write(record.made(record.shared()) / name, data)) or _attempt(
        lambda: _write(record.made(record.LOCAL) / name, data), of_this_server=True
    )


def _attempt(work: Callable[[], T], *, of_this_server: bool = False) -> T | None:
    """What it gives; a commit waits for no file system, and fails because of none."""
    try:
        return work() if of_this_server else storage.within(work)
    except (OSError, SnowHaError) as error:
        log.debug("a configuration of before: %s", error)
        return None


def _write(path: Path, data: bytes) -> Path:
    files.put(path, data)
    return path


def _tidy(path: Path) -> None:
    """Take along what waits on this server, and let go of what is too much or says the same as this one."""
    if path.parent != record.LOCAL:
        for late in _in(record.LOCAL):
            _write(path.parent / late.name, late.read_bytes())
            late.unlink()
    others = [other for other in sorted(_in(path.parent), key=_age) if other != path]
    for other in others[: max(0, len(others) + 1 - LENGTH)]:
        other.unlink(missing_ok=True)
    if others and _configuration(others[-1]) == _configuration(path):
        others[-1].unlink(missing_ok=True)


def _configuration(path: Path) -> bytes:
    return cib.serialize(cib.part(cib.parse(path.read_bytes(), str(path)), "configuration"))


def _in(directory: Path) -> list[Path]:
    return list(directory.glob("*.xml"))
