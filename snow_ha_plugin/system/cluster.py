"""What a verb works on: the running cluster, and what only that can do or tell. A CIB in a file: cluster_in_file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.outside import Written
from snow_ha_plugin.errors import ConfigurationError, DataError, NoQuorumError, TryAgainError, UnavailableError
from snow_ha_plugin.model import Change, ClusterState, MigrationProgress
from snow_ha_plugin.system import (
    command,
    configurations,
    fencer,
    lock,
    migrations,
    pacemaker,
    qdevice,
    record,
    snowtools,
    storage,
    waiting,
    written,
    xen,
)
from snow_ha_plugin.system.record import Record
from snow_ha_plugin.system.servers import Servers
from snow_ha_plugin.system.verification import scratch, verify

# Pacemaker's crm_exit_t (include/crm/common/results.h).
NOT_CONNECTED = 102
OLD = 103

# A tenth of a second each; then all is decided anew.
PATCH_TRIES = 20

# For a server that has just started Pacemaker to be taken in by the others; dc-deadtime is 20 s.
JOINED_WITHIN_S = 40

# What `move` takes out again of what it has put in.
PASSING = ("moved",)


class Cluster(Protocol):
    """What a verb works on: the running cluster, or a CIB in a file, which nothing runs by.

    The methods after `commit` are what only a running cluster can do or tell; of a file they do and tell nothing.
    """

    migrates: bool
    """Whether domains can be migrated. Else rules are written by which Pacemaker would."""

    def read(self) -> cib.Tree: ...

    def state(self, tree: cib.Tree) -> ClusterState:
        """The state that belongs to a CIB that was read."""

    def commit(self, old: cib.Tree, new: cib.Tree) -> None:
        """Put `new` in the place of `old`; TryAgainError if somebody has changed it meanwhile."""

    def require_quorum(self, tree: cib.Tree) -> None: ...

    def require_orphans_run_on(self, tree: cib.Tree) -> None:
        """ConfigurationError where Pacemaker stops a domain that is taken out of its CIB."""

    def record(self, changes: Iterable[Change], version: str) -> None:
        """Who has changed what; that a verb takes out what it has put in goes without saying."""

    def past(self, since: float) -> Record:
        """What was recorded since then."""

    def known(self) -> list[Event]:
        """What Pacemaker itself remembers of fencing and of failures."""

    def written(self, since: float) -> list[Written]:
        """The configurations since then, and the one before them."""

    def forget(self, resource: str, node: str = "") -> None: ...

    def wait_idle(self, timeout_s: int) -> None: ...

    def progress(self, sources: Mapping[str, str]) -> dict[str, MigrationProgress]:
        """How far migrations are, by domain; `sources` has the server that each comes from."""

    def lacks_third_vote(self) -> bool: ...

    def storage_loss(self) -> str:
        """What is wrong with the shared file system here; nothing while it answers."""

    def guests(self) -> list[str]:
        """What xl has on this server, Domain-0 too."""

    def reachable(self, paths: Mapping[str, str]) -> Mapping[str, str]:
        """Of domain files those that can be looked at here."""

    def held(self, what: str, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        """A block in which no other verb moves domains; `waiting` is told of one that still does.

        By Pacemaker's list of servers: in a night in which /sNow hangs a domain can still be moved.
        """


class LiveCluster:
    """The cluster that this server is a member of; `had_former_ids` tells of the CIB that was last read."""

    migrates = True
    had_former_ids = False

    def read(self) -> cib.Tree:
        """What is ours is known by its ids of today alone, whichever version has written it."""
        tree = self._query()
        self.had_former_ids = cib.former_ids.renew(tree)
        return tree

    def _query(self) -> cib.Tree:
        result = command.run(["cibadmin", "--query"])
        if result.exit_code == NOT_CONNECTED:
            raise UnavailableError("Pacemaker does not run on this server", remedy="start it: snow ha start")
        if not result.ok:
            raise UnavailableError("the CIB cannot be read", result.reason, "see crm_mon on this server")
        return cib.parse(result.stdout, "what cibadmin --query gives")

    def state(self, tree: cib.Tree) -> ClusterState:
        return pacemaker.state()

    def commit(self, old: cib.Tree, new: cib.Tree) -> None:
        self.require_quorum(old)
        with scratch(old, new) as (old_path, new_path):
            verify(old_path, new_path)
        for _ in range(PATCH_TRIES):
            # States change all the time while Pacemaker probes: as long as it is only these, what was decided holds.
            now = self._query()
            if cib.epoch(now) != cib.epoch(old):
                break
            if self._put(now, as_written(cib.reconfigured(now, new), now)):
                return
        raise TryAgainError("somebody else has changed the configuration", remedy="run the command again")

    def renew_ids(self, *, dry_run: bool = False) -> bool:
        """Give what a former version has written its ids of today; whether there was any. For when all servers have
        this version."""
        for _ in range(PATCH_TRIES):
            now = self._query()
            new = cib.clone(now)
            if not cib.former_ids.renew(new):
                return False
            if dry_run or self._put(now, new):
                return True
        raise TryAgainError("somebody else has changed the configuration", remedy="run the command again")

    def require_quorum(self, tree: cib.Tree) -> None:
        if not cib.has_quorum(tree):
            raise NoQuorumError(
                "the cluster has no quorum", "a change now could contradict the other servers", "start them"
            )

    def require_orphans_run_on(self, tree: cib.Tree) -> None:
        if cib.option_is_on(tree, "stop-orphan-resources", default=True):
            raise ConfigurationError(
                "Pacemaker would stop the domain",
                "the cluster option stop-orphan-resources is not false",
                "crm configure property stop-orphan-resources=false",
            )

    def record(self, changes: Iterable[Change], version: str) -> None:
        at, by, here = time.time(), record.by(), record.here()
        record.append(
            *(
                Event(at, Kind.CHANGE, change.target, here, change.message, by, version=version)
                for change in changes
                if change.action not in PASSING
            )
        )

    def past(self, since: float) -> Record:
        return record.read(since)

    def known(self) -> list[Event]:
        failures = [
            Event(each.when, Kind.FAILURE, each.resource, each.server, f"{each.task}: {each.reason}", ok=False)
            for each in pacemaker.state().failures
        ]
        return [*fencer.fencings(), *failures]

    def written(self, since: float) -> list[Written]:
        return written.configurations(since)

    def forget(self, resource: str, node: str = "") -> None:
        pacemaker.forget(resource, node)

    def wait_idle(self, timeout_s: int) -> None:
        pacemaker.wait_idle(timeout_s)

    def progress(self, sources: Mapping[str, str]) -> dict[str, MigrationProgress]:
        return migrations.progress(Servers([]), sources) if sources else {}

    def lacks_third_vote(self) -> bool:
        return qdevice.votes_here() is False

    def storage_loss(self) -> str:
        return storage.loss(snowtools.layout().root)

    def guests(self) -> list[str]:
        servers = Servers([])
        return [guest.name for guest in xen.guests(servers, servers.here)]

    def reachable(self, paths: Mapping[str, str]) -> Mapping[str, str]:
        return paths

    def held(self, what: str, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        # Also those that are offline: verbs that go by SNOW_NODES may have their lock there.
        names = [node.name for node in pacemaker.state().nodes]
        return lock.held(Servers(names or [Servers([]).here]), what, waiting)

    def _put(self, old: cib.Tree, new: cib.Tree) -> bool:
        """Commit, and keep the configuration of before; False if the CIB is not `old` any more.

        A server that is not taken in yet has a CIB of its own, without what runs elsewhere. With a change in it that
        one would be the newest, and all others would have to take it for theirs (met with 2.1.5: the server that ran
        everything lost its history, and the other one never came in).
        """
        if not cib.is_shared(old):
            waiting.until(lambda: cib.is_shared(self._query()), JOINED_WITHIN_S)
            raise TryAgainError("this server is not in the cluster yet", remedy="run the command again")
        with configurations.kept(old) as keep:
            done = self._patch(old, new)
            if done:
                keep()
        return done

    def _patch(self, old: cib.Tree, new: cib.Tree) -> bool:
        """Commit the difference; False if the CIB is not `old` any more."""
        cib.raise_num_updates(new)
        with scratch(old, new) as (old_path, new_path):
            patch = command.run(["crm_diff", "--original", str(old_path), "--new", str(new_path)])
        if patch.exit_code not in (0, 1):
            raise DataError("crm_diff cannot compare the configurations", patch.reason)
        result = command.run(["cibadmin", "--patch", "--xml-pipe"], stdin=patch.stdout)
        if not result.ok and result.exit_code != OLD:
            raise ConfigurationError("Pacemaker refuses the change", result.reason, "nothing was changed")
        return result.ok


def as_written(new: cib.Tree, now: cib.Tree) -> cib.Tree:
    """What is to be committed, with ids of a former version where that has written what is there: other servers may
    still have it."""
    if cib.former_ids.renew(cib.clone(now)):
        cib.former_ids.age(new)
    return new
