"""What there is to see of a cluster: its configuration, its state, and what the scheduler says of them, joined."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance
from snow_ha_plugin.core.reports import dating, findings, health
from snow_ha_plugin.core.reports.events import Event
from snow_ha_plugin.core.reports.health import Standing
from snow_ha_plugin.core.reports.overview import DomainView, Overview, migrating, overview
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import SnowHaError, TimedOutError
from snow_ha_plugin.model import ClusterState, Domain, Finding, Severity
from snow_ha_plugin.operations.image_migration import running
from snow_ha_plugin.operations.looking_back import past
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.operations.survey import as_it_stands
from snow_ha_plugin.system import record, snowtools, storage
from snow_ha_plugin.system.cluster import Cluster


def outlook(cluster: Cluster, domains_dir: Path | None) -> Outlook:
    """The cluster as the scheduler is asked about it, once for the verdict and for what is told of one domain."""
    tree = cluster.read()
    directory = domains_dir or snowtools.layout().domains_dir
    sizes = [name for name, primitive in cib.domains(tree).items() if "hv_memory" not in primitive.utilization]
    read: list[Domain] = []
    with suppress(TimedOutError):
        read, _ = storage.within(lambda: snowtools.read_domains(directory, sizes))
    return Outlook(tree, {domain.name: domain for domain in read})


def look(cluster: Cluster, outlook: Outlook) -> Overview:
    """The cluster as it is at this moment, with all that is to be said of it."""
    tree, files = outlook.tree, outlook.files
    with ThreadPoolExecutor(3) as meanwhile:
        seen, lacks_third_vote = meanwhile.submit(_state, cluster, outlook), meanwhile.submit(cluster.lacks_third_vote)
        storage_loss = meanwhile.submit(cluster.storage_loss)
        stands, starting, odd = _standing(outlook)
    state = seen.result()
    view = overview(tree, state, stands, files, cluster.progress(migrating(state)), starting)
    found = [*view.findings, *odd]
    if lacks_third_vote.result():
        found.append(findings.no_third_vote(record.here()))
    if loss := storage_loss.result():
        found.append(findings.storage_lost(record.here(), loss))
    with suppress(OSError, TimedOutError):
        found += storage.within(lambda: running.left_down(cluster.reachable(_stopped(tree))))
    # Of these Pacemaker knows no more than when it has last looked.
    arrivals = cib.arrivals(tree)
    seen_anew = {each.name for each in view.domains if each.server and (each.name, each.server) not in arrivals}
    events: tuple[Event, ...] = ()
    if any(map(dating.is_undated, found)):
        events = past(cluster, 0, with_others=False).events
    elif seen_anew:
        events = cluster.past(0).events
    told = acceptance.sort(dating.dated(found, events), acceptance.acceptances(tree), time.time())
    domains = tuple(_since_it_came(each, events) if each.name in seen_anew else each for each in view.domains)
    return view._replace(domains=domains, findings=told.open, accepted=told.accepted)


def _state(cluster: Cluster, outlook: Outlook) -> ClusterState:
    """The scheduler reads a CIB as crm_mon does and has been asked already; who is the DC, what has failed and whether
    the cluster is in maintenance it does not tell, so where there is anything of that crm_mon is asked as well."""
    tree = outlook.tree
    dc = [node.name for node in cib.nodes(tree) if node.id == tree.get("dc-uuid")]
    is_simple = cib.has_quorum(tree) and not cib.option_is_on(tree, "maintenance-mode", default=False)
    if dc and is_simple and cib.is_calm(tree):
        with suppress(SnowHaError):
            return outlook.now.state._replace(dc=dc[0])
    return cluster.state(tree)


def _since_it_came(domain: DomainView, events: Sequence[Event]) -> DomainView:
    """With the record's time, as far as it tells."""
    return domain._replace(since=dating.arrival(domain.name, domain.server or "", events) or domain.since)


def by_xl(cluster: Cluster) -> str:
    """What runs on this server by xl, which knows it without Pacemaker; nothing where it does not answer."""
    try:
        names = cluster.guests()
    except SnowHaError:
        return ""
    running = in_words([name for name in names if name != "Domain-0"])
    return f"by xl list, {record.here()} runs {running or 'no domain'}" if names else ""


def _stopped(tree: cib.Tree) -> dict[str, str]:
    """The domain files of those that Pacemaker keeps stopped: for no other one /sNow, which may hang, is looked at."""
    roles = cib.metas(tree, "target-role", "")
    return {
        name: primitive.parameters.get("xmfile", "")
        for name, primitive in cib.domains(tree).items()
        if cib.is_stopped(roles[name]) and "xmfile" in primitive.parameters
    }


def _standing(outlook: Outlook) -> tuple[Standing | None, dict[str, str], tuple[Finding, ...]]:
    """How the cluster stands, and which domains are about to be started where; of one that the scheduler or the
    balancer does not take only why."""
    try:
        with ThreadPoolExecutor(1) as meanwhile:
            surveyed = meanwhile.submit(as_it_stands, outlook)
            n_plus_1 = outlook.n_plus_1
        starting = {action.resource: action.node for action in outlook.now.actions if action.task == "start"}
        return health.of(surveyed.result(), n_plus_1), starting, ()
    except SnowHaError as error:
        message = f"the balance is unknown: {error.reason}"
        return None, {}, (Finding(Severity.WARNING, "balance-unknown", message, error.remedy),)
