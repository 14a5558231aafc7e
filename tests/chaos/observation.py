"""Looks at a lab: who runs where, and whether Pacemaker says the same on every server. Times are seconds.

What is seen is judged in verdict.py; nothing here decides what is right, only what is settled.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.chaos import views
from tests.chaos.scene import Scene
from tests.chaos.views import View

CRM_MON = ["/usr/sbin/crm_mon", "--one-shot", "--inactive", "--output-as=xml"]
HISTORY = ["/usr/sbin/stonith_admin", "--history", "*", "--output-as=xml"]
CIB = ["/usr/sbin/cibadmin", "--query"]
# Its exit status is lost with run(); the last line says it.
VERIFY = ["/bin/sh", "-c", "/usr/sbin/crm_verify --live-check --verbose 2>&1; echo $?"]
SBD = ["/usr/bin/systemctl", "is-active", "sbd"]
STATUS = ["/usr/bin/snow-ha", "status", "--json"]


@dataclass(frozen=True)
class Standing:
    """What is not as it should be, one line each; nothing where each domain runs once and every server agrees.

    cluster: of the servers and the cluster itself, which no Pacemaker can mend from inside. domains: of who runs.
    """

    cluster: tuple[str, ...]
    domains: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return not self.cluster and not self.domains

    def __str__(self) -> str:
        return "; ".join((*self.cluster, *self.domains))


def look(scene: Scene) -> Standing:
    """How far everything is from running once, with every server's Pacemaker knowing it."""
    cluster, domains = [], []
    running = Counter(guest.name for guest in scene.world.guests() if guest.state == "running")
    for domain in scene.setting.domains:
        if running[domain] != 1:
            domains.append(f"{domain} runs {running[domain]} times")
    for server in scene.setting.servers:
        seen = view_of(scene, server)
        if seen is None:
            cluster.append(f"{server} has no cluster")
            continue
        cluster += [f"{other} is not well for {server}" for other in scene.setting.servers if other not in seen.online]
        if seen.fencing or not seen.dc:
            cluster.append(f"{server} waits for {'fencing' if seen.fencing else 'a DC'}")
        for domain in scene.setting.domains:
            if domain not in seen.places:
                cluster.append(f"{server} does not know {domain}")
            elif not seen.places[domain] or seen.places[domain] != scene.place(domain):
                domains.append(f"{server} believes {domain} on {seen.places[domain] or 'no server'}")
    return Standing(tuple(cluster), tuple(domains))


def view_of(scene: Scene, server: str) -> View | None:
    """What a server's Pacemaker says; None where there is none."""
    shown = scene.run(server, CRM_MON)
    try:
        return views.view(shown) if shown else None
    except ValueError:
        return None


def fenced(scene: Scene) -> frozenset[tuple[str, ...]]:
    """All that any server remembers to have been fenced."""
    found: set[tuple[str, ...]] = set()
    for server in scene.setting.servers:
        shown = scene.run(server, HISTORY)
        if shown and "<pacemaker-result" in shown:
            found |= views.fenced(shown)
    return frozenset(found)


@dataclass(frozen=True)
class Configuration:
    """What must hold when all is well again: no leftover rule, what crm_verify complains of, where sbd does not run."""

    leftovers: tuple[str, ...]
    complaints: str
    unprotected: tuple[str, ...]


def configuration(scene: Scene) -> Configuration:
    server = next(name for name in scene.setting.servers if scene.can_run(name))
    *complaints, status = (scene.run(server, VERIFY) or "no answer\n1").strip().split("\n")
    without = [
        name
        for name in scene.setting.servers
        if "sbd" in scene.setting.parts and (scene.run(name, SBD) or "").strip() != "active"
    ]
    return Configuration(
        tuple(views.leftovers(scene.run(server, CIB) or "<none/>")),
        "" if status == "0" else " ".join(complaints)[:300],
        tuple(without),
    )
