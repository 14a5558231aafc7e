"""A week of a cluster, by chance and always the same: what its page is drawn from."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from snow_ha_plugin.cli import page
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.problem import By
from snow_ha_plugin.core.reports import health
from snow_ha_plugin.core.reports.events import Event, Kind, in_order
from snow_ha_plugin.core.reports.overview import Overview, overview
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.operations.survey import survey
from snow_ha_plugin.system import pacemaker

REASON = "/sNow/domains/a-long-name-of-a-directory/disk.img is missing or not readable on this server"


def sheet(tree: cib.Tree, *, now: float | None = None, most_events: int = 6) -> page.Sheet:
    """All that a page can show, of a cluster with this configuration and state."""
    outlook = Outlook(tree, {})
    stands = health.of(survey(outlook, {}, By.BOTH), outlook.n_plus_1)
    view = overview(tree, pacemaker.state(tree), stands, {})
    now = time.time() if now is None else now
    return page.Sheet(tree, view, in_order(_events(view, now, most_events)), "", now, view.servers[0].name, 5)


def _events(view: Overview, now: float, most: int) -> Iterator[Event]:
    chance = random.Random(1)
    servers = [server.name for server in view.servers]
    last = servers[-1]
    yield Event(now - 3 * page.DAY_S, Kind.SERVER, last, servers[0], "left the cluster", ok=False)
    yield Event(now - 3 * page.DAY_S + 9, Kind.FENCING, last, servers[0], "off by snow-ha-ipmi-" + last)
    yield Event(now - 3 * page.DAY_S + 9000, Kind.SERVER, last, servers[0], "came into the cluster")
    yield Event(now - 2 * page.DAY_S, Kind.CHANGE, "rules", servers[0], "prefer snow01", by="root: snow-ha balance")
    for domain in view.domains:
        for _ in range(chance.randint(0, most)):
            at, server = now - chance.uniform(0.05, 6.9) * page.DAY_S, chance.choice(servers)
            kind = chance.choice([Kind.MIGRATE, Kind.MIGRATE, Kind.START, Kind.STOP, Kind.FAILURE])
            failed = kind == Kind.FAILURE
            yield Event(at, kind, domain.name, server, REASON if failed else "", seconds=12.5, mib=2048, ok=not failed)
