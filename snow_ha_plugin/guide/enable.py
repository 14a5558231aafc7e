"""`enable`: the guide forwards.

It looks before it changes anything; then each section on the servers in the guide's order, all of the CIB in one
commit, and last the hook in `snow`. It can be killed anywhere and run again.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance, kept
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.configure.fencing import NONE
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import (
    AFTERWARDS,
    CONFIGURATION_STEPS,
    SERVER_STEPS,
    domains,
    fencing,
    rules,
    sizes,
    start,
    xen,
)
from snow_ha_plugin.guide.run import Run, Screen, errors
from snow_ha_plugin.model import Change, Severity
from snow_ha_plugin.operations import agent_replacement, retry
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import change, undisturbed, unsaid, whereabouts
from snow_ha_plugin.system import lock, pacemaker, sbd
from snow_ha_plugin.system import xen as hypervisor

# Domains that do not run yet are started side by side; each has its own timeout, this is beyond all of them.
SETTLED_WITHIN_S = 600

# Who goes without is reminded of it.
WITHOUT_FENCING_S = 30 * 86400

# The step in which nothing is changed yet.
LOOKING = "Looking at the site"

# In one line.
MOST_NAMES = 8


def enable(site: Site, screen: Screen, *, replace_agents: bool, dry_run: bool) -> tuple[Run, list[Change]]:
    """Carry the guide out on all servers; the run, and what changed in the CIB."""
    with nullcontext() if dry_run else lock.held(site.servers, "enable"):
        return _enable(site, screen, replace_agents=replace_agents, dry_run=dry_run)


def _enable(site: Site, screen: Screen, *, replace_agents: bool, dry_run: bool) -> tuple[Run, list[Change]]:
    with screen.progress(LOOKING):
        site, tree = _begin(site)
        run = Run(fencing.decide_by(_as_accepted(site, tree), tree), screen, dry_run=dry_run)
        run.look((*SERVER_STEPS, *AFTERWARDS))
        run.refuse_blocked(section for section in SERVER_STEPS if section.apply is None)
        # Before any edit, which may be tried several times and must not ask servers.
        run.site = xen.looked_at(run.site)
        is_complete = _is_complete(run, tree)
        if not is_complete:
            _rehearse(run)
        coming = domains.newcomers(run.site, tree)
    if coming.running:
        screen.info(f"taken over as they run: {in_words(coming.running, MOST_NAMES)}")
    if coming.idle:
        screen.info(f"to be started: {in_words(coming.idle, MOST_NAMES)}")
    screen.info(f"fencing: {run.site.fencing}; {run.site.why}")
    if run.site.qdevice:
        screen.info(f"third vote: {run.site.qdevice}")
    for section in SERVER_STEPS:
        run.mend(section)
    changes = [] if is_complete else _change_configuration(run)
    if replace_agents:
        changes += _replace_agents(run)
    for section in AFTERWARDS:
        run.mend(section)
    return run, changes


def _begin(site: Site) -> tuple[Site, cib.Tree | None]:
    """As `fencing.begin`; while the others are reached, this server tells what sections will ask, and is remembered."""
    servers = site.servers
    with ThreadPoolExecutor(2) as meanwhile:
        meanwhile.submit(hypervisor.look, servers, servers.here)
        meanwhile.submit(sbd.look, servers, servers.here, fencing.file_of(site))
        return fencing.begin(site)


def _is_complete(run: Run, tree: cib.Tree | None) -> bool:
    """Whether all was done before, by one look at everything: what would do it then need not look once more."""
    if tree is None or any(errors(run.found(section)) for section in (*SERVER_STEPS, *AFTERWARDS)):
        return False
    if any(missing(cib.clone(tree)) for missing in (partial(edit, run.site), kept.put_back, sizes.edit)):
        return False
    return not retry.failed(tree, start.state(run.site)) and not run.site.cluster.had_former_ids


def _change_configuration(run: Run) -> list[Change]:
    run.try_fencing()
    changes = _configure(run) + _renew_ids(run)
    if not run.dry_run:
        changes += _try_again(run)
        changes += _put_rules_back(run)
    return changes + _go_by_sizes(run, changes)


def _as_accepted(site: Site, tree: cib.Tree | None) -> Site:
    """Without fencing, where that is accepted and nobody says otherwise now."""
    is_said = site.fencing or site.conf.fencing
    if not is_said and tree is not None and acceptance.is_accepted(tree, acceptance.NO_FENCING, time.time()):
        return replace(site, fencing=NONE)
    return site


def edit(site: Site, tree: cib.Tree) -> list[Change]:
    """All that belongs into the CIB; who goes without fencing has accepted that for a time."""
    changes = [done for section in CONFIGURATION_STEPS for done in section.edit(site, tree)]
    if site.fencing != NONE:
        return changes + acceptance.end(tree, acceptance.NO_FENCING)
    now = int(time.time())
    if acceptance.is_accepted(tree, acceptance.NO_FENCING, now):
        return changes
    given = Acceptance(acceptance.NO_FENCING, "", Severity.ERROR, now, now + WITHOUT_FENCING_S, "--without-fencing")
    return changes + acceptance.accept(tree, [given])


def _rehearse(run: Run) -> None:
    """Where the whole cluster runs already, let what its CIB would refuse be refused before anything is changed."""
    if not run.found(start.STEP):
        judge = undisturbed(locate=whereabouts(run.site.servers), tell=unsaid)
        change(run.site.cluster, partial(edit, run.site), judge, dry_run=True)


def _configure(run: Run) -> list[Change]:
    """All that belongs into the CIB, as one commit; then wait until Pacemaker has done it."""
    site, planned = run.site, partial(edit, run.site)
    if run.dry_run and not _is_there(site):
        return planned(cib.empty())
    judge = undisturbed(locate=whereabouts(site.servers), tell=run.screen.warning)
    changes = change(site.cluster, planned, judge, dry_run=run.dry_run)
    # A run that was killed while Pacemaker was at work got no further than that; to ask an idle one takes 2 s.
    unfinished = changes or any(run.found(section) for section in AFTERWARDS)
    if unfinished and not run.dry_run:
        with run.screen.progress("Pacemaker takes over the domains"):
            pacemaker.wait_idle(SETTLED_WITHIN_S)
        run.screen.changes(changes)
    return changes


def _renew_ids(run: Run) -> list[Change]:
    """What a former version has written, now that all servers have this one (guide.packages)."""
    if (run.dry_run and not _is_there(run.site)) or not run.site.cluster.renew_ids(dry_run=run.dry_run):
        return []
    changes = [Change("ids", "configuration", "bring the ids of what is ours up to this version")]
    if not run.dry_run:
        run.screen.changes(changes)
    return changes


def _is_there(site: Site) -> bool:
    """Whether the cluster of these servers runs; Debian's own of one, which `enable` puts away, is another."""
    try:
        tree = site.cluster.read()
    except UnavailableError:
        return False
    return bool({node.name for node in cib.nodes(tree)} & set(site.servers.names))


def _try_again(run: Run) -> list[Change]:
    """What has failed before this run, such as a start on a server without its image, is tried once more."""
    tree = run.site.cluster.read()
    failed = retry.failed(tree, run.site.cluster.state(tree))
    if not failed:
        return []
    with run.screen.progress("Trying again what had failed"):
        changes = retry.again(failed)
        pacemaker.wait_idle(SETTLED_WITHIN_S)
    run.screen.changes(changes)
    return changes


def _put_rules_back(run: Run) -> list[Change]:
    changes = rules.put_back(run.site.cluster, run.screen.warning)
    run.screen.changes(changes)
    return changes


def _go_by_sizes(run: Run, before: list[Change]) -> list[Change]:
    """Once the domains run: of a cluster that is only planned, what would be tried is told."""
    if run.dry_run and before:
        return [Change("option", "placement-strategy", "put sizes in force, where everything that runs fits by them")]
    changes = sizes.put_in_force(run.site.cluster, dry_run=run.dry_run)
    if not run.dry_run:
        run.screen.changes(changes)
    return changes


def _replace_agents(run: Run) -> list[Change]:
    cluster, servers = run.site.cluster, run.site.servers
    if run.dry_run:
        return agent_replacement.replace(cluster, servers, dry_run=True)
    with run.screen.progress("Domains to ocf:snow:Xen"):
        return agent_replacement.replace(cluster, servers, dry_run=False)
