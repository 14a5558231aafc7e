"""The checker must see a domain that ran twice at once, in every way in which it could."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lab import ledger
from tests.lab.ledger import Interval


def run(server: str, start: float, end: float | None, domain: str = "web01", **more: object) -> Interval:
    values = {"uuid": "u-" + domain, "domid": 1, "started_by": "create", "ended_by": "poweroff", **more}
    return Interval(domain=domain, server=server, start=start, end=end, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([run("a", 0, 10), run("b", 9, 20)], (9, 10)),
        ([run("b", 9, 20), run("a", 0, 10)], (9, 10)),
        ([run("a", 0, 10), run("b", 2, 3)], (2, 3)),
        ([run("a", 0, None), run("b", 5, None)], (5, None)),
        ([run("a", 0, None), run("b", 5, 6)], (5, 6)),
        ([run("a", 0, 10, domid=1), run("a", 5, 6, domid=2)], (5, 6)),
        ([run("a", 0, 10), run("b", 5, 6, domain="renamed", uuid="u-web01")], (5, 6)),
        ([run("a", 0, 10), run("b", 5, 6, uuid="another")], (5, 6)),
    ],
)
def test_two_runs_at_once_are_found_with_their_time(runs, expected):
    (double,) = ledger.doubles(runs)
    assert (double.start, double.end) == expected
    assert f"ran on {double.first.server}" in str(double)


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [run("a", 0, 10), run("b", 10, 20)],
        [run("a", 0, None), run("b", 5, None, domain="web02")],
        [run("a", 0, 5), run("a", 6, 7), run("b", 8, None)],
    ],
)
def test_runs_one_after_the_other_are_no_double(runs):
    assert ledger.doubles(runs) == []


def test_all_pairs_of_three_runs_at_once_are_found():
    assert len(ledger.doubles([run("a", 0, 9), run("b", 1, 9), run("c", 2, 9)])) == 3


def write(path: Path, *events: tuple[float, str, str, str]) -> Path:
    common = {"domain": "web01", "uuid": "u", "domid": 1}
    lines = [
        {**common, "mono": mono, "wall": mono, "server": server, "event": event, "why": why}
        for mono, server, event, why in events
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_program_fails_on_a_double_run_and_names_it(tmp_path, capsys):
    events = (1, "a", "run", "create"), (2, "b", "run", "unpause"), (3, "a", "halt", "x")
    path = write(tmp_path / "ledger.jsonl", *events)
    assert ledger.main([str(path)]) == 1
    assert ledger.main([str(tmp_path)]) == 1
    assert "web01 ran on a" in capsys.readouterr().out


def test_the_program_is_content_with_a_migration(tmp_path, capsys):
    path = write(tmp_path / "l", (1, "a", "run", "create"), (2, "a", "halt", "migrate"), (3, "b", "run", "migrate"))
    assert ledger.main([str(path)]) == 0
    assert capsys.readouterr().out == ""


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path):
    path = write(tmp_path / "ledger.jsonl", (1, "a", "run", "create"))
    path.write_text(path.read_text() + '{"mono": 2, "ser')
    assert [run.server for run in ledger.read(path)] == ["a"]


def test_a_halt_without_a_run_is_no_ledger(tmp_path):
    with pytest.raises(KeyError):
        ledger.read(write(tmp_path / "ledger.jsonl", (1, "a", "halt", "x")))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([run("a", 0, None)], False),
        ([run("a", 0, 5), run("b", 5.2, None, started_by="migrate")], False),
        ([run("a", 0, 5), run("a", 6, None, started_by="unpause")], False),
        ([run("a", 0, 5), run("b", 5.2, None, started_by="create")], True),
        ([run("a", 0, 5), run("a", 5.2, None, started_by="reboot")], True),
        ([run("a", 0, 5)], True),
        ([run("a", 3, None)], True),
        ([run("a", 0, None, domain="web02")], True),
    ],
)
def test_a_migration_is_no_interruption_and_a_boot_is(runs, expected):
    assert ledger.interrupted(runs, "web01", 1, 10) == expected
