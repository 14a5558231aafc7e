"""A configuration of before, put back as one change; what runs is not disturbed by it.

That is Pacemaker's configuration alone: no file of a server changes, and neither do domain files.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.configure import ran_twice
from snow_ha_plugin.core.reports import difference
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import DataError, NoInputError, NoSuchObjectError, TryAgainError
from snow_ha_plugin.model import Action, Change
from snow_ha_plugin.operations.registration import forget
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.operations.transaction import Tell, let_go, undisturbed, whereabouts
from snow_ha_plugin.system import configurations
from snow_ha_plugin.system.cluster import Cluster
from snow_ha_plugin.system.configurations import Kept
from snow_ha_plugin.system.servers import Servers

log = logging.getLogger(__name__)

IDLE_WITHIN_S = 120

# What Pacemaker writes there itself, of the cluster as it is.
_ITS_OWN = ("have-watchdog", "dc-version", "cluster-infrastructure", "cluster-name")


class Plan(NamedTuple):
    """What would change, and what Pacemaker would then do."""

    changes: Sequence[Change] = ()
    actions: Sequence[Action] = ()


def choose(cluster: Cluster, version: str | None) -> Kept | None:
    """The configuration of that version, as `history` has it or without its first number; by default the latest that
    says another thing than today's."""
    there = configurations.listed()
    if version is None:
        now = cluster.read()
        return next((kept for kept in there if _says_another_thing(kept, now)), None)
    for kept in there:
        if version in (kept.version, kept.version.partition(".")[2]):
            return kept
    names = in_words([kept.version for kept in there]) or "none"
    raise NoSuchObjectError(f"there is no configuration {version}", f"there is {names}", "see snow ha history")


def _says_another_thing(kept: Kept, now: cib.Tree) -> bool:
    try:
        return bool(difference.changes(now, _again(kept, now)))
    except (DataError, NoInputError) as error:
        log.debug("passed over: %s", error)
        return False


def plan(cluster: Cluster, kept: Kept, servers: Servers | None, tell: Tell) -> Plan:
    """UnsafeError where a domain that runs would be disturbed."""
    changes = put_back(cluster, kept, servers, tell, dry_run=True)
    if not changes:
        return Plan()
    now = cluster.read()
    then = _again(kept, now)
    new = cib.domains(then).keys() - cib.domains(now).keys()
    probes.assume(then, whereabouts(servers)(then, set(new)) if servers else {})
    before, after = Outlook(now).now.actions, Outlook(then).now.actions
    return Plan(changes, [action for action in after if action not in before])


def put_back(
    cluster: Cluster,
    kept: Kept,
    servers: Servers | None,
    tell: Tell,
    *,
    dry_run: bool = False,
    expected: Sequence[Change] | None = None,
) -> list[Change]:
    """`servers` is None for a CIB in a file. TryAgainError where the changes are not those that are `expected`."""

    def edit(tree: cib.Tree) -> list[Change]:
        then = _again(kept, tree)
        changes = difference.changes(tree, then)
        if expected is not None and changes != list(expected):
            raise TryAgainError("the cluster has changed meanwhile", "nothing was changed", "run the command again")
        if servers:
            _require_files(tree, then)
        if changes:
            tree.replace(cib.part(tree, "configuration"), cib.part(then, "configuration"))
        return changes

    released = [change.target for change in edit(cluster.read()) if change.action == "release"]
    if released and not dry_run:
        # What Pacemaker last saw of them may be long ago.
        forget(cluster, released)
        cluster.wait_idle(IDLE_WITHIN_S)
    judge = undisturbed(locate=whereabouts(servers) if servers else None, tell=tell)
    changes = let_go(cluster, edit, judge, dry_run=dry_run)
    gone = [change.target for change in changes if change.action == "unregister"]
    if gone and not dry_run:
        forget(cluster, gone)
    return changes


def _again(kept: Kept, now: cib.Tree) -> cib.Tree:
    """A CIB with the configuration of before. Who is a member, and what Pacemaker says of itself, stay as they are."""
    before = kept.read()
    cib.former_ids.renew(before)
    tree = cib.reconfigured(now, before)
    members = {(node.get("id"), node.get("uname")): node for node in now.iterfind("configuration/nodes/node")}
    nodes = cib.section(tree, "nodes")
    for node in nodes.findall("node"):
        if members.pop((node.get("id"), node.get("uname")), None) is None:
            nodes.remove(node)
    nodes.extend(cib.clone(node) for node in members.values())
    options = cib.options(now)
    for pair in tree.iterfind(f"configuration/crm_config/cluster_property_set[@id='{cib.ADMIN_OPTIONS}']/nvpair"):
        name = pair.get("name", "")
        if name in _ITS_OWN and name in options:
            pair.set("value", options[name])
    ran_twice.carry_over(now, tree)
    return tree


def _require_files(now: cib.Tree, then: cib.Tree) -> None:
    """A domain that was removed since for good would be started in vain."""
    for name, primitive in cib.domains(then).items():
        path = primitive.parameters.get("xmfile", "")
        if name not in cib.domains(now) and path and not Path(path).exists():
            raise NoInputError(
                f"{name} cannot be registered again", f"its domain file {path} is gone",
                f"nothing was changed; deploy it first: snow deploy {name}",
            )  # fmt: skip
