"""Domains that come and go while the cluster runs: registering, syncing, letting go, and the host's events."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Container, Iterable, Mapping, Sequence

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import ConfigurationError, SnowHaError, UnsafeError
from snow_ha_plugin.model import Change, Domain
from snow_ha_plugin.operations import cluster, images
from snow_ha_plugin.operations.transaction import Locate, Tell, change, let_go, undisturbed, unsaid, whereabouts
from snow_ha_plugin.system import command, pacemaker, snowtools
from snow_ha_plugin.system.pacemaker import LiveCib, Store
from snow_ha_plugin.system.servers import Servers

log = logging.getLogger(__name__)

# A line names so many domains.
MOST_NAMES = 8

# Pacemaker's stop has its own timeout, which ends in fencing or in a blocked resource; this is beyond it.
STOPPED_WITHIN_S = 300
POLL_S = 0.5

# Each crm_resource --refresh keeps the controllers busy for a second (they look at the changed crm_config with the
# fencer). pacemakerd asks its six daemons in turn, one a second, and kills one that was busy five times in a row:
# so ended the DC's controller when 64 domains were removed at once (2.1.5). A rest lets it answer in between.
FORGET_WITHOUT_REST_S = 15
FORGET_REST_S = 8
# crm_resource itself gives up after 60 s without a reply, and says why.
FORGOTTEN_WITHIN_S = 90


def register(
    store: Store,
    domains: Sequence[Domain],
    migration_mib_s: int,
    *,
    servers: Servers | None = None,
    stopped: bool = False,
    dry_run: bool = False,
    tell: Tell = log.warning,
) -> list[Change]:
    """Register domains in one commit; `servers` is None for a CIB in a file, which no running domain depends on.

    `tell` is given what a server's failure would cost then and does not today.

    `stopped` keeps Pacemaker from starting those that do not run.
    """
    locate = whereabouts(servers) if servers else None
    # Once each, also where a commit has to be tried again.
    read = functools.cache(snowtools.domain_file)
    running: set[str] = set()
    if stopped and locate:
        places = locate(store.read(), {domain.name for domain in domains})
        running = {name for name, server in places.items() if server}
        locate = _as_found(places)

    def edit(tree: cib.Tree) -> list[Change]:
        claims = primitive.Claims(tree, read)
        changes = [
            primitive.register(tree, domain, migration_mib_s, claims, stopped=stopped and domain.name not in running)
            for domain in domains
        ]
        return [change for change in changes if change]

    # What does not start costs nobody anything.
    return change(store, edit, undisturbed(locate=locate, tell=unsaid if stopped else tell), dry_run=dry_run)


def _as_found(places: Mapping[str, str | None]) -> Locate:
    """What was found already, for a decision that would look again."""
    return lambda tree, names: {name: places[name] for name in names}


def unregister(store: Store, names: Iterable[str], *, dry_run: bool = False) -> list[Change]:
    """Take domains out in one commit; those that run go on running, and nothing of them stays in the CIB."""
    wanted = list(dict.fromkeys(names))
    edit = lambda tree: [primitive.unregister(tree, name) for name in wanted]  # noqa: E731
    changes = let_go(store, edit, undisturbed(tell=unsaid), dry_run=dry_run)
    if changes and store.live and not dry_run:
        forget(wanted)
    return changes


def sync(
    store: Store, domains: Sequence[Domain], migration_mib_s: int, *, servers: Servers | None, dry_run: bool,
    tell: Tell = log.warning, expected: Container[str] = (),
) -> list[Change]:  # fmt: skip
    """Make the CIB's domains those of the domain files, in one commit.

    UnsafeError where files are missing that should be there: of all domains, or of one that is `expected`, which the
    host still knows. A directory that is not mounted must not let go of a site.
    """
    orphans: list[str] = []
    read = functools.cache(snowtools.domain_file)

    def edit(tree: cib.Tree) -> list[Change]:
        changes = primitive.sync(tree, domains, migration_mib_s, read)
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
    changes = let_go(store, edit, undisturbed(locate=locate, tell=tell), dry_run=dry_run)
    if orphans and store.live and not dry_run:
        forget(orphans)
    return changes


def forget(names: Iterable[str]) -> None:
    """Clear the history of resources that are no longer configured: crm_mon would list them as orphans for ever."""
    rest_at = time.monotonic() + FORGET_WITHOUT_REST_S
    for name in names:
        if time.monotonic() > rest_at:
            time.sleep(FORGET_REST_S)
            rest_at = time.monotonic() + FORGET_WITHOUT_REST_S
        argv = ["crm_resource", "--refresh", "--resource", name, "--force"]
        result = command.run(argv, timeout_s=FORGOTTEN_WITHIN_S)
        # Nothing is remembered of a domain that goes before Pacemaker has looked at it.
        if result.exit_code not in (0, pacemaker.NO_SUCH_OBJECT):
            raise ConfigurationError(f"Pacemaker still remembers {name}", result.reason, " ".join(argv))


# --- the host's events


def created(name: str) -> None:
    """Register a domain that the host has just made, so that `snow boot` can start it and nothing else does."""
    here = cluster.load()
    domain = snowtools.read_domain(here.layout.domains_dir, name)
    images.refuse_unshared(here.servers, [domain])
    register(here.store, [domain], here.conf.migration_mib_s, servers=here.servers, stopped=True)


def booting(name: str) -> None:
    """Register a domain that the host wants to start through Pacemaker and that nobody has registered yet."""
    store = LiveCib()
    if name not in cib.domains(store.read()):
        here = cluster.load()
        domain = snowtools.read_domain(here.layout.domains_dir, name)
        images.refuse_unshared(here.servers, [domain])
        register(store, [domain], here.conf.migration_mib_s, servers=here.servers)


def end(name: str) -> None:
    """Stop a domain wherever it runs and unregister it: the host's `xl destroy` only reaches its own server.

    UnsafeError where that is not known to have worked: the image would be deleted under a running domain, or
    Pacemaker would start a half-written one.
    """
    try:
        _stop_and_unregister(LiveCib(), name)
    except SnowHaError as error:
        raise UnsafeError(
            f"{name} cannot be taken out of Pacemaker's hands",
            f"{error.message} {error.details}",
            error.remedy or "see snow ha status",
        ) from error


def _refuse_elsewhere(tree: cib.Tree, name: str) -> None:
    """UnsafeError for a domain that nobody registered and that runs where the host's `xl destroy` does not reach."""
    servers = cluster.load().servers
    where = whereabouts(servers)(tree, {name})[name]
    if where not in (None, servers.here):
        raise UnsafeError(f"it runs on {where}, and this is {servers.here}", remedy=f"on {where}: xl destroy {name}")


def _stop_and_unregister(store: LiveCib, name: str) -> None:
    tree = store.read()
    if name not in cib.domains(tree):
        _refuse_elsewhere(tree, name)
        return
    stop(name)
    unregister(store, [name])


def stop(name: str) -> None:
    """Have Pacemaker stop a domain and keep it so; UnsafeError where it does not stop."""
    _want(name, "Stopped")
    deadline = time.monotonic() + STOPPED_WITHIN_S
    while any(resource.servers for resource in pacemaker.state().resources if resource.id == name):
        if time.monotonic() > deadline:
            raise UnsafeError(f"{name} does not stop", remedy="see crm_mon")
        time.sleep(POLL_S)


def start(name: str) -> None:
    """Have Pacemaker run a domain again that it has stopped; it starts when Pacemaker comes to it."""
    _want(name, "Started")


def _want(name: str, role: str) -> None:
    result = command.run(
        ["crm_resource", "--resource", name, "--meta", "--set-parameter", "target-role", "--parameter-value", role]
    )
    if not result.ok:
        raise ConfigurationError(f"{name} cannot become {role}", result.reason, "see crm_mon")
