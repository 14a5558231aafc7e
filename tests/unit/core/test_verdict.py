"""How a cluster is, in a word and a line."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core.reports import verdict
from snow_ha_plugin.core.reports.overview import Overview
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.model import Finding, Severity
from tests.unit.core.test_metrics import STANDING, VIEW

NOTE = Finding(Severity.INFO, "restarted", "web01 was restarted")
WARNING = Finding(Severity.WARNING, "held", "Pacemaker keeps its hands off web01")
ERROR = Finding(Severity.ERROR, "domain-down", "web01 is down")
DANGER = Finding(Severity.ERROR, "no-fencing", "there is no fencing device")


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ((), Word.HEALTHY),
        ((NOTE,), Word.HEALTHY),
        ((NOTE, WARNING), Word.DEGRADED),
        ((NOTE, DANGER), Word.DEGRADED),
        ((NOTE, WARNING, ERROR), Word.BROKEN),
    ],
)
def test_the_worst_finding_is_the_word(found: tuple[Finding, ...], word: Word) -> None:
    assert verdict.by(found) == verdict.of(VIEW._replace(findings=found)).word == word


def test_of_what_cannot_be_seen_no_good_is_said() -> None:
    assert verdict.of(VIEW._replace(has_quorum=False, findings=())).word == Word.CANNOT_TELL
    assert verdict.of(VIEW._replace(domains=(), has_quorum=False)).word == Word.NOT_ENABLED


def test_each_word_ends_status_as_a_nagios_plugin() -> None:
    """OK, WARNING, CRITICAL, UNKNOWN (Nagios Plugins Development Guidelines), as the manual has them."""
    assert [(word.text, word.exit_code) for word in Word] == [
        ("HEALTHY", 0), ("DEGRADED", 1), ("BROKEN", 2), ("CANNOT TELL", 3), ("NOT ENABLED", 3),
    ]  # fmt: skip


HOLDS = STANDING._replace(n_plus_1=STANDING.n_plus_1._replace(failures={}))
UNKNOWN = STANDING._replace(n_plus_1=HOLDS.n_plus_1._replace(serving=()))
ONE_LEFT = tuple(server._replace(online=server.name == "snow01") for server in VIEW.servers)
UNSEEN = tuple(server._replace(unseen=server.name == "snow01") for server in VIEW.servers)


@pytest.mark.parametrize(
    ("view", "summary"),
    [
        (VIEW, "2 of 2 servers, 2 of 3 domains, not every server may fail"),
        (VIEW._replace(servers=ONE_LEFT), "1 of 2 servers, 2 of 3 domains, no further server may fail"),
        (VIEW._replace(servers=UNSEEN), "2 of 2 servers, 0 of 3 domains, not every server may fail"),
        (VIEW._replace(standing=HOLDS), "2 of 2 servers, 2 of 3 domains, any one server may fail"),
        (VIEW._replace(standing=UNKNOWN), "2 of 2 servers, 2 of 3 domains, nobody knows whether a server may fail"),
        (VIEW._replace(standing=None), "2 of 2 servers, 2 of 3 domains, nobody knows whether a server may fail"),
    ],
)
def test_the_line_counts_who_is_there_and_who_runs_of_those_that_should(view: Overview, summary: str) -> None:
    assert verdict.of(view).summary == summary


def test_without_quorum_or_domains_that_is_the_line() -> None:
    assert verdict.of(VIEW._replace(has_quorum=False)).summary.startswith("2 of 2 servers, no quorum: ")
    assert "snow-ha enable --dry-run" in verdict.of(VIEW._replace(domains=())).summary
