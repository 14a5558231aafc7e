"""The guide backwards: let go of all domains, take out what is ours, stop the cluster.

The order is what makes it safe to be killed anywhere: Pacemaker lets go first and stays so, this server is the
last that is stopped, and the hook goes when no cluster is left.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, intent, kept, primitive
from snow_ha_plugin.guide import events, fencing, hook, qdevice, shutdown
from snow_ha_plugin.guide.run import Screen
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import reporting, stopping
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import change, cleaning
from snow_ha_plugin.system import lock


class Part(NamedTuple):
    change: Change
    carry_out: Callable[[], object]


def disable(site: Site, screen: Screen, *, dry_run: bool) -> list[Part]:
    """Carry the guide out backwards; what was left to do."""
    if dry_run:
        return plan(site)
    with lock.held(site.servers, "disable"):
        parts = plan(site)
        for part in parts:
            with screen.progress(part.change.message):
                part.carry_out()
        return parts


def plan(site: Site) -> list[Part]:
    """What is left to do, in its order; UnavailableError where only another server is still in the cluster."""
    running = stopping.running(site)
    parts = []
    if running:
        parts += [
            Part(Change("let-go", "domains", "have Pacemaker let go of all domains"), lambda: stopping.let_go(site)),
            Part(Change("unregister", "domains", "take out what snow-ha configured"), lambda: _take_out(site)),
        ]
    for group in stopping.in_order(site, running):
        message = f"stop the cluster on {', '.join(group)}"
        parts.append(Part(Change("stop", " ".join(group), message), partial(stopping.stop, site, group)))
    # sbd has disarmed its watchdog only when corosync has stopped everywhere.
    if fencing.is_set_up(site):
        parts.append(Part(Change("fencing", "sbd", "take sbd off the servers"), lambda: fencing.take_out(site)))
    if qdevice.is_set_up(site):
        message = "take the third vote off the servers"
        parts.append(Part(Change("third-vote", "corosync-qdevice", message), lambda: qdevice.disable(site)))
    if running or events.is_there(site):
        parts.append(Part(Change("events", events.UNIT, "take up no more events"), lambda: events.remove(site)))
    if running or shutdown.is_there(site):
        parts.append(Part(Change("shutdown", "order", "take out the order of shutdown"), lambda: shutdown.remove(site)))
    if timers := reporting.kept(site.servers):
        message = "take the timers of the page and of Prometheus's numbers off the servers"
        parts.append(Part(Change("report", "timers", message), partial(reporting.end, site.servers, timers)))
    if site.servers.read(site.servers.here, str(site.layout.hooks_dir / hook.NAME)) is not None:
        parts.append(Part(Change("hook", hook.NAME, "take the hook out of `snow`"), lambda: _remove_hook(site)))
    return parts


def _remove_hook(site: Site) -> None:
    hook.remove(site.servers, site.layout.hooks_dir)


def _take_out(site: Site) -> None:
    """All that is ours but the cluster options, which keep Pacemaker from stopping what it no longer knows, and what
    the next `enable` shall know: the domains to leave out, and the rules of `balance`."""

    def edit(tree: cib.Tree) -> list[Change]:
        kept.keep(tree)
        ours = [name for name in cib.domains(tree) if primitive.is_ours(tree, name)]
        changes = [primitive.unregister(tree, name) for name in ours]
        changes += cluster_options.end_sizes(tree)
        return changes + [
            Change("remove", gone, f"remove {gone}")
            for gone in cib.remove_ours(tree, keep=(cluster_options.OPTIONS_ID, intent.LEFT_OUT, kept.SET))
        ]

    change(site.cluster, edit, cleaning)
