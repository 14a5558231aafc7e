"""What a server's Pacemaker says of the cluster, read from the XML of its own programs. Pure: text in, values out.

The programs are Debian's, of Pacemaker 2.1.5 to 3.0; what is in no output is empty here.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass

# Rules that somebody has put in for the time of one move: snow-ha's own, and crm_resource's.
MOVING = "snow-ha--move"
BY_HAND = "cli-"


@dataclass(frozen=True)
class View:
    """The cluster as crm_mon shows it on one server.

    online: members that are neither pending nor unclean. places: the server of each resource that runs and is
    well, "" for one that does not, or is not. fencing: whether any is under way. dc: whether anybody decides.
    """

    online: frozenset[str]
    places: Mapping[str, str]
    fencing: bool
    dc: bool


def view(crm_mon: str) -> View:
    """Read `crm_mon --one-shot --output-as=xml`. ValueError for what is no such output."""
    tree = _parse(crm_mon)
    dc = tree.find("summary/current_dc")
    return View(
        online=frozenset(node.get("name", "") for node in tree.iterfind("nodes/node") if _is_well(node)),
        places={resource.get("id", ""): _place(resource) for resource in tree.iterfind(".//resource")},
        fencing=any(event.get("status") == "pending" for event in tree.iter("fence_event")),
        dc=dc is not None and dc.get("present") == "true",
    )


def _is_well(node: ET.Element) -> bool:
    return node.get("online") == "true" and node.get("pending") != "true" and node.get("unclean") != "true"


def _place(resource: ET.Element) -> str:
    bad = any(resource.get(flag) == "true" for flag in ("failed", "blocked", "orphaned"))
    names = [node.get("name", "") for node in resource.iterfind("node")]
    is_well = resource.get("role") == "Started" and resource.get("managed") == "true" and not bad
    return names[0] if is_well and len(names) == 1 else ""


def leftovers(cib: str) -> list[str]:
    """The ids of what a move has left behind in `cibadmin --query`'s output."""
    found = [element.get("id", "") for element in _parse(cib).iterfind("configuration//*[@id]")]
    return sorted(each for each in found if MOVING in each or each.startswith(BY_HAND))


def fenced(history: str) -> frozenset[tuple[str, ...]]:
    """What has been fenced, from `stonith_admin --history '*' --output-as=xml`: server, action, and when it ended.

    One that failed, or is under way, has reset nobody yet.
    """
    return frozenset(
        tuple(event.get(key, "") for key in ("target", "action", "completed"))
        for event in _parse(history).iter("fence_event")
        if event.get("status") == "success" and event.get("action") in ("reboot", "off")
    )


def _parse(text: str) -> ET.Element:
    try:
        return ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(f"not XML: {text[:80]!r}") from error
