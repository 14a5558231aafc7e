"""Whether Xen really migrates: one domain to each server and back, with its rate, and how long its guest was silent.

Memory is in MiB, times are seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import live
from snow_ha_plugin.errors import UnavailableError, UnsafeError
from snow_ha_plugin.model import Move
from snow_ha_plugin.operations import moves
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import ping
from snow_ha_plugin.system.cluster import Cluster


class Leg(NamedTuple):
    """One migration: how long the agent was at it; `silent_s` is None where the guest answers no ping."""

    move: Move
    took_s: float
    silent_s: float | None

    @property
    def mib_per_s(self) -> int:
        """At least: the time has in it what it takes to begin and to end."""
        return max(1, round(self.move.memory_mib / self.took_s))


def plan(tree: cib.Tree, name: str) -> list[Move]:
    """The migrations of a test, of the smallest domain that can where none is named; nothing is changed by it.

    UnsafeError for a domain that would be restarted, and what moves.plan_one refuses.
    """
    outlook = Outlook(tree)
    name = name or _smallest(outlook)
    source = outlook.places.get(name)
    others = [node.name for node in outlook.now.state.nodes if node.serves and node.name != source]
    there = [move for server in others if (move := moves.plan_one(tree, name, server))]
    if not there:
        raise UnavailableError(f"{name} has nowhere to go", "no other server is in service", "see snow ha status")
    if any(move.restarts for move in there):
        remedy = f"make it a PVH guest while it is down: snow ha images convert {name}, or name another domain"
        raise UnsafeError(f"{name} cannot migrate live", "it would be restarted", remedy)
    return [leg for move in there for leg in (move, Move(name, move.target, move.source, move.memory_mib))]


def _smallest(outlook: Outlook) -> str:
    running = [name for name, server in outlook.places.items() if server and live.migrates(outlook.tree, name)]
    if not running:
        raise UnavailableError(
            "no domain runs that can migrate live", remedy="start one: snow boot DOMAIN; see snow ha status"
        )
    return min(running, key=lambda name: (outlook.sizes.needs.get(name, 0), name))


def carry_out(cluster: Cluster, planned: Sequence[Move], address: str) -> Iterator[Leg]:
    """Each migration when it has ended; the first that fails is the end, and says where the domain is then."""
    for move in planned:
        began = time.monotonic()
        with ping.asking(address) as silence:
            moves.carry_out(cluster, [[move]])
        took_ms = cib.took_ms(cluster.read(), move.domain, "migrate_to", move.source)
        yield Leg(move, took_ms / 1000 if took_ms else time.monotonic() - began, silence.longest_s)
