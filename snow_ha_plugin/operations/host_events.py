"""What becomes of domains that the host makes, boots, replaces and removes."""

from __future__ import annotations

from snow_ha_plugin.core import cib, timeouts
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.errors import ConfigurationError, NoQuorumError, SnowHaError, UnsafeError
from snow_ha_plugin.operations import images, registration
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import change, cleaning, whereabouts
from snow_ha_plugin.system import pacemaker, snowtools, waiting
from snow_ha_plugin.system.cluster import LiveCluster

# Pacemaker's stop has its own timeout, which ends in fencing or in a blocked resource; this is at least what a domain
# is given, and beyond that timeout. Seconds.
STOPPED_WITHIN_S = 300
STOP_MARGIN_S = 120


def created(name: str) -> None:
    """Register a domain that the host has just made, so that `snow boot` can start it and nothing else does."""
    here = Site.load()
    domain = snowtools.read_domain(here.layout.domains_dir, name)
    images.refuse_unshared(here.servers, [domain])
    registration.register(here.cluster, [domain], here.conf.migration_mib_s, servers=here.servers, stopped=True)


def booting(name: str) -> None:
    """Register a domain that the host wants to start through Pacemaker and that nobody has registered yet."""
    cluster = LiveCluster()
    tree = cluster.read()
    if name in intent.left_out(tree):
        raise ConfigurationError(
            f"{name} is not protected, as somebody wanted it", "Pacemaker does not start it", f"snow ha add {name}"
        )
    if name not in cib.domains(tree):
        here = Site.load()
        domain = snowtools.read_domain(here.layout.domains_dir, name)
        images.refuse_unshared(here.servers, [domain])
        registration.register(cluster, [domain], here.conf.migration_mib_s, servers=here.servers)


def ending(name: str) -> None:
    """UnsafeError where `end` could not be carried out, as far as that can be told before the host has asked."""
    try:
        tree = LiveCluster().read()
        if cib.domain(tree, name) and not cib.has_quorum(tree):
            raise NoQuorumError("the cluster has no quorum", "the other servers may run it", "start them")
        if cib.domain(tree, name) and intent.is_held(tree, name):
            raise ConfigurationError("it is held", "Pacemaker would not stop it", f"snow ha release {name}")
    except SnowHaError as error:
        raise _kept(name, error) from error


def end(name: str) -> None:
    """Stop a domain wherever it runs and unregister it: the host's `xl destroy` only reaches its own server.

    UnsafeError where that is not known to have worked: the image would be deleted under a running domain, or
    Pacemaker would start a half-written one.
    """
    try:
        _stop_and_unregister(LiveCluster(), name)
    except SnowHaError as error:
        raise _kept(name, error) from error


def _kept(name: str, error: SnowHaError) -> UnsafeError:
    return UnsafeError(
        f"{name} cannot be taken out of Pacemaker's hands",
        f"{error.message} {error.details}",
        error.remedy or "see snow ha status",
    )


def _stop_and_unregister(cluster: LiveCluster, name: str) -> None:
    tree = cluster.read()
    if name not in cib.domains(tree):
        _refuse_elsewhere(tree, name)
        change(cluster, lambda tree: intent.take_in(tree, [name]), cleaning)
        return
    stop(cluster, name)
    # Pacemaker knows of what it started, and not of one that somebody runs by hand.
    _refuse_elsewhere(cluster.read(), name)
    registration.unregister(cluster, [name])


def stop(cluster: LiveCluster, name: str) -> None:
    """Have Pacemaker stop a domain and keep it so; UnsafeError where it does not stop."""
    change(cluster, lambda tree: intent.want(tree, [name], "Stopped"), cleaning)
    allowed_s = cib.operation_timeout_s(cluster.read(), name, "stop", timeouts.LEAST_S) + STOP_MARGIN_S

    def is_stopped() -> bool:
        return not any(resource.servers for resource in pacemaker.state().resources if resource.id == name)

    if not waiting.until(is_stopped, max(STOPPED_WITHIN_S, allowed_s)):
        raise UnsafeError(f"{name} does not stop", remedy="see crm_mon")


def start(cluster: LiveCluster, name: str) -> None:
    """Have Pacemaker run a domain that it was told to stop; it starts when Pacemaker comes to it."""
    change(cluster, lambda tree: intent.want(tree, [name], "Started"), cleaning)


def _refuse_elsewhere(tree: cib.Tree, name: str) -> None:
    """UnsafeError for a domain that Pacemaker does not run, and that runs where `xl destroy` here does not reach."""
    servers = Site.load().servers
    where = whereabouts(servers)(tree, {name})[name]
    if where not in (None, servers.here):
        raise UnsafeError(f"it runs on {where}, and this is {servers.here}", remedy=f"on {where}: xl destroy {name}")
