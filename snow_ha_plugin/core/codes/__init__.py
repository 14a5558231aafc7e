"""The table of findings: every code that there is, with its page of docs/findings.md and of `explain`."""

from __future__ import annotations

from snow_ha_plugin.core.codes import balance, cluster, fencing, images, site
from snow_ha_plugin.core.codes.entry import Entry

CHAPTERS = {
    "The cluster as it runs": cluster.ENTRIES,
    "Room and balance": balance.ENTRIES,
    "Fencing and the third vote": fencing.ENTRIES,
    "Domain files and images": images.ENTRIES,
    "What servers must have": site.ENTRIES,
}

TABLE: dict[str, Entry] = {entry.code: entry for entries in CHAPTERS.values() for entry in entries}

__all__ = ["CHAPTERS", "TABLE", "Entry"]
