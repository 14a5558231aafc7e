"""What a CIB's status section remembers: who is online, what ran where since when, what failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from snow_ha_plugin.core.cib.document import Tree
from snow_ha_plugin.core.cib.values import boolean


def is_online(tree: Tree, node: str) -> bool:
    """Whether Pacemaker on that node is a member now: `crmd` is a word, or since 2.1.7 the time of joining."""
    return is_member(tree.xpath("status/node_state[@uname=$node]", node=node))


def is_member(states: list[Tree]) -> bool:
    return any(state.get("crmd", "0") not in ("offline", "0") for state in states)


def transient_standby(tree: Tree, node: str) -> bool:
    """Whether a node is in standby until it is rebooted."""
    path = "status/node_state[@uname=$node]/transient_attributes//nvpair[@name='standby']/@value"
    return any(boolean(value) for value in tree.xpath(path, node=node))


def running_since(tree: Tree) -> dict[tuple[str, str], int]:
    """When each resource came to run on a node (seconds since 1970), by both, as the histories have it."""
    found: dict[tuple[str, str], int] = {}
    for place, operation in _well_done(tree, "start", "migrate_from", "monitor"):
        if when := int(operation.get("last-rc-change", "0")):
            found[place] = max(when, found.get(place, when))
    return found


def arrivals(tree: Tree) -> set[tuple[str, str]]:
    """The resources and nodes whose history knows how the one came to the other; once a failure was cleaned up it has
    only a look."""
    return {place for place, _ in _well_done(tree, "start", "migrate_from")}


def _well_done(tree: Tree, *names: str) -> Iterator[tuple[tuple[str, str], Tree]]:
    """The operations of these names that have succeeded, with resource and node; one search for each of many domains
    would take long."""
    for state in tree.iterfind("status/node_state"):
        node = state.get("uname", "")
        for history in state.iterfind("lrm/lrm_resources/lrm_resource"):
            for operation in history.iterchildren("lrm_rsc_op"):
                if operation.get("operation") in names and operation.get("rc-code") == "0":
                    yield (history.get("id", ""), node), operation


def is_calm(tree: Tree) -> bool:
    """Whether each operation that the histories have has ended as Pacemaker wanted it to; a probe may find what it
    finds. Of other cases no more is said than that one has to look closer."""
    return all(
        _is_as_wanted(operation)
        for operation in tree.iterfind("status/node_state/lrm/lrm_resources/lrm_resource/lrm_rsc_op")
    )


def _is_as_wanted(operation: Tree) -> bool:
    """`transition-key` is ACTION:TRANSITION:WANTED:UUID."""
    is_probe = operation.get("operation") == "monitor" and operation.get("interval") == "0"
    ended = (operation.get("op-status"), operation.get("rc-code"))
    if is_probe:
        return ended in (("0", "0"), ("0", "7"))
    return ended == ("0", "0") and operation.get("transition-key", "").split(":")[2:3] == ["0"]


class FailCount(NamedTuple):
    """How often a resource has failed on a server, as Pacemaker counts; `last` is in seconds since 1970."""

    server: str
    resource: str
    failures: str
    last: int | None


def fail_counts(tree: Tree) -> list[FailCount]:
    """Of each failure that Pacemaker remembers."""
    found = []
    for state in tree.iterfind("status/node_state"):
        pairs = state.iterfind("transient_attributes/instance_attributes/nvpair")
        values = {pair.get("name", ""): pair.get("value", "") for pair in pairs}
        for name, count in values.items():
            if name.startswith("fail-count-"):
                what = name.removeprefix("fail-count-")
                last = values.get(f"last-failure-{what}", "")
                resource_name = what.partition("#")[0]
                found.append(
                    FailCount(state.get("uname", ""), resource_name, count, int(last) if last.isdecimal() else None)
                )
    return found


def failed_migrations(tree: Tree, resource_id: str) -> frozenset[tuple[str, str]]:
    """Which migrations of a resource have failed, as the history remembers them: node and number of the call."""
    path = "status/node_state//lrm_resource[@id=$id]/lrm_rsc_op[starts-with(@operation, 'migrate_') and @rc-code!='0']"
    return frozenset(
        (operation.get("on_node", ""), operation.get("call-id", ""))
        for operation in tree.xpath(path, id=resource_id)
        # Of one that is under way there is no result yet.
        if operation.get("op-status") != "-1"
    )


def took_ms(tree: Tree, resource_id: str, operation: str, node: str) -> int:
    """How long the last operation of that kind has taken on a node; 0 where that is not known."""
    path = "status/node_state[@uname=$node]//lrm_resource[@id=$id]/lrm_rsc_op[@operation=$operation]"
    times = [each.get("exec-time", "0") for each in tree.xpath(path, id=resource_id, operation=operation, node=node)]
    return max((int(time) for time in times if time.isdecimal()), default=0)


def was_started(tree: Tree, resource_id: str, node: str) -> bool:
    """Whether a node's history has a start of the resource; it has none of one that was found running."""
    path = "status/node_state[@uname=$node]//lrm_resource[@id=$id]/lrm_rsc_op[@operation='start' and @rc-code='0']"
    return bool(tree.xpath(path, id=resource_id, node=node))


def is_degraded(tree: Tree, resource_id: str, node: str) -> bool:
    """Whether the last look at a resource found it so (OCF 1.1: 190).

    Pacemaker notes that beside the look that had found all well, and keeps the note; once all is well again that look
    has the later time (measured, 2.1.5).
    """
    times: dict[bool, int] = {}
    path = "status/node_state[@uname=$node]//lrm_resource[@id=$id]/lrm_rsc_op[@operation='monitor']"
    for operation in tree.xpath(path, node=node, id=resource_id):
        degraded = operation.get("rc-code") == "190"
        times[degraded] = max(times.get(degraded, 0), int(operation.get("last-rc-change", "0")))
    return True in times and times[True] >= times.get(False, 0)


def is_shutting_down(tree: Tree, node: str) -> bool:
    """Whether a node has asked to leave."""
    return shutting_down_since(tree, node) > 0


def shutting_down_since(tree: Tree, node: str) -> int:
    """When a node has asked to leave, in seconds since 1970; 0 if it has not."""
    path = "status/node_state[@uname=$node]/transient_attributes//nvpair[@name='shutdown']/@value"
    return max((int(value) for value in tree.xpath(path, node=node) if value.isdigit()), default=0)


def migration_target(tree: Tree, resource_id: str, node: str) -> str:
    """Where a node has just sent a resource; empty once its history has something later."""
    path = "status/node_state[@uname=$node]//lrm_resource[@id=$id]/lrm_rsc_op[@operation='migrate_to']/@migrate_target"
    return str(next(iter(tree.xpath(path, node=node, id=resource_id)), ""))


def was_sent_since(tree: Tree, resource_id: str, when: float) -> bool:
    """Whether a migration of a resource has begun since then (seconds since 1970), as the histories have it."""
    path = "status/node_state//lrm_resource[@id=$id]/lrm_rsc_op[@operation='migrate_to']/@last-rc-change"
    return any(int(began) >= int(when) for began in tree.xpath(path, id=resource_id))


def started_since(tree: Tree, when: float) -> dict[str, str]:
    """The node that each resource was started on since then (seconds since 1970), as the histories have it."""
    starts = tree.xpath("status/node_state//lrm_rsc_op[@operation='start' and @rc-code='0']")
    return {
        next(start.iterancestors("lrm_resource")).get("id"): next(start.iterancestors("node_state")).get("uname")
        for start in starts
        if int(start.get("last-rc-change", "0")) >= int(when)
    }


def was_told_to_leave(tree: Tree, node: str) -> bool:
    """Whether a node that is gone has left in order, or been fenced: Pacemaker expects it to be down."""
    return bool(tree.xpath("status/node_state[@uname=$node and @expected='down']", node=node))
