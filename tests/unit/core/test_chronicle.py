"""What happened, in a reader's words."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core.reports.chronicle import merged, of, rows, words
from snow_ha_plugin.core.reports.events import Event, Kind

MIGRATED = Event(100, Kind.MIGRATE, "nis01", "snow02", "from snow01", seconds=3.4, mib=2048)
FENCED = Event(200, Kind.FENCING, "snow02", "snow01", "reboot by snow01")
FAILED = Event(300, Kind.FAILURE, "web01", "snow02", "monitor: it is gone", ok=False)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Event(1, Kind.START, "web01", "snow01", seconds=2.0), "web01 started on snow01, 2 s"),
        (Event(1, Kind.STOP, "web01", "snow01"), "web01 stopped on snow01"),
        (Event(1, Kind.START, "web01", "snow01", "no image", ok=False), "start of web01 on snow01 failed: no image"),
        (MIGRATED, "nis01 migrated from snow01 to snow02, 3 s, 2048 MiB"),
        (Event(1, Kind.MIGRATE, "nis01", "snow02"), "nis01 migrated to snow02"),
        (Event(1, Kind.STOP, "web01", "snow01", ok=False), "stop of web01 on snow01 failed"),
        (Event(1, Kind.FENCING, "snow02"), "snow02 was fenced"),
        (Event(1, Kind.MIGRATE, "nis01", "snow02", ok=False), "migrate of nis01 on snow02 failed"),
        (FAILED, "web01 failed on snow02: monitor: it is gone"),
        (FENCED, "snow02 was fenced: reboot by snow01"),
        (Event(1, Kind.FENCING, "snow02", text="no device", ok=False), "fencing of snow02 failed: no device"),
        (Event(1, Kind.SERVER, "snow02", "snow01", "left the cluster", ok=False), "snow02 left the cluster"),
    ],
)
def test_each_kind_has_its_words(event: Event, text: str) -> None:
    assert words(event) == text


def change(at: float, text: str, by: str = "ada: snow-ha add web01", version: str = "0.5") -> Event:
    return Event(at, Kind.CHANGE, "web01", "snow01", text, by, version=version)


def test_the_changes_of_one_command_are_one_row() -> None:
    found = rows([change(1, "register web01"), change(1, "register web02"), change(2, "register web03", version="0.6")])
    assert [(row.text, row.details, row.version) for row in found] == [
        ("ada: snow-ha add web01", ("register web01", "register web02"), "0.5"),
        ("ada: snow-ha add web01", ("register web03",), "0.6"),
    ]


def test_what_comes_again_is_one_row_where_it_came_last_also_beside_others() -> None:
    def at(time: float) -> list[Event]:
        return [
            Event(time, Kind.FAILURE, "web01", "snow02", "gone", ok=False),
            Event(time + 1, Kind.START, "web01", "snow02"),
        ]

    found = rows([*at(0), *at(60), change(90, "register web02"), *at(120)])
    assert [(row.text, row.times, row.first, row.last) for row in found] == [
        ("ada: snow-ha add web01", 1, 90, 90),
        ("web01 failed on snow02: gone", 3, 0, 120),
        ("web01 started on snow02", 3, 1, 121),
    ]


def test_after_an_hour_it_is_another_one() -> None:
    found = rows([Event(at, Kind.START, "web01", "snow02") for at in (0, 3600, 7201)])
    assert [(row.first, row.times) for row in found] == [(0, 2), (7201, 1)]


def test_a_command_that_is_given_again_is_another_row() -> None:
    assert len(rows([change(1, "register web01"), MIGRATED, change(1, "register web01")])) == 3


def test_what_pacemaker_remembers_is_there_once() -> None:
    elsewhere = Event(205, Kind.FENCING, "snow02", "snow03", "as snow03 heard it")
    beside = [Event(298, Kind.FAILURE, "web01", "snow02", "monitor", ok=False), Event(150, Kind.FENCING, "snow02")]
    assert merged([FAILED, FENCED, elsewhere, MIGRATED], beside) == (MIGRATED, beside[1], FENCED, FAILED)


@pytest.mark.parametrize(
    "other",
    [
        Event(311, Kind.FAILURE, "web01", "snow02", ok=False),
        Event(300, Kind.FAILURE, "web02", "snow02", ok=False),
        Event(300, Kind.FAILURE, "web01", "snow01", ok=False),
        Event(300, Kind.START, "web01", "snow02", ok=False),
    ],
)
def test_another_failure_is_another_event(other: Event) -> None:
    assert set(merged([FAILED], [other])) == {FAILED, other}


def test_of_a_domain_or_server_all_that_concerns_it_is_shown() -> None:
    events = [MIGRATED, FENCED, FAILED]
    assert of(events, "nis01") == (MIGRATED,)
    assert of(events, "snow01") == (MIGRATED, FENCED)
    assert of(events, "snow02") == (MIGRATED, FENCED, FAILED)
    assert of(events, "snow0") == ()


def test_a_row_of_one_event_has_nothing_but_its_time_and_words() -> None:
    assert rows([Event(7, Kind.STOP, "web01", "snow01")]) == ((7, 7, "web01 stopped on snow01", 1, (), ""),)


def test_a_command_of_many_changes_is_one_row_also_behind_another() -> None:
    texts = ("register web02", "register web03", "register web04")
    found = rows([change(1, "register web01"), *(change(2, text) for text in texts)])
    assert [row.details for row in found] == [("register web01",), texts]


def test_what_comes_again_is_told_once_at_any_time() -> None:
    found = rows([Event(1795350148 + at, Kind.START, "web01", "snow02") for at in (0, 3600)])
    assert [(row.first, row.last, row.times) for row in found] == [(1795350148, 1795353748, 2)]


def test_events_of_the_same_moment_stay_in_their_order() -> None:
    stopped, started = Event(9, Kind.STOP, "web01", "snow01"), Event(9, Kind.START, "web01", "snow01")
    assert merged([stopped, started], []) == (stopped, started)
    assert merged([stopped], [started]) == (stopped, started)


@pytest.mark.parametrize(("apart_s", "once"), [(10, True), (-10, True), (10.5, False), (-10.5, False)])
def test_who_sees_a_fencing_ten_seconds_later_sees_the_same(apart_s: float, once: bool) -> None:
    other = FENCED._replace(at=FENCED.at + apart_s, server="snow03")
    assert (merged([FENCED], [other]) == (FENCED,)) is once
