"""How a cluster is, in one word and one line; each word has an exit status, for cron and Nagios."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import NamedTuple

from snow_ha_plugin.core.reports.overview import Overview
from snow_ha_plugin.model import Finding, Severity

# Dangerous, and no trouble yet.
NOT_YET_TROUBLE = ("no-fencing",)


class Word(Enum):
    """The word, and the exit status of `status`: as a Nagios plugin's (OK, WARNING, CRITICAL, UNKNOWN)."""

    HEALTHY = ("HEALTHY", 0)
    DEGRADED = ("DEGRADED", 1)
    BROKEN = ("BROKEN", 2)
    CANNOT_TELL = ("CANNOT TELL", 3)
    NOT_ENABLED = ("NOT ENABLED", 3)

    @property
    def text(self) -> str:
        return self.value[0]

    @property
    def exit_code(self) -> int:
        return self.value[1]


class Verdict(NamedTuple):
    word: Word
    summary: str


def of(view: Overview) -> Verdict:
    return Verdict(_word(view), _summary(view))


def is_trouble(finding: Finding) -> bool:
    return finding.severity == Severity.ERROR and finding.id not in NOT_YET_TROUBLE


def _word(view: Overview) -> Word:
    if not view.domains:
        return Word.NOT_ENABLED
    if not view.has_quorum:
        return Word.CANNOT_TELL
    return by(view.findings)


def by(findings: Collection[Finding]) -> Word:
    """Of a cluster that can be told about."""
    if any(is_trouble(finding) for finding in findings):
        return Word.BROKEN
    if any(finding.severity != Severity.INFO for finding in findings):
        return Word.DEGRADED
    return Word.HEALTHY


def _summary(view: Overview) -> str:
    if not view.domains:
        return "Pacemaker looks after no domain; see snow-ha enable --dry-run"
    online = [server for server in view.servers if server.online]
    servers = f"{len(online)} of {len(view.servers)} servers"
    if not view.has_quorum:
        return f"{servers}, no quorum: others may run what it does not see"
    wanted = [domain for domain in view.domains if domain.wanted]
    unseen = [server.name for server in view.servers if server.unseen]
    running = sum(domain.server not in (None, *unseen) for domain in wanted)
    spare = view.standing.n_plus_1.holds if view.standing else None
    words = {True: "any one server may fail", None: "nobody knows whether a server may fail"}
    may_fail = words.get(spare, "no further server may fail" if len(online) < 2 else "not every server may fail")
    return f"{servers}, {running} of {len(wanted)} domains, {may_fail}"
