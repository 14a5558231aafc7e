"""The guide backwards: let go of all domains, take out what is ours, stop the cluster.

The order is what makes it safe to be killed anywhere: Pacemaker lets go first and stays so, this server is the
last that is stopped, and the hook goes when no cluster is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from snow_ha_plugin.core import cib, clusteroptions, registration
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import Change
from snow_ha_plugin.steps import hook
from snow_ha_plugin.steps.autostart import SERVICES
from snow_ha_plugin.steps.change import change
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.system import pacemaker

STOPPED_WITHIN_S = 300
IDLE_WITHIN_S = 300


@dataclass(frozen=True)
class Part:
    change: Change
    carry_out: Callable[[], object]


def plan(site: Site) -> list[Part]:
    """What is left to do, in its order; UnavailableError where only another server is still in the cluster."""
    running = [name for name, active in site.servers.each(lambda name: _is_active(site, name)).items() if active]
    here = site.servers.here
    if running and here not in running:
        raise UnavailableError(
            f"Pacemaker runs on {', '.join(running)}, and not on this server",
            remedy=f"run snow ha disable on {running[0]}",
        )
    parts = []
    if running:
        parts += [
            Part(Change("let-go", "domains", "Pacemaker lets go of all domains"), lambda: _let_go(site)),
            Part(Change("unregister", "domains", "Taking out what snow-ha configured"), lambda: _take_out(site)),
        ]
    # The others first: as long as this server is a member, a run that was killed can be run again.
    for group in ([name for name in running if name != here], [name for name in running if name == here]):
        if group:
            message = f"Stopping the cluster on {', '.join(group)}"
            parts.append(Part(Change("stop", " ".join(group), message), partial(_stop, site, group)))
    if site.servers.read(here, str(site.layout.hooks_dir / hook.NAME)) is not None:
        parts.append(Part(Change("hook", hook.NAME, "Taking the hook out of `snow`"), lambda: _remove_hook(site)))
    return parts


def _remove_hook(site: Site) -> None:
    hook.remove(site.servers, site.layout.hooks_dir)


def _is_active(site: Site, server: str) -> bool:
    return site.servers.run(server, ["systemctl", "--quiet", "is-active", "pacemaker"]).ok


def _let_go(site: Site) -> None:
    change(site.store, clusteroptions.begin_maintenance)
    pacemaker.wait_idle(IDLE_WITHIN_S)


def _take_out(site: Site) -> None:
    """All that is ours but the cluster options, which keep Pacemaker from stopping what it no longer knows."""

    def edit(tree: cib.Tree) -> list[Change]:
        ours = [name for name in cib.domains(tree) if registration.is_ours(tree, name)]
        changes = [registration.unregister(tree, name) for name in ours]
        return changes + [
            Change("remove", gone, gone) for gone in cib.remove_ours(tree, keep=clusteroptions.OPTIONS_ID)
        ]

    change(site.store, edit)


def _stop(site: Site, servers: list[str]) -> None:
    argv = ["systemctl", "stop", *reversed(SERVICES)]
    site.servers.each(lambda name: site.servers.must(name, argv, timeout_s=STOPPED_WITHIN_S), servers)
