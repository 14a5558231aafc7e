"""Pacemaker's own word on a CIB in a file, by its tools alone: what the tests hold the verbs to."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

Places = dict[str, tuple[str, ...]]


def run(*argv: object, **env: str) -> bytes:
    ended = subprocess.run([str(word) for word in argv], capture_output=True, env={**os.environ, **env}, check=False)
    if ended.returncode:
        raise RuntimeError(f"{argv}: {ended.returncode}: {ended.stderr.decode()[-300:]}")
    return ended.stdout


def is_valid(path: Path) -> bool:
    return subprocess.run(["crm_verify", "-x", str(path)], capture_output=True, check=False).returncode == 0


def places(path: Path, agent: str = "") -> Places:
    """Where resources run, of all or of an agent."""
    tree = etree.fromstring(run("crm_mon", "-1", "--inactive", "--output-as=xml", CIB_file=str(path)))
    found: Places = {}
    for resource in tree.iterfind("resources//resource"):
        if resource.get("resource_agent", "").endswith(agent):
            here = (node.get("name") for node in resource.iterfind("node"))
            found[resource.get("id")] = tuple(sorted((*found.get(resource.get("id"), ()), *here)))
    return found


def online(path: Path, *, joining: bool = False) -> list[str]:
    """The servers that are there, of which Pacemaker has not let in all yet, or only those."""
    tree = etree.fromstring(run("crm_mon", "-1", "--inactive", "--output-as=xml", CIB_file=str(path)))
    return [
        node.get("name")
        for node in tree.iterfind("nodes/node")
        if node.get("online") == "true"
        and node.get("type") == "member"
        and (node.get("pending") == "true" or not joining)
    ]


@dataclass(frozen=True)
class Outcome:
    """The actions of a transition as task and resource, those that it only would like to do, and the CIB after it."""

    actions: frozenset[tuple[str, str]]
    blocked: frozenset[tuple[str, str]]
    path: Path

    @property
    def places(self) -> Places:
        return places(self.path)


def outcome(path: Path, *inject: str) -> Outcome:
    directory = Path(tempfile.mkdtemp(dir=path.parent))
    start, end = directory / "in.xml", directory / "out.xml"
    run("crm_simulate", "-x", path, "-Q", f"--save-input={start}", *(inject or ("--quorum", "1")))
    tree = etree.parse(str(start))
    # What the scheduler makes of a guest node is saved with the rest, and would be a resource of its own.
    for made in tree.xpath("//primitive[meta_attributes/nvpair[@name='internal_rsc' and @value='true']]"):
        made.getparent().remove(made)
    tree.write(str(start))
    found = etree.fromstring(run("crm_simulate", "-x", start, "-S", "-O", end, "--output-as=xml"))
    actions: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for action in found.iter("rsc_action"):
        if action.get("action"):
            actions[action.get("blocked") == "true"].add((action.get("action").lower(), action.get("resource")))
    return Outcome(frozenset(actions[False]), frozenset(actions[True]), end)


def sizes(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Memory of servers and of domains; the clusters of chance have plain sets alone."""
    configuration = etree.parse(str(path)).getroot().find("configuration")

    def size(element: etree._Element) -> int:
        text = element.xpath("string(utilization/nvpair[@name='hv_memory']/@value)")
        return int(text) if text.isdecimal() else 0

    nodes = [node for node in configuration.iterfind("nodes/node") if node.get("type") != "remote"]
    return (
        {node.get("uname"): size(node) for node in nodes},
        {found.get("id"): size(found) for found in configuration.iter("primitive")},
    )


def overfull(path: Path) -> list[str]:
    """The servers with more in use than they have."""
    room, needs = sizes(path)
    now = places(path, ":Xen")
    return [name for name in room if sum(needs[domain] for domain, at in now.items() if name in at) > room[name]]


def losses(path: Path) -> dict[str, set[str]]:
    """By server: the domains that run now and would not, or would not fit, if it failed."""
    now = {name: at for name, at in places(path, ":Xen").items() if at}
    room, needs = sizes(path)
    members, up = list(room), online(path)
    cost = {}
    for server in up:
        quorum = len(members) == 2 or 2 * (len(up) - 1) > len(members)
        found = outcome(path, "--node-down", server, "--quorum", "1" if quorum else "0")
        then = found.places
        # What is stopped is stopped, although crm_simulate leaves a start on record that was under way.
        stopped = {name for name in now if {task for task, resource in found.actions if resource == name} == {"stop"}}
        # Nor is what an unseen server has left on record known to run; without any server no guest node is seen.
        seen = set(online(found.path))
        unseen = {*members, server} - seen
        lost = stopped | {name for name in now if not seen or not set(then.get(name, ())) - unseen}
        # What only waits for a look at a server that is joining starts after it.
        if online(found.path, joining=True):
            lost -= {name for name in lost if ("start", name) in found.blocked}
        for other in up:
            here = [name for name in now if other in then.get(name, ())]
            if room.get(other) and sum(needs.get(name, 0) for name in here) > room[other]:
                lost |= {name for name in here if other not in now[name]}
        cost[server] = lost
    return cost
