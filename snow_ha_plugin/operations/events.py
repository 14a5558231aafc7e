"""Pacemaker's events, as its alert agent puts them aside: recorded, told by mail, and failed migrations looked at.

`tend` runs once for each burst of events (snow-ha-events.path), and stays until nothing follows any more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import ran_twice
from snow_ha_plugin.core.reports import alerts, doubles, notices
from snow_ha_plugin.core.reports.alerts import Alert
from snow_ha_plugin.core.reports.doubles import RanTwice
from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.model import ClusterState
from snow_ha_plugin.operations import failed_migrations
from snow_ha_plugin.operations.transaction import change, cleaning
from snow_ha_plugin.system import journal, mail, pacemaker, record, spool, waiting
from snow_ha_plugin.system.cluster import Cluster

log = logging.getLogger(__name__)

# How long Pacemaker may be busy without anything new happening: fencing, or a large domain that migrates.
QUIET_S = 600
POLL_S = 2.0

# How far back the start of a double run may lie.
LOOKING_BACK_S = 7 * 86400

_UNKNOWN = ClusterState(quorum=False, maintenance=False, nodes=(), resources=())


def tend(cluster: Cluster, here: str) -> None:
    """Take what there is to its end; what cannot be looked at, since Pacemaker stops, is recorded all the same."""
    seen: list[Alert] = []
    taken = spool.take()
    while True:
        if taken:
            tree, state = _look(cluster)
            new = [_explained(alert, tree, state) for alert in taken]
            record.append(*alerts.recorded(new, seen, tree, state, here))
            _note_doubles(cluster, taken, tree, state)
            seen += new
            # At once: while a server leaves Pacemaker is busy with trying again.
            with _warned():
                failed_migrations.while_leaving(cluster, tree, seen, here)
        if not any(_goes_on(alert) for alert in seen):
            break
        taken = _following()
        if not taken and not _try_again(cluster, seen, here):
            break
    _tell(seen, *_look(cluster), here)


def _following() -> list[Alert]:
    """What comes next; nothing once Pacemaker has nothing to do, or is busy with the same for QUIET_S."""
    turns = waiting.turns(QUIET_S, POLL_S)
    return next(taken for in_time in turns if (taken := spool.take()) or not in_time or pacemaker.is_idle())


@contextmanager
def _warned() -> Iterator[None]:
    """A block whose failure is logged, and keeps nothing else from being done."""
    try:
        yield
    except SnowHaError as error:
        log.warning("%s", error)


def _try_again(cluster: Cluster, seen: Sequence[Alert], here: str) -> bool:
    """Whether there was a migration to be tried again."""
    was_one = False
    with _warned():
        failed_migrations.settle(cluster)
        was_one = failed_migrations.look(cluster, seen, here)
    return was_one


def _note_doubles(cluster: Cluster, taken: Sequence[Alert], tree: cib.Tree, state: ClusterState) -> None:
    """What is found on two servers now, and what the record tells of a stop, is kept until somebody acknowledges it."""
    found = [
        RanTwice(alert.resource, (servers[0], servers[1]), int(alert.at), int(alert.at))
        for alert in taken
        if (servers := alerts.found_twice(alert, tree, state))
    ]
    if stops := [round(alert.at, 3) for alert in taken if alert.task == "stop" and alert.ok]:
        places = [(each.id, server) for each in state.resources for server in each.servers]
        since = cib.running_since(tree)
        running = {place: since[place] for place in places if place in since}
        found += doubles.of(record.read(time.time() - LOOKING_BACK_S).events, running, min(stops))
    if found:
        with _warned():
            change(cluster, lambda tree: ran_twice.note(tree, found), cleaning)


def _explained(alert: Alert, tree: cib.Tree, state: ClusterState) -> Alert:
    said = journal.reason(alert.resource, alert.task, alert.at) if alert.failed_migration else ""
    return alerts.explained(alert, tree, state, said)


def _goes_on(alert: Alert) -> bool:
    """Whether more is to come that belongs to it."""
    return alert.failed or alert.lost or alert.kind == "fencing" or alert.task == "migrate_to"


def _look(cluster: Cluster) -> tuple[cib.Tree, ClusterState]:
    try:
        return cluster.read(), pacemaker.state()
    except SnowHaError as error:
        log.debug("%s", error)
        return cib.empty(), _UNKNOWN


def _tell(seen: Sequence[Alert], tree: cib.Tree, state: ClusterState, here: str) -> None:
    to = next((alert.mail for alert in reversed(seen) if alert.mail), "")
    notice = notices.notice(seen, tree, state, here, _clock)
    if to and notice:
        mail.send(to, f"[snow-ha] {notice.subject}", notice.text)


def _clock(at: float) -> str:
    return time.strftime("%d %b %H:%M:%S", time.localtime(at))
