from __future__ import annotations

import pytest

from snow_ha_plugin.core.reports import timeline
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.overview import DomainView, FencingView, Overview, ServerView
from snow_ha_plugin.core.reports.timeline import NOWHERE, Timeline

WEB = DomainView("web01", "running", "snow02", True, 512, 1, None)
SERVERS = (
    ServerView("snow01", True, False, False, (), 4096, 0),
    ServerView("snow02", False, False, False, ("web01",), 4096, 512),
)
VIEW = Overview(True, SERVERS, (WEB,), (), FencingView(False, (), "none", {}), None, ())

# Long before anything else: from here on all is recorded.
FIRST = Event(0, Kind.CHANGE, "options", "snow01")


def of(*events: Event, domain: DomainView = WEB) -> Timeline:
    return timeline.of(VIEW._replace(domains=(domain,)), events, since=100, until=200)


def places(*events: Event, domain: DomainView = WEB) -> list[tuple[float, float, str | None]]:
    (row,) = of(*events, domain=domain).domains
    assert row.stretches[0].start == 100 and row.stretches[-1].end == 200
    assert all(one.end == next_one.start for one, next_one in zip(row.stretches, row.stretches[1:], strict=False))
    return [(part.start, part.end, part.place) for part in row.stretches]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((Event(150, Kind.START, "web01", "snow02"),), [(100, 150, NOWHERE), (150, 200, "snow02")]),
        ((Event(150, Kind.STOP, "web01", "snow01"),), [(100, 150, "snow01"), (150, 200, "snow02")]),
        ((Event(150, Kind.MIGRATE, "web01", "snow02"),), [(100, 150, None), (150, 200, "snow02")]),
        (
            (Event(150, Kind.MIGRATE, "web01", "snow02", "from snow01"),),
            [(100, 150, "snow01"), (150, 200, "snow02")],
        ),
        (
            (Event(120, Kind.STOP, "web01", "snow01"), Event(150, Kind.START, "web01", "snow02")),
            [(100, 120, "snow01"), (120, 150, NOWHERE), (150, 200, "snow02")],
        ),
        ((Event(150, Kind.MIGRATE, "web01", "snow01", ok=False),), [(100, 200, "snow02")]),
        ((Event(150, Kind.FAILURE, "web01", "snow02", ok=False),), [(100, 200, "snow02")]),
    ],
)
def test_a_domain_is_where_events_say(
    events: tuple[Event, ...], expected: list[tuple[float, float, str | None]]
) -> None:
    assert places(FIRST, *events) == expected
    assert places(FIRST, *reversed(events)) == expected


def test_what_is_so_now_counts_more_than_the_last_event() -> None:
    started = Event(150, Kind.START, "web01", "snow01")
    assert places(FIRST, started)[-1] == (150, 200, "snow02")
    down = WEB._replace(server=None, state="stopped")
    assert places(FIRST, started, domain=down) == [(100, 200, NOWHERE)]


def test_before_the_record_begins_nothing_is_known() -> None:
    failed = Event(150, Kind.FAILURE, "web01", "snow02", ok=False)
    assert places(Event(130, Kind.CHANGE, "options"), failed) == [(100, 130, None), (130, 200, "snow02")]
    stopped = Event(150, Kind.STOP, "web01", "snow01")
    assert places(Event(130, Kind.CHANGE, "options"), stopped)[:2] == [(100, 130, None), (130, 150, "snow01")]


def test_the_cluster_remembers_when_a_domain_started() -> None:
    failed = Event(150, Kind.FAILURE, "web01", "snow02", ok=False)
    assert places(failed, domain=WEB._replace(since=110)) == [(100, 110, None), (110, 200, "snow02")]


def test_a_server_is_there_until_it_leaves_or_is_fenced() -> None:
    lost = Event(120, Kind.SERVER, "snow02", ok=False)
    fenced = Event(130, Kind.FENCING, "snow02")
    came = Event(140, Kind.SERVER, "snow01")
    first, second = of(FIRST, lost, fenced, came).servers
    assert [(part.start, part.place) for part in first.stretches] == [(100, NOWHERE), (140, "snow01")]
    assert [(part.start, part.place) for part in second.stretches] == [(100, "snow02"), (120, NOWHERE)]


def test_a_domain_to_which_nothing_happened_is_only_named() -> None:
    other = Event(150, Kind.START, "web02", "snow01")
    changed = Event(150, Kind.CHANGE, "web01", text="register web01")
    old = Event(50, Kind.FAILURE, "web01", "snow02", ok=False)
    shown = of(FIRST, other, changed, old)
    assert (shown.domains, shown.quiet) == ((), ("web01",))


def test_without_any_event_nothing_is_known() -> None:
    shown = of()
    assert shown.quiet == ("web01",)
    assert [row.stretches[0].place for row in shown.servers] == [None, None]
