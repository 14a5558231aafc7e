"""Pacemaker by its own command line tools: read and commit the CIB, ask the scheduler, see the cluster's state.

Two places hold a CIB: the running cluster (`LiveCib`), and a file (`CibFile`), which needs no daemon.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent, migration
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.outside import Written
from snow_ha_plugin.errors import (
    ConfigurationError,
    DataError,
    NoInputError,
    NoQuorumError,
    PermissionDeniedError,
    TimedOutError,
    TryAgainError,
    UnavailableError,
)
from snow_ha_plugin.model import Change, ClusterState, MigrationProgress
from snow_ha_plugin.system import (
    command,
    configurations,
    fencer,
    files,
    lock,
    migrations,
    qdevice,
    record,
    written,
    xen,
)
from snow_ha_plugin.system.crm_mon import parse_state
from snow_ha_plugin.system.record import Record
from snow_ha_plugin.system.servers import Servers
from snow_ha_plugin.system.verification import scratch, verify

# Pacemaker's crm_exit_t (include/crm/common/results.h).
NOT_CONNECTED = 102
OLD = 103
NO_SUCH_OBJECT = 105
TIMED_OUT = 124

# crm_resource itself gives up after 60 s without a reply, and says why.
FORGOTTEN_WITHIN_S = 90

# For Pacemaker to see where a domain is whose migration has failed.
SEEN_WITHIN_S = 30

# The order of operations.moves.let_go, for who dies before it; its words are the domains.
_END_MOVES = f"""
cibadmin --delete-all --force --xpath "{migration.RULES}"
for domain; do crm_resource --cleanup --resource "$domain"; done
crm_resource --wait --timeout={SEEN_WITHIN_S}s
cibadmin --delete-all --force --xpath "{migration.ALL}"
"""

# A tenth of a second each; then all is decided anew.
PATCH_TRIES = 20


# What `move` takes out again of what it has put in.
PASSING = ("moved",)


class Store(Protocol):
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

    def guests(self) -> list[str]:
        """What xl has on this server, Domain-0 too."""

    def reachable(self, paths: Mapping[str, str]) -> Mapping[str, str]:
        """Of domain files those that can be looked at here."""

    def held(self, what: str, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        """A block in which no other verb moves domains; `waiting` is told of one that still does.

        By Pacemaker's list of servers: in a night in which /sNow hangs a domain can still be moved.
        """


class LiveCib:
    """The cluster that this server is a member of."""

    migrates = True

    def read(self) -> cib.Tree:
        return _renewed(self._query())

    def _query(self) -> cib.Tree:
        result = command.run(["cibadmin", "--query"])
        if result.exit_code == NOT_CONNECTED:
            raise UnavailableError("Pacemaker does not run on this server", remedy="start it: snow ha start")
        if not result.ok:
            raise UnavailableError("the CIB cannot be read", result.reason, "see crm_mon on this server")
        return cib.parse(result.stdout, "what cibadmin --query gives")

    def state(self, tree: cib.Tree) -> ClusterState:
        return state()

    def commit(self, old: cib.Tree, new: cib.Tree) -> None:
        self.require_quorum(old)
        with scratch(old, new) as (old_path, new_path):
            verify(old_path, new_path)
        for _ in range(PATCH_TRIES):
            # States change all the time while Pacemaker probes: as long as it is only these, what was decided holds.
            now = self._query()
            if cib.epoch(now) != cib.epoch(old):
                break
            if self._put(now, _as_written(cib.reconfigured(now, new), now)):
                return
        raise TryAgainError("somebody else has changed the configuration", remedy="run the command again")

    def renew_ids(self, *, dry_run: bool = False) -> bool:
        """Give what a former version has written its ids of today; whether there was any. For when all servers have
        this version."""
        for _ in range(PATCH_TRIES):
            now = self._query()
            new = cib.clone(now)
            if not cib.ids.renew(new):
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
            for each in state().failures
        ]
        return [*fencer.fencings(), *failures]

    def written(self, since: float) -> list[Written]:
        return written.configurations(since)

    def forget(self, resource: str, node: str = "") -> None:
        forget(resource, node)

    def wait_idle(self, timeout_s: int) -> None:
        wait_idle(timeout_s)

    def progress(self, sources: Mapping[str, str]) -> dict[str, MigrationProgress]:
        return migrations.progress(Servers([]), sources) if sources else {}

    def lacks_third_vote(self) -> bool:
        return qdevice.votes_here() is False

    def guests(self) -> list[str]:
        servers = Servers([])
        return [guest.name for guest in xen.guests(servers, servers.here)]

    def reachable(self, paths: Mapping[str, str]) -> Mapping[str, str]:
        return paths

    def held(self, what: str, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        online = sorted(node.name for node in state().nodes if node.online)
        return lock.held(Servers(online or [Servers([]).here]), what, waiting)

    def _put(self, old: cib.Tree, new: cib.Tree) -> bool:
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


def _renewed(tree: cib.Tree) -> cib.Tree:
    """What is ours is known by its ids of today alone, whichever version has written it."""
    cib.ids.renew(tree)
    return tree


def _as_written(new: cib.Tree, now: cib.Tree) -> cib.Tree:
    """What is to be committed, with ids of a former version where that has written what is there: other servers may
    still have it."""
    if cib.ids.renew(cib.clone(now)):
        cib.ids.age(new)
    return new


# Where a Pacemaker that does not run has left it.
STORED_CIB = Path("/var/lib/pacemaker/cib/cib.xml")


def stored_cib() -> cib.Tree | None:
    """The configuration that this server's Pacemaker last had; None where it has never had one."""
    try:
        return _renewed(cib.parse(STORED_CIB.read_bytes(), str(STORED_CIB)))
    except FileNotFoundError:
        return None


class CibFile:
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
                written = cib.serialize(_as_written(new, now))
                if cib.serialize(_renewed(now)) != cib.serialize(old):
                    raise TryAgainError(f"somebody else has changed {self.path}", remedy="run the command again")
                files.put(self.path, written, like=self.path)
        except OSError as error:
            raise PermissionDeniedError(
                f"{self.path} cannot be written", str(error.strerror), "see its directory"
            ) from None

    def state(self, tree: cib.Tree) -> ClusterState:
        return state(tree)

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


def state(tree: cib.Tree | None = None) -> ClusterState:
    """The cluster's state by crm_mon: of the running cluster, or as the status section of a CIB has it."""
    argv = ["crm_mon", "--one-shot", "--inactive", "--output-as=xml"]
    if tree is None:
        result = command.run(argv)
    else:
        with scratch(tree) as (path,):
            result = command.run(argv, env={"CIB_file": str(path)})
    if not result.ok:
        raise UnavailableError("Pacemaker does not run on this server", result.reason, "start it: snow ha start")
    try:
        return parse_state(result.stdout)
    except UnavailableError as error:
        if tree is None:
            raise
        raise DataError("crm_mon cannot read the CIB", error.details, "see crm_verify --verbose") from None


def forget(resource: str, node: str = "") -> None:
    """Have Pacemaker forget what it knows of a resource, failures too, and look at it anew: on a node, or on all.

    On all also what is not configured any more, which crm_mon would list as an orphan for ever.
    """
    argv = ["crm_resource", "--refresh", "--resource", resource, *(["--node", node] if node else ["--force"])]
    result = command.run(argv, timeout_s=FORGOTTEN_WITHIN_S)
    # Nothing is remembered of a domain that goes before Pacemaker has looked at it.
    if not result.ok and (node or result.exit_code != NO_SUCH_OBJECT):
        raise UnavailableError(f"Pacemaker still remembers {resource}", result.reason, " ".join(argv))


def ending_moves(domains: Iterable[str]) -> AbstractContextManager[Callable[[], None]]:
    """A block that, where this process dies in it, has what pulls and holds domains taken out (command.cleaning_up)."""
    return command.cleaning_up(["sh", "-c", _END_MOVES, "sh", *domains])


def ending_pauses() -> AbstractContextManager[Callable[[], None]]:
    """A block that, where this process dies in it, has all pauses taken out (command.cleaning_up)."""
    return command.cleaning_up(["cibadmin", "--delete-all", "--force", "--xpath", intent.PAUSES])


def cleanup(resource: str) -> None:
    """Have Pacemaker forget a resource's failures on all nodes; what has not failed stays as it is."""
    result = command.run(["crm_resource", "--cleanup", "--resource", resource])
    if not result.ok:
        raise UnavailableError(
            f"Pacemaker does not forget the failures of {resource}", result.reason, f"crm resource cleanup {resource}"
        )


def end_standby_until_reboot(node: str) -> None:
    """Take a node out of a standby that would last until it is rebooted."""
    argv = ["crm_attribute", "--node", node, "--name", "standby", "--lifetime", "reboot", "--delete"]
    result = command.run(argv)
    if not result.ok:
        raise UnavailableError(f"{node} stays in standby", result.reason, f"crm node online {node}")


def is_idle() -> bool:
    """Whether Pacemaker has nothing to do, or cannot tell."""
    return command.run(["crm_resource", "--wait", "--timeout=1s"]).exit_code != TIMED_OUT


def wait_idle(timeout_s: int) -> None:
    """Wait until Pacemaker has nothing left to do; TimedOutError past the deadline."""
    result = command.run(["crm_resource", "--wait", f"--timeout={timeout_s}s"], timeout_s=timeout_s + 10)
    if result.exit_code == TIMED_OUT:
        raise TimedOutError(f"the cluster is still busy after {timeout_s} s", remedy="see crm_mon")
    if not result.ok:
        raise UnavailableError("waiting for the cluster failed", result.reason, "see crm_mon")
