"""Pacemaker's fencer: who could fence a server, what was fenced, and what it shall fence or take for off."""

from __future__ import annotations

from lxml import etree

from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import command
from snow_ha_plugin.system.crm_mon import epoch_s


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
                Event(epoch_s(each.get("completed", "")), Kind.FENCING, each.get("target", ""), by, text, ok=done)
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
