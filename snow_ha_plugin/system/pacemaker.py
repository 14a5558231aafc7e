"""Pacemaker by its own command line tools: read and commit the CIB, ask the scheduler, see the cluster's state.

Two places hold a CIB: the running cluster (`LiveCib`), and a file (`CibFile`), which needs no daemon.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent, migration
from snow_ha_plugin.core.reports.events import Event, Kind
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
from snow_ha_plugin.model import ClusterState, FailedAction, NodeState, ResourceState
from snow_ha_plugin.system import command, configurations

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

# How crm_verify says that the schema is the matter; only 3.0 has the second.
_SCHEMA = "CIB did not pass schema validation"
_NO_SCHEMA = "Cannot validate CIB"

# In /tmp; the number of the process that made it follows.
SCRATCH = "snow-ha-"


class Store(Protocol):
    """Where a CIB is read from and committed to."""

    live: bool

    def read(self) -> cib.Tree: ...

    def commit(self, old: cib.Tree, new: cib.Tree) -> None:
        """Put `new` in the place of `old`; TryAgainError if somebody has changed it meanwhile."""


class LiveCib:
    """The CIB of the cluster that this server is a member of."""

    live = True

    def read(self) -> cib.Tree:
        return _renewed(self._query())

    def _query(self) -> cib.Tree:
        result = command.run(["cibadmin", "--query"])
        if result.exit_code == NOT_CONNECTED:
            raise UnavailableError("Pacemaker does not run on this server", remedy="start it: snow ha start")
        if not result.ok:
            raise UnavailableError("the CIB cannot be read", result.reason, "see crm_mon on this server")
        return cib.parse(result.stdout, "what cibadmin --query gives")

    def commit(self, old: cib.Tree, new: cib.Tree) -> None:
        if not cib.has_quorum(old):
            raise NoQuorumError(
                "the cluster has no quorum",
                "a change now could be lost or contradict the others",
                "start the other servers",
            )
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

    live = False

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
                self._replace(written)
        except OSError as error:
            raise PermissionDeniedError(
                f"{self.path} cannot be written", str(error.strerror), "see its directory"
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The directory, since the file itself is replaced under the lock.
        directory = os.open(self.path.resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def _replace(self, data: bytes) -> None:
        path = self.path.resolve()
        status = path.stat()
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(path, temporary)
            if os.geteuid() == 0:
                os.chown(temporary, status.st_uid, status.st_gid)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def verify(old_path: Path, new_path: Path) -> None:
    """ConfigurationError if crm_verify finds an error in the new configuration that the old one does not have.

    DataError if the old one is against its schema: no Pacemaker would load it. Other errors it may have had before.
    """
    new = command.run(["crm_verify", "--xml-file", str(new_path), "--verbose"])
    if new.ok:
        return
    old = command.run(["crm_verify", "--xml-file", str(old_path), "--verbose"])
    if broken := _schema_error(old):
        raise DataError("the CIB is invalid already", broken, "mend it first: crm_verify --verbose tells where")
    before = _errors(old)
    added = [_schema_error(new), *(line for line in _errors(new) if line not in before)]
    for complaint in filter(None, added):
        raise ConfigurationError("Pacemaker would call the change invalid", complaint, "nothing was changed")


def complaint(path: Path) -> str:
    """The first thing that crm_verify has against a CIB; nothing where it has none."""
    found = command.run(["crm_verify", "--xml-file", str(path), "--verbose"])
    return "" if found.ok else next(iter([*filter(None, [_schema_error(found)]), *_errors(found)]), "")


def _schema_error(result: command.Result) -> str:
    """What crm_verify has against a CIB's schema; it then says nothing of what a scheduler would.

    Pacemaker 3 names the schema with every error, and 2.1 only where it is the reason.
    """
    said = result.stderr.decode(errors="replace")
    if _SCHEMA not in said or _errors(result):
        return ""
    first = next(line for line in said.splitlines() if line.strip())
    return re.sub(r"^.*validity error : ", "", first)


def _errors(result: command.Result) -> list[str]:
    """The errors that the scheduler has found, without the function's name that 2.1 puts before them."""
    lines = result.stderr.decode(errors="replace").splitlines()
    found = [line for line in lines if "error: " in line and _SCHEMA not in line and _NO_SCHEMA not in line]
    return [re.sub(r"^\(\w+\)\s*", "", line).strip() for line in found]


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


def parse_state(data: bytes) -> ClusterState:
    """crm_mon's XML (api-result of Pacemaker 2.1 and 3.0).

    UnavailableError where it has no state: crm_mon may say so with exit status 0, and nothing must read as stopped.
    """
    root = etree.fromstring(data)
    if root.find("summary") is None:
        errors = [error.text or "" for error in root.iterfind("status/errors/error")]
        raise UnavailableError("crm_mon does not know the cluster's state", " ".join(errors), "see crm_mon --one-shot")
    dc = root.find("summary/current_dc")
    options = root.find("summary/cluster_options")
    return state_in(
        root,
        quorum=dc is not None and dc.get("with_quorum") == "true",
        maintenance=options is not None and options.get("maintenance-mode") == "true",
        dc=dc.get("name", "") if dc is not None else "",
    )


def state_in(root: cib.Tree, *, quorum: bool = True, maintenance: bool = False, dc: str = "") -> ClusterState:
    """The members and resources in crm_mon's XML, or in the part of crm_simulate's that is like it.

    Of a name that two entries have, the member is the one that is online: the other is left over from another id.
    """
    members: dict[str, NodeState] = {}
    for node in root.iterfind("nodes/node"):
        if node.get("type", "member") == "member":
            found = _node_state(node)
            if found.online or found.name not in members:
                members[found.name] = found
    return ClusterState(
        quorum=quorum,
        maintenance=maintenance,
        nodes=tuple(members.values()),
        resources=tuple(_resource_state(resource) for resource in root.iterfind("resources//resource")),
        failures=tuple(_failed_action(failure) for failure in root.iterfind("failures/failure")),
        dc=dc,
    )


def _failed_action(failure: cib.Tree) -> FailedAction:
    """`op_key` is RESOURCE_TASK_INTERVAL; its task is told once more, since a name may hold what parts them."""
    task, interval = failure.get("task", ""), failure.get("interval", "0")
    return FailedAction(
        resource=failure.get("op_key", "").removesuffix(f"_{task}_{interval}"),
        server=failure.get("node", ""),
        task=task,
        reason=failure.get("exitreason") or failure.get("exitstatus") or "",
        when=_epoch(failure.get("last-rc-change", "")),
    )


def _epoch(text: str) -> int:
    """A time as Pacemaker prints it, in seconds since 1970; 0 for what is none."""
    try:
        return int(datetime.fromisoformat(re.sub(r" (?=[+-]\d)", "", text)).timestamp())
    except ValueError:
        return 0


def _node_state(node: cib.Tree) -> NodeState:
    """A node that is joining (`pending`) is online for crm_mon, and takes part in nothing yet."""
    says = {
        key: node.get(key) == "true"
        for key in ("online", "pending", "standby", "maintenance", "unclean", "shutdown", "standby_onfail")
    }
    return NodeState(
        name=node.get("name", ""),
        online=says["online"] and not says["pending"],
        standby=says["standby"] or says["standby_onfail"],
        maintenance=says["maintenance"],
        unclean=says["unclean"],
        leaving=says["shutdown"],
        health=node.get("health", "green"),
    )


def _resource_state(resource: cib.Tree) -> ResourceState:
    return ResourceState(
        id=resource.get("id", ""),
        role=resource.get("role", ""),
        servers=tuple(node.get("name", "") for node in resource.iterfind("node")),
        managed=resource.get("managed") == "true",
        failed=resource.get("failed") == "true",
        blocked=resource.get("blocked") == "true",
        pending=resource.get("pending", ""),
        orphaned=resource.get("orphaned") == "true",
        agent=resource.get("resource_agent", ""),
    )


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


def fencers(node: str) -> tuple[str, ...]:
    """The devices with which the running cluster could fence a node, as its fencer has registered them."""
    result = command.run(["stonith_admin", "--list", node, "--output-as=xml"])
    if not result.ok:
        raise UnavailableError(f"Pacemaker does not tell how {node} is fenced", result.reason, "see stonith_admin")
    return tuple(item.text or "" for item in etree.fromstring(result.stdout).iter("item"))


def fence(node: str, timeout_s: int) -> None:
    """Have the cluster reset a node by whatever fences it, and wait until that is done."""
    argv = ["stonith_admin", "--reboot", node, f"--timeout={timeout_s}"]
    result = command.run(argv, timeout_s=timeout_s + 10)
    if not result.ok:
        raise UnavailableError(
            f"{node} could not be fenced", result.reason, f"stonith_admin --history {node} --verbose tells why"
        )


def fencings() -> tuple[Event, ...]:
    """What the cluster's fencers remember to have fenced, or tried to; not what is under way."""
    result = command.run(["stonith_admin", "--history", "*", "--output-as=xml"])
    if not result.ok:
        raise UnavailableError("Pacemaker does not tell what it has fenced", result.reason, "see stonith_admin")
    found = []
    for each in etree.fromstring(result.stdout).iter("fence_event"):
        if each.get("status") in ("success", "failed"):
            by = each.get("delegate") or each.get("origin") or ""
            text = f"{each.get('action', '')} by {by}"
            done = each.get("status") == "success"
            found.append(
                Event(_epoch(each.get("completed", "")), Kind.FENCING, each.get("target", ""), by, text, ok=done)
            )
    return tuple(found)


def confirm_off(node: str) -> None:
    """Have the cluster take a node's fencing for done, on somebody's word."""
    result = command.run(["stonith_admin", "--confirm", node])
    if not result.ok:
        raise UnavailableError(f"Pacemaker does not take {node} for off", result.reason, "see crm_mon")


def end_waiting_for_all() -> None:
    """Let corosync of a server that has just started have quorum without having seen all others (votequorum(5))."""
    argv = ["corosync-cmapctl", "-s", "quorum.cancel_wait_for_all", "u8", "1"]
    result = command.run(argv)
    if not result.ok:
        raise UnavailableError("corosync goes on waiting for the other servers", result.reason, " ".join(argv))


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


@contextmanager
def scratch(*trees: cib.Tree) -> Iterator[tuple[Path, ...]]:
    """The trees as files that are gone afterwards; a CIB may hold passwords, so only root can read them."""
    _remove_scratch_of_the_dead()
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-") as directory:
        paths = tuple(Path(directory, f"{number}.xml") for number in range(len(trees)))
        for path, tree in zip(paths, trees, strict=True):
            path.write_bytes(cib.serialize(tree))
        yield paths


def _remove_scratch_of_the_dead() -> None:
    """What a snow-ha that was killed has left goes with the next one."""
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
        pid = path.name.removeprefix(SCRATCH).partition("-")[0]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            # Another one may be quicker, and what another user has put there stays.
            with suppress(OSError):
                if path.lstat().st_uid == os.geteuid():
                    shutil.rmtree(path)
