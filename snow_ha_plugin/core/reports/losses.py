"""What is lost if a server fails: domains that would not run any more, or that would be where there is no memory.

Pacemaker counts memory only where `placement-strategy` says so; else it would start more on a server than fits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from snow_ha_plugin.model import Places


class Sizes(NamedTuple):
    """Memory in MiB: what servers have, where that is known, and what domains need."""

    room: Mapping[str, int]
    needs: Mapping[str, int]


class Failure(NamedTuple):
    """One server's failure: `lost` domains would run nowhere, `squeezed` ones where memory does not suffice.

    `has_quorum` is whether the others are a majority then.
    """

    lost: tuple[str, ...] = ()
    squeezed: tuple[str, ...] = ()
    has_quorum: bool = True

    @property
    def victims(self) -> tuple[str, ...]:
        return (*self.lost, *self.squeezed)


def of_failure(
    before: Places, after: Places, sizes: Sizes, serving: Collection[str], *, has_quorum: bool = True
) -> Failure:
    """What a failure costs that brings the domains from `before` to `after`, with these servers still in service."""
    running = [name for name, servers in before.items() if servers]
    squeezed: set[str] = set()
    for server in serving:
        here = [name for name in running if server in after.get(name, ())]
        if server in sizes.room and sum(sizes.needs.get(name, 0) for name in here) > sizes.room[server]:
            squeezed |= {name for name in here if server not in before[name]}
    return Failure(tuple(name for name in running if not after.get(name)), tuple(sorted(squeezed)), has_quorum)


def worse(before: Mapping[str, Failure], after: Mapping[str, Failure]) -> dict[str, tuple[str, ...]]:
    """By server: the new victims of its failure, where it has more of them than today."""
    found = {}
    for server, failure in after.items():
        today = before.get(server, Failure()).victims
        if len(failure.victims) > len(today):
            found[server] = tuple(name for name in failure.victims if name not in today)
    return found
