"""Domains that ran on two servers at once: kept in the CIB, where every server sees it, until somebody has acknowledged
it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.reports.doubles import RanTwice
from snow_ha_plugin.model import Change

CODE = "ran-twice"

# A set of cluster options that are none of Pacemaker's, with a pair for each domain.
SET = ids.of(Kind.RAN_TWICE)


def known(tree: cib.Tree) -> tuple[RanTwice, ...]:
    """By domain; without what somebody has made unreadable."""
    found = [_read(pair.get("value", "")) for pair in cib.notes(tree, SET)]
    return tuple(sorted((each for each in found if each), key=lambda each: each.domain))


def note(tree: cib.Tree, new: Iterable[RanTwice]) -> list[Change]:
    """The last of each domain counts; what is known already, of another server perhaps, is not noted again."""
    changes, domains = [], cib.domains(tree)
    for each in new:
        # A floating IP has no image.
        if each.domain not in domains or any(
            old.domain == each.domain and each.began <= old.ended for old in known(tree)
        ):
            continue
        pair = {f"{ids.OURS}{CODE}-{each.domain}": json.dumps(each._asdict(), sort_keys=True)}
        if cib.put_notes(tree, SET, pair):
            where = " and ".join(each.servers)
            changes.append(Change("note", each.domain, f"note that {each.domain} ran on {where} at once"))
    return changes


def acknowledge(tree: cib.Tree, domains: Collection[str]) -> list[Change]:
    """Forget it."""
    changes = []
    for pair in cib.notes(tree, SET):
        found = _read(pair.get("value", ""))
        if found is None or found.domain in domains:
            cib.drop_pair(pair)
            if found:
                text = f"leave the double run of {found.domain} aside: somebody knows of it"
                changes.append(Change("acknowledge", found.domain, text))
    return changes


def carry_over(now: cib.Tree, then: cib.Tree) -> None:
    """A configuration of before knows nothing of what is known now."""
    for old in cib.notes(then, SET):
        cib.drop_pair(old)
    cib.put_notes(then, SET, {each.get("name", ""): each.get("value", "") for each in cib.notes(now, SET)})


def _read(text: str) -> RanTwice | None:
    try:
        values = json.loads(text)
        first, second = values["servers"]
        return RanTwice(str(values["domain"]), (str(first), str(second)), int(values["began"]), int(values["ended"]))
    except (ValueError, TypeError, KeyError):
        return None
