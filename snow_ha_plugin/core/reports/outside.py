"""What other tools than ours (crm, pcs, cibadmin) have changed, as Pacemaker's own files of configurations tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import former_ids, ids
from snow_ha_plugin.core.reports import difference
from snow_ha_plugin.core.reports.events import Event, Kind

# A change of ours is recorded once it is made, by another server's clock perhaps; versions begin anew in a new cluster.
SAME_S = 60


class Written(NamedTuple):
    """A configuration that Pacemaker wrote at that time, in seconds since 1970, since somebody had changed it."""

    at: float
    tree: cib.Tree


def changes(written: Iterable[Written], recorded: Sequence[Event]) -> Iterator[Event]:
    """What changed from one to the next that neither a verb of ours has recorded nor Pacemaker itself has done."""
    for before, after in pairwise(sorted(written, key=lambda each: each.at)):
        tree = after.tree
        if _number(tree) <= _number(before.tree) or _is_its_own(tree):
            continue
        if any(_is_between(before, after, event) for event in recorded):
            continue
        who = f"{tree.get('update-user') or 'somebody'}: {tree.get('update-client') or 'another tool'}"
        origin, version = tree.get("update-origin", ""), cib.epoch(before.tree)
        was, became = _lasting(before.tree, tree), _lasting(tree, before.tree)
        for change in difference.changes(was, became, before="before"):
            yield Event(round(after.at, 3), Kind.CHANGE, change.target, origin, change.message, who, version=version)


def _number(tree: cib.Tree) -> tuple[int, int]:
    return int(tree.get("admin_epoch", "0")), int(tree.get("epoch", "0"))


def _is_its_own(tree: cib.Tree) -> bool:
    """Whether one of Pacemaker's daemons wrote it, such as a server that joined; Hawk is the same user, with a tool."""
    return tree.get("update-user") == "hacluster" and not tree.get("update-client", "").startswith(("cib", "crm_"))


def _is_between(before: Written, after: Written, event: Event) -> bool:
    """Whether a verb's change is among those that lie between two configurations: several may be written at once."""
    words = event.version.split(".")
    if len(words) != 2 or not all(word.isdecimal() for word in words) or abs(event.at - after.at) > SAME_S:
        return False
    return _number(before.tree) <= (int(words[0]), int(words[1])) < _number(after.tree)


def _lasting(tree: cib.Tree, other: cib.Tree) -> cib.Tree:
    """What is not the same in the other one, without what a verb puts in only as long as it is at work, of which there
    is no record. To compare hundreds of domains a hundred times would take long."""
    lasting, same = cib.clone(tree), {cib.serialize(each) for each in other.iterfind("configuration/*/*")}
    for each in lasting.findall("configuration/*/*"):
        if each.tag != "template" and cib.serialize(each) in same:
            cib.drop(each)
    former_ids.renew(lasting)
    for kind in ids.PASSING:
        for found in lasting.xpath("configuration//*[starts-with(@id, $begins)]", begins=ids.beginning(kind)):
            cib.drop(found)
    return lasting
