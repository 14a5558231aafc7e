"""Events as lines of a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snow_ha_plugin.core.reports.events import Event, Kind, in_order, parse

MOVED = Event(1764340000.25, Kind.MIGRATE, "nis01", "snow02", "from snow01", seconds=3.5, mib=2048)
ADDED = Event(1764341000, Kind.CHANGE, "web01", "snow01", "register web01", "root: snow-ha add web01", version="0.57")

events = st.builds(
    Event,
    at=st.floats(0, 4e9, allow_nan=False),
    kind=st.sampled_from(Kind),
    subject=st.text(),
    server=st.text(),
    text=st.text(),
    by=st.text(),
    seconds=st.none() | st.floats(0, 1e6, allow_nan=False),
    mib=st.none() | st.integers(0),
    ok=st.booleans(),
    version=st.text(),
)


@given(events)
def test_an_event_is_one_line_that_gives_it_again(event: Event) -> None:
    assert event.line.endswith("\n")
    assert parse(event.line.split("\n")) == ([event], 0)


def test_a_line_says_only_what_is_known() -> None:
    assert Event(5, Kind.STOP, "web01").line == '{"at":5,"kind":"stop","subject":"web01"}\n'


@pytest.mark.parametrize(
    "line",
    [
        "{",
        MOVED.line[:-5],
        "7",
        "null",
        "{}",
        '{"at":5,"kind":"stop"}',
        '{"at":"5","kind":"stop","subject":"web01"}',
        '{"at":5,"kind":"eaten","subject":"web01"}',
        '{"at":5,"kind":["stop"],"subject":"web01"}',
        '{"at":5,"kind":"stop","subject":"web01","seconds":"long"}',
        "\x00\x00\x00",
    ],
)
def test_a_line_that_is_no_event_is_counted_and_costs_no_other(line: str) -> None:
    assert parse([MOVED.line, line, ADDED.line]) == ([MOVED, ADDED], 1)


def test_empty_lines_are_nothing() -> None:
    assert parse(["", " ", MOVED.line]) == ([MOVED], 0)


def test_what_a_later_version_says_beside_is_left_out() -> None:
    assert parse(['{"at":5,"kind":"stop","subject":"web01","colour":"red"}']) == ([Event(5, Kind.STOP, "web01")], 0)


def test_events_of_several_servers_come_by_time_and_once() -> None:
    assert in_order([ADDED], [MOVED, ADDED]) == (MOVED, ADDED)


def test_an_event_is_well_and_says_no_more_by_itself() -> None:
    assert Event(1, Kind.START, "web01") == (1, Kind.START, "web01", "", "", "", None, None, True, "")
