"""The ledger of a lab's world: what ran where from when to when, and whether anything ever ran twice at once.

`python3 -m tests.lab.ledger PATH` prints a line for each time a domain ran twice at once, and exits 1 if there is one.

A domain "runs" while its guest executes: not while it is paused, suspended, half received or half built. Two
domains are the same one if they have the same name (without xl's --incoming and --migratedaway) or the same
UUID: either way they write to the same images. Times are CLOCK_MONOTONIC, in seconds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FRESH_BOOTS = frozenset({"create", "reboot"})


@dataclass(frozen=True)
class Interval:
    """One uninterrupted run on one server; `end` is None while it lasts."""

    domain: str
    server: str
    uuid: str
    domid: int
    start: float
    end: float | None
    started_by: str
    ended_by: str | None


@dataclass(frozen=True)
class Double:
    """Two runs of one domain, and the time for which they overlap; `end` is None while it lasts."""

    first: Interval
    second: Interval
    start: float
    end: float | None

    def __str__(self) -> str:
        first, second = self.first, self.second
        lasted = "until now" if self.end is None else f"for {self.end - self.start:.3f} s"
        return (
            f"{second.domain} ran on {first.server} (domid {first.domid}, {first.started_by}) and on "
            f"{second.server} (domid {second.domid}, {second.started_by}) at once, {lasted}, from {self.start:.3f}"
        )


def read(path: Path | str) -> list[Interval]:
    """The runs in the ledger file, by start. A last line without its newline is still being written."""
    open_runs: dict[tuple[str, int, str], dict[str, Any]] = {}
    found = []
    for line in Path(path).read_text().splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        event = json.loads(line)
        key = (event["server"], event["domid"], event["uuid"])
        if event["event"] == "run":
            open_runs[key] = event
        else:
            found.append(_interval(open_runs.pop(key), event))
    found += [_interval(begun, None) for begun in open_runs.values()]
    return sorted(found, key=lambda run: (run.start, run.server, run.domain))


def _interval(begun: dict[str, Any], ended: dict[str, Any] | None) -> Interval:
    return Interval(
        begun["domain"],
        begun["server"],
        begun["uuid"],
        begun["domid"],
        begun["mono"],
        ended["mono"] if ended else None,
        begun["why"],
        ended["why"] if ended else None,
    )


def doubles(intervals: Iterable[Interval]) -> list[Double]:
    """Every pair of runs of the same domain that overlap. One that ends when the other starts is no overlap."""
    found = []
    alive: list[Interval] = []
    for run in sorted(intervals, key=lambda run: run.start):
        alive = [other for other in alive if other.end is None or other.end > run.start]
        for other in alive:
            if other.domain == run.domain or other.uuid == run.uuid:
                ends = [end for end in (other.end, run.end) if end is not None]
                overlap = Double(other, run, run.start, min(ends, default=None))
                if overlap.end is None or overlap.end > overlap.start:
                    found.append(overlap)
        alive.append(run)
    return found


def where(intervals: Iterable[Interval], domain: str) -> list[str]:
    """The servers on which the domain runs now."""
    return sorted(run.server for run in intervals if run.domain == domain and run.end is None)


def interrupted(intervals: Iterable[Interval], domain: str, start: float, end: float) -> bool:
    """Whether the guest lost its memory between the two times: it was booted afresh, or was not there at one of them.

    The pause of a migration is no interruption.
    """
    runs = [run for run in intervals if run.domain == domain]
    booted = any(start < run.start <= end and run.started_by in FRESH_BOOTS for run in runs)
    there = all(
        any(run.start <= moment and (run.end is None or run.end > moment) for run in runs) for moment in (start, end)
    )
    return booted or not there


def main(words: list[str]) -> int:
    if len(words) != 1:
        print("usage: python3 -m tests.lab.ledger PATH", file=sys.stderr)
        return 64
    path = Path(words[0])
    found = doubles(read(path / "ledger.jsonl" if path.is_dir() else path))
    for double in found:
        print(double)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
