"""What Pacemaker tells its alert agents (Pacemaker Administration, "Alert Agents"), and what of it goes on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.model import ClusterState

_PREFIX = "CRM_alert_"


class Alert(NamedTuple):
    """`kind` is node, fencing or resource; `at` in seconds since 1970; `rc` and `seconds` are those of the operation.

    `mail` is where notices go, as the alert's configuration says.
    """

    at: float
    kind: str
    node: str
    description: str = ""
    resource: str = ""
    task: str = ""
    rc: int = 0
    expected_rc: int = 0
    seconds: float = 0.0
    mail: str = ""

    @property
    def ok(self) -> bool:
        return self.rc == self.expected_rc

    @property
    def failed(self) -> bool:
        """Whether an operation of a resource did what it should not; a first look that finds it running is none."""
        return self.kind == "resource" and not self.ok and not (self.task == "monitor" and self.rc == 0)

    @property
    def lost(self) -> bool:
        return self.kind == "node" and self.description == "lost"

    @property
    def failed_migration(self) -> bool:
        return self.failed and self.task in ("migrate_to", "migrate_from")


def parse(environment: bytes) -> Alert | None:
    """An alert agent's environment, as `env -0` writes it; None for what is none."""
    words = (word.partition("=") for word in environment.decode(errors="replace").split("\0"))
    given = {name.removeprefix(_PREFIX): value for name, _, value in words if name.startswith(_PREFIX)}
    mail = next((word[5:] for word in environment.decode(errors="replace").split("\0") if word.startswith("mail=")), "")
    try:
        return Alert(
            at=int(given["timestamp_epoch"]) + int(given.get("timestamp_usec", "0")) / 1_000_000,
            kind=given["kind"],
            node=given["node"],
            description=given.get("desc", ""),
            resource=given.get("rsc", ""),
            task=given.get("task", ""),
            rc=int(given.get("rc", "0")),
            expected_rc=int(given.get("target_rc", "0")),
            seconds=int(given.get("exec_time", "0")) / 1000,
            mail=mail,
        )
    except (KeyError, ValueError):
        return None


def recorded(
    new: Sequence[Alert], before: Sequence[Alert], tree: cib.Tree, state: ClusterState, here: str
) -> Iterator[Event]:
    """What this server puts on record: its own operations, and of the servers only where it leads, since each of them
    is told. `before` are the events that these have followed at once."""
    for number, alert in enumerate(new):
        if alert.kind == "resource":
            earlier = [each for each in (*before, *new[:number]) if each.resource == alert.resource and each.ok]
            event = _operation(alert, earlier[-1] if earlier else None, tree, state)
        else:
            event = _of_server(alert, here) if state.dc == here else None
        if event:
            yield event


def _of_server(alert: Alert, here: str) -> Event:
    at = round(alert.at, 3)
    if alert.kind == "fencing":
        return Event(at, Kind.FENCING, alert.node, here, alert.description, ok=alert.rc == 0)
    text = {"lost": "left the cluster", "member": "came into the cluster"}.get(alert.description, alert.description)
    return Event(at, Kind.SERVER, alert.node, here, text, ok=not alert.lost)


def _operation(alert: Alert, earlier: Alert | None, tree: cib.Tree, state: ClusterState) -> Event | None:
    """What ends a migration is a stop only by its name."""
    at, name, took = round(alert.at, 3), alert.resource, alert.seconds
    if alert.failed:
        return Event(at, Kind.FAILURE, name, alert.node, alert.description, seconds=took, ok=False)
    if alert.task == "start":
        return Event(at, Kind.START, name, alert.node, seconds=took)
    if alert.task == "stop" and not (earlier and earlier.task == "migrate_to"):
        return Event(at, Kind.STOP, name, alert.node, seconds=took)
    if alert.task == "migrate_to":
        places = [server for each in state.resources if each.id == name for server in each.servers]
        target = cib.migration_target(tree, name, alert.node) or (places[-1] if places else "")
        return Event(at, Kind.MIGRATE, name, target, f"from {alert.node}", seconds=took)
    return None


def explained(alert: Alert, tree: cib.Tree, state: ClusterState, said: str = "") -> Alert:
    """An operation that failed, with its agent's own words: what it `said`, or what Pacemaker still has of that.

    A first look that finds a domain running which runs on another server, too, has failed.
    """
    if twice := found_twice(alert, tree, state):
        return alert._replace(rc=1, expected_rc=0, description=f"runs on {in_words(twice)} at once")
    if not alert.failed:
        return alert
    kept = [
        failure.reason
        for failure in state.failures
        if (failure.resource, failure.server, failure.task) == (alert.resource, alert.node, alert.task)
    ]
    return alert._replace(description=f"{alert.task}: {said or next(reversed(kept), alert.description)}")


def found_twice(alert: Alert, tree: cib.Tree, state: ClusterState) -> tuple[str, ...]:
    """The servers on which a first look and another one have found a domain, without a migration as the reason.

    Pacemaker calls a domain that was sent and has not arrived yet simply started, on both.
    """
    if alert.kind != "resource" or alert.ok or (alert.task, alert.rc) != ("monitor", 0):
        return ()
    if cib.was_sent_since(tree, alert.resource, alert.at):
        return ()
    for each in state.resources:
        if each.id == alert.resource and each.is_twice and not each.blocked:
            return each.servers
    return ()
