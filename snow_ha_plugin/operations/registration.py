"""Domains that come and go while the cluster runs: registering, syncing, letting go."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Container, Iterable, Mapping, Sequence

from snow_ha_plugin import watches
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent, live, primitive, watch
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import SnowHaError, UnsafeError
from snow_ha_plugin.model import Change, Domain
from snow_ha_plugin.operations.transaction import Locate, Tell, change, let_go, undisturbed, unsaid, whereabouts
from snow_ha_plugin.system import snowtools, xen
from snow_ha_plugin.system.cluster import Cluster
from snow_ha_plugin.system.servers import Servers

log = logging.getLogger(__name__)

# A line names so many domains.
MOST_NAMES = 8

# Each crm_resource --refresh keeps the controllers busy for a second (they look at the changed crm_config with the
# fencer). pacemakerd asks its six daemons in turn, one a second, and kills one that was busy five times in a row:
# so ended the DC's controller when 64 domains were removed at once (2.1.5). A rest lets it answer in between.
FORGET_WITHOUT_REST_S = 15
FORGET_REST_S = 8


def register(
    cluster: Cluster,
    domains: Sequence[Domain],
    migration_mib_s: int,
    *,
    servers: Servers | None = None,
    stopped: bool = False,
    watched: str = "",
    watch_grace_s: int = watches.GRACE_S,
    dry_run: bool = False,
    tell: Tell = log.warning,
) -> list[Change]:
    """Register domains in one commit; `servers` is None for a CIB in a file, which no running domain depends on.

    `tell` is given what a server's failure would cost then and does not today.

    `stopped` keeps Pacemaker from starting those that do not run. `watched` is what is asked of the guests from then
    on; empty leaves it as it is.
    """
    locate = whereabouts(servers) if servers else None
    # Once each, also where a commit has to be tried again.
    read = functools.cache(snowtools.domain_file)
    running: set[str] = set()
    if stopped and locate:
        places = locate(cluster.read(), {domain.name for domain in domains})
        running = {name for name, server in places.items() if server}
        locate = _as_found(places)
    domains, migrates = as_they_run(servers, domains)

    def edit(tree: cib.Tree) -> list[Change]:
        claims = primitive.Claims(tree, read)
        taken_in = intent.take_in(tree, [domain.name for domain in domains])
        changes = [
            primitive.register(
                tree,
                domain,
                migration_mib_s,
                claims,
                stopped=stopped and domain.name not in running,
                pv_migrates=migrates,
            )
            for domain in domains
        ]
        found = [change for change in changes if change]
        found += watch.put(tree, domains, watched, watch_grace_s) if watched else []
        return found or taken_in

    # What does not start costs nobody anything.
    return change(cluster, edit, undisturbed(locate=locate, tell=unsaid if stopped else tell), dry_run=dry_run)


def _as_found(places: Mapping[str, str | None]) -> Locate:
    """What was found already, for a decision that would look again."""
    return lambda tree, names: {name: places[name] for name in names}


def as_they_run(servers: Servers | None, domains: Sequence[Domain]) -> tuple[Sequence[Domain], bool | None]:
    """Domains as they are now, where they run, and whether para-virtualised ones can migrate, as far as servers say."""
    if servers is None or not domains:
        return domains, None
    answers = servers.outcomes(lambda name: xen.look(servers, name)).values()
    found = [answer for answer in answers if not isinstance(answer, SnowHaError)]
    unknown = [None] * (len(answers) - len(found))
    return live.as_they_run(domains, found), live.pv_migrates([*(each.migrates_pv for each in found), *unknown])


def unregister(
    cluster: Cluster, names: Iterable[str], *, dry_run: bool = False, on_purpose: bool = False
) -> list[Change]:
    """Take domains out in one commit; those that run go on running, and nothing of them stays in the CIB.

    Where it was somebody's purpose, that alone is remembered there: nothing registers them again by itself.
    """
    wanted = list(dict.fromkeys(names))

    def edit(tree: cib.Tree) -> list[Change]:
        out_already = intent.left_out(tree) if on_purpose else ()
        changes = [primitive.unregister(tree, name) for name in wanted if name not in out_already]
        if on_purpose:
            intent.leave_out(tree, wanted)
        return changes

    changes = let_go(cluster, edit, undisturbed(tell=unsaid), dry_run=dry_run)
    if changes and not dry_run:
        forget(cluster, wanted)
    return changes


def sync(
    cluster: Cluster, domains: Sequence[Domain], migration_mib_s: int, *, servers: Servers | None, dry_run: bool,
    tell: Tell = log.warning, expected: Container[str] = (),
) -> list[Change]:  # fmt: skip
    """Make the CIB's domains those of the domain files, in one commit.

    UnsafeError where files are missing that should be there: of all domains, or of one that is `expected`, which the
    host still knows. A directory that is not mounted must not let go of a site.
    """
    orphans: list[str] = []
    read = functools.cache(snowtools.domain_file)
    domains, migrates = as_they_run(servers, domains)

    def edit(tree: cib.Tree) -> list[Change]:
        out = intent.left_out(tree)
        known = [domain for domain in domains if domain.name not in out or cib.domain(tree, domain.name)]
        changes = primitive.sync(tree, known, migration_mib_s, read, migrates)
        orphans[:] = [change.target for change in changes if change.action == "unregister"]
        missing = [name for name in orphans if not domains or name in expected]
        if missing:
            raise UnsafeError(
                f"the domain files of {in_words(missing, MOST_NAMES)} are missing",
                "nothing was changed",
                "see that their directory is mounted; a domain that is meant to go: snow ha remove DOMAIN",
            )
        return changes

    locate = whereabouts(servers) if servers else None
    changes = let_go(cluster, edit, undisturbed(locate=locate, tell=tell), dry_run=dry_run)
    if orphans and not dry_run:
        forget(cluster, orphans)
    return changes


def forget(cluster: Cluster, names: Iterable[str]) -> None:
    """Clear the history of resources that are no longer configured: crm_mon would list them as orphans for ever."""
    rest_at = time.monotonic() + FORGET_WITHOUT_REST_S
    for name in names:
        if time.monotonic() > rest_at:
            time.sleep(FORGET_REST_S)
            rest_at = time.monotonic() + FORGET_WITHOUT_REST_S
        cluster.forget(name)
