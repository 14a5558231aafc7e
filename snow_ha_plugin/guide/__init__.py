"""The HA guide as code, a section a file, in the guide's order."""

from __future__ import annotations

from snow_ha_plugin.guide import (
    authkey,
    autostart,
    bridges,
    corosync,
    defaults,
    domains,
    events,
    fencing,
    floating_ip,
    hook,
    images,
    metrics,
    packages,
    pairs,
    permissions,
    qdevice,
    settings,
    shared,
    shutdown,
    start,
    xen,
    xendomains,
)
from snow_ha_plugin.guide.section import Step

SERVER_STEPS: tuple[Step, ...] = (
    settings.STEP,
    packages.STEP,
    shared.STEP,
    pairs.STEP,
    images.STEP,
    bridges.STEP,
    floating_ip.ADDRESS,
    xen.STEP,
    corosync.BY_HAND,
    corosync.MEMBERS,
    qdevice.HOST,
    fencing.WAY,
    autostart.STEP,
    xendomains.STEP,
    authkey.STEP,
    qdevice.SET_UP,
    corosync.STEP,
    permissions.STEP,
    shutdown.STEP,
    events.SERVERS,
    fencing.SET_UP,
    start.STEP,
    start.LEFT,
    qdevice.VOTE,
)

# All of these are one commit of the CIB.
CONFIGURATION_STEPS = (fencing.STEP, defaults.STEP, floating_ip.STEP, domains.STEP, events.STEP)

# Last, because from then on `snow` speaks to the cluster.
AFTERWARDS: tuple[Step, ...] = (
    metrics.STEP,
    hook.STEP,
)
