"""What servers that fail or are drained do harm to: domains that would not run, and replicas brought together.

Replicas of a role that come together only because there are too few servers left for them are told, but no harm: one
surviving server runs both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.model import Where


class Sharing(NamedTuple):
    """Replicas of one role on one server; `is_harm` where a server in service would keep them further apart."""

    server: str
    domains: tuple[str, ...]
    is_harm: bool

    @property
    def text(self) -> str:
        return f"{in_words(self.domains)} would share {self.server}"


def sharing(before: Where, after: Where, groups: Mapping[str, str], serving: Collection[str]) -> tuple[Sharing, ...]:
    """The replicas that would share one of the servers in service; those that do so already are no new harm."""
    crowds: dict[tuple[str, str], list[str]] = {}
    running: dict[str, int] = {}
    for name, group in sorted(groups.items()):
        server = after.get(name)
        if server:
            crowds.setdefault((server, group), []).append(name)
            running[group] = running.get(group, 0) + 1
    found = []
    for (server, group), names in sorted(crowds.items()):
        if len(names) > 1:
            fewest = -(-running[group] // max(len(serving), 1))
            is_new = len({before.get(name) for name in names}) > 1
            found.append(Sharing(server, tuple(names), is_new and len(names) > fewest))
    return tuple(found)
