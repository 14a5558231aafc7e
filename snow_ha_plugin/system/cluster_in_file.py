"""A CIB in a file as what a verb works on: `cibadmin --query` of a cluster, to try things on or to plan with."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports.events import Event
from snow_ha_plugin.core.reports.outside import Written
from snow_ha_plugin.errors import NoInputError, PermissionDeniedError, TryAgainError
from snow_ha_plugin.model import Change, ClusterState, MigrationProgress
from snow_ha_plugin.system import command, files, pacemaker
from snow_ha_plugin.system.cluster import as_written
from snow_ha_plugin.system.record import Record
from snow_ha_plugin.system.verification import scratch, verify


class ClusterInFile:
    """A CIB in a file: `cibadmin --query` of a cluster, to try things on or to plan with."""

    migrates = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> cib.Tree:
        return _renewed(self._parse())

    def _parse(self) -> cib.Tree:
        try:
            return cib.parse(self.path.read_bytes(), str(self.path))
        except FileNotFoundError:
            raise NoInputError(f"there is no file {self.path}", remedy="make one: cibadmin --query >FILE") from None
        except OSError as error:
            raise NoInputError(f"{self.path} cannot be read", str(error.strerror), "see the file") from None

    def commit(self, old: cib.Tree, new: cib.Tree) -> None:
        if command.is_installed("crm_verify"):
            with scratch(old, new) as (old_path, new_path):
                verify(old_path, new_path)
        cib.raise_epoch(new)
        try:
            with self._locked():
                now = self._parse()
                written = cib.serialize(as_written(new, now))
                if cib.serialize(_renewed(now)) != cib.serialize(old):
                    raise TryAgainError(f"somebody else has changed {self.path}", remedy="run the command again")
                files.put(self.path, written, like=self.path)
        except OSError as error:
            raise PermissionDeniedError(
                f"{self.path} cannot be written", str(error.strerror), "see its directory"
            ) from None

    def state(self, tree: cib.Tree) -> ClusterState:
        return pacemaker.state(tree)

    def require_quorum(self, tree: cib.Tree) -> None:
        pass

    def require_orphans_run_on(self, tree: cib.Tree) -> None:
        pass

    def record(self, changes: Iterable[Change], version: str) -> None:
        pass

    def past(self, since: float) -> Record:
        return Record(())

    def known(self) -> list[Event]:
        return []

    def written(self, since: float) -> list[Written]:
        return []

    def forget(self, resource: str, node: str = "") -> None:
        pass

    def wait_idle(self, timeout_s: int) -> None:
        pass

    def progress(self, sources: Mapping[str, str]) -> dict[str, MigrationProgress]:
        return {}

    def guests(self) -> list[str]:
        return []

    def lacks_third_vote(self) -> bool:
        return False

    def storage_loss(self) -> str:
        return ""

    def reachable(self, paths: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def held(self, what: str, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The directory, since the file itself is replaced under the lock.
        directory = os.open(self.path.resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)


def _renewed(tree: cib.Tree) -> cib.Tree:
    """By its ids of today alone, as a cluster that runs gives it (LiveCluster.read)."""
    cib.former_ids.renew(tree)
    return tree
