"""What keeps Pacemaker's hands off a domain, or a domain from a server: one cause each, and what ends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import INFINITY
from snow_ha_plugin.core.configure import cluster_options, intent
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.model import ClusterState


class Hindrance(NamedTuple):
    """`is_wider`: more is concerned than this domain, and told of the server or the cluster; `is_held`: by `hold`."""

    why: str
    remedy: str
    is_wider: bool = False
    is_held: bool = False


def hands_off(tree: cib.Tree, state: ClusterState, name: str) -> Hindrance | None:
    """None where Pacemaker looks after it; the widest reason first, since the others change nothing while it holds."""
    if state.maintenance:
        return Hindrance("the cluster is in maintenance mode", cluster_options.ends_maintenance(tree), True)
    resource = next((each for each in state.resources if each.id == name), None)
    if resource is None or resource.managed:
        return None
    for node in state.nodes:
        if node.maintenance and node.name in resource.servers:
            return Hindrance(f"{node.name} is in maintenance", f"crm node ready {node.name}", True)
    if cib.boolean(cib.meta(tree, name, "maintenance", "false")):
        return Hindrance("it is in maintenance", f"crm resource maintenance {name} off")
    if intent.is_held_itself(tree, name):
        return Hindrance("it is held", f"snow ha release {name}", is_held=True)
    return Hindrance("it is not managed", f"see crm_resource --why --resource {name}")


def of(tree: cib.Tree, state: ClusterState, domain: str, target: str, lacking_mib: int = 0) -> Hindrance:
    """`lacking_mib`: by how much the domain is larger than what is free on the target."""
    if off := hands_off(tree, state, domain):
        return off._replace(why=f"Pacemaker keeps its hands off {domain}: {off.why}")
    node = next((node for node in state.nodes if node.name == target), None)
    if node is None or not node.online:
        return Hindrance(f"{target} is not in the cluster", f"snow ha start {target}")
    if node.standby:
        return Hindrance(f"{target} is in standby", f"snow ha undrain {target}")
    if node.maintenance:
        return Hindrance(f"{target} is in maintenance", f"crm node ready {target}")
    if (domain, target) in failed_out(tree):
        return Hindrance(f"{domain} has failed on {target}", f"crm resource cleanup {domain} {target}")
    if ban := next(_bans(tree, domain, target), None):
        clear = f"crm resource clear {domain}" if ban.startswith("cli-") else f"crm configure delete {ban}"
        return Hindrance(f"the rule {ban} keeps {domain} off {target}", f"if it is no longer wanted: {clear}")
    if lacking_mib > 0 and cib.goes_by_sizes(tree):
        return Hindrance(f"{target} lacks {lacking_mib} MiB for {domain}", "snow ha balance, or stop a domain there")
    named = [constraint.id for constraint in cib.constraints(tree) if domain in constraint.resources]
    if named:
        return Hindrance(f"one of the rules that name {domain} is in the way", f"crm configure show {' '.join(named)}")
    return Hindrance("Pacemaker says no more", f"snow ha status {domain}")


def failed_out(tree: cib.Tree) -> dict[tuple[str, str], int | None]:
    """Which resources may not run on which servers, having failed there as often as their migration-threshold allows;
    each with when it did so last (seconds since 1970).

    The failures of all operations count together, and a threshold of 0 is none (measured, 2.1.5 and 3.0.0).
    """
    counts: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], int] = {}
    for each in cib.fail_counts(tree):
        place = each.resource, each.server
        counts[place] += cib.score(each.failures)
        last[place] = max(last.get(place, 0), each.last or 0)
    limits = {place: cib.score(cib.meta(tree, place[0], "migration-threshold", "INFINITY")) for place in counts}
    return {place: last[place] or None for place, count in counts.items() if 0 < limits[place] <= count}


def _bans(tree: cib.Tree, domain: str, target: str) -> Iterator[str]:
    for rule in tree.iterfind("configuration/constraints/rsc_location"):
        if rule.get("rsc") == domain and rule.get("node") == target and cib.score(rule.get("score", "")) <= -INFINITY:
            yield rule.get("id", "")


def failure_of(state: ClusterState, domain: str) -> str:
    """What the agent said of the last that failed with a domain."""
    return next((each.reason for each in reversed(state.failures) if each.resource == domain and each.reason), "")


def grouped(reasons: Mapping[str, str]) -> str:
    """`web01 and web02: no memory; nis01: timed out`: each reason once, with the domains that it is of."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason or "no reason was given", []).append(name)
    return "; ".join(f"{in_words(found)}: {reason}" for reason, found in names.items())
