"""Findings that an administrator has accepted for a time, kept in the CIB: they do not count meanwhile.

An acceptance is of a code and a subject, and of no worse than the finding was then: what gets worse is shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.reports.text import duration
from snow_ha_plugin.model import Change, Finding, Severity

NO_FENCING = "no-fencing"

# A set of cluster options that are none of Pacemaker's, with a pair for each.
SET = ids.of(Kind.ACCEPTED)
_WORST_FIRST = list(Severity)


class Acceptance(NamedTuple):
    """`since` and `until` are in seconds since 1970."""

    code: str
    subject: str
    severity: Severity
    since: int
    until: int
    reason: str = ""

    def covers(self, finding: Finding, now: float) -> bool:
        same = (finding.id, finding.subject) == (self.code, self.subject)
        return same and now < self.until and _WORST_FIRST.index(finding.severity) >= _WORST_FIRST.index(self.severity)

    @property
    def what(self) -> str:
        return f"{self.code} {self.subject}".rstrip()


class Sorted(NamedTuple):
    """What counts, and what is accepted; of each of those the first acceptance that covers it."""

    open: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Acceptance], ...]


def sort(found: Iterable[Finding], acceptances: Iterable[Acceptance], now: float) -> Sorted:
    given, still_open, accepted = tuple(acceptances), [], []
    for finding in found:
        covering = next((each for each in given if each.covers(finding, now)), None)
        if covering:
            accepted.append((finding, covering))
        else:
            still_open.append(finding)
    return Sorted(tuple(still_open), tuple(accepted))


def acceptances(tree: cib.Tree) -> tuple[Acceptance, ...]:
    """By code and subject; without what somebody has made unreadable."""
    found = [read(pair.get("value", "")) for pair in cib.notes(tree, SET)]
    return tuple(sorted((each for each in found if each), key=lambda each: (each.code, each.subject)))


def accept(tree: cib.Tree, wanted: Iterable[Acceptance]) -> list[Change]:
    """In the place of what was accepted before of the same; what has ended meanwhile goes."""
    new = tuple(wanted)
    now = max((each.since for each in new), default=0)
    _take_out(tree, lambda old: old.until <= now)
    changes = []
    for each in new:
        name = f"{ids.OURS}accepted-{hashlib.sha256(each.what.encode()).hexdigest()[:12]}"
        value = json.dumps(each._asdict(), sort_keys=True)
        if cib.put_notes(tree, SET, {name: value}):
            text = f"leave {each.what} aside for {duration(each.until - each.since)}"
            changes.append(Change("accept", each.what, text))
    return changes


def end(tree: cib.Tree, code: str, subject: str = "") -> list[Change]:
    """End the acceptance of a code, of one subject or of all."""
    gone = _take_out(tree, lambda old: old.code == code and subject in ("", old.subject))
    return [Change("end", each.what, f"leave {each.what} aside no longer") for each in gone]


def is_accepted(tree: cib.Tree, code: str, now: float) -> bool:
    return any(each.code == code and now < each.until for each in acceptances(tree))


def _take_out(tree: cib.Tree, gone: Callable[[Acceptance], bool]) -> list[Acceptance]:
    taken = []
    for pair in cib.notes(tree, SET):
        found = read(pair.get("value", ""))
        if found and gone(found):
            cib.drop_pair(pair)
            taken.append(found)
    return taken


def read(text: str) -> Acceptance | None:
    try:
        values = json.loads(text)
        return Acceptance(
            str(values["code"]), str(values["subject"]), Severity(values["severity"]),
            int(values["since"]), int(values["until"]), str(values["reason"]),
        )  # fmt: skip
    except (ValueError, TypeError, KeyError):
        return None
