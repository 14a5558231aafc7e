"""The guide's "start the cluster": on all servers at once, and waited for."""

from __future__ import annotations

import time

from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import Step
from snow_ha_plugin.system import pacemaker

# Corosync forms a ring in seconds; Pacemaker waits 20 s (dc-deadtime) for older members before it elects a DC.
ONLINE_WITHIN_S = 120
POLL_S = 0.5


def check(site: Site) -> list[Finding]:
    try:
        offline = _offline(site)
    except UnavailableError as error:
        return [Finding(Severity.ERROR, "cluster-down", str(error), "snow ha enable")]
    return [
        Finding(Severity.ERROR, "server-offline", f"{name} is not online in the cluster", "snow ha enable")
        for name in offline
    ]


def apply(site: Site) -> None:
    site.servers.each(
        lambda name: site.servers.must(name, ["systemctl", "start", "corosync", "pacemaker"], timeout_s=ONLINE_WITHIN_S)
    )
    deadline = time.monotonic() + ONLINE_WITHIN_S
    while time.monotonic() < deadline:
        try:
            offline = _offline(site)
        except UnavailableError:
            offline = list(site.servers.names)
        if not offline:
            return
        time.sleep(POLL_S)
    raise TimedOutError(
        f"{', '.join(offline)} did not come online within {ONLINE_WITHIN_S} s",
        remedy="see journalctl -u pacemaker -u corosync there",
    )


def _offline(site: Site) -> list[str]:
    state = pacemaker.state()
    online = {node.name for node in state.nodes if node.online} if state.quorum else set()
    return [name for name in site.servers.names if name not in online]


STEP = Step("start", "Cluster running", check, apply)
