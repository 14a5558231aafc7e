"""Many rounds against one lab, a fresh one where it is broken; what they add up to; the shortest way to a failure.

Times are seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.chaos import choice, rounds
from tests.chaos.faults import Round, Setting, to_json
from tests.chaos.rounds import Report
from tests.chaos.scene import Scene
from tests.chaos.shrinking import shrink
from tests.chaos.ways import Way

Say = Callable[[str], None]

# A set-up that has just ended may still be starting domains.
SETTLED_WITHIN_S = 180.0


@dataclass(frozen=True)
class Plan:
    """What is to be played. `faults`: names of kinds, none for all. `replay`: these rounds, instead of chosen ones."""

    way: Way
    servers: int = 2
    debian: str = "bookworm"
    seed: int = 1
    rounds: int = 20
    faults: tuple[str, ...] = ()
    keep_going: bool = False
    replay: tuple[Round, ...] = ()

    def chosen(self, setting: Setting) -> Iterator[Round]:
        """The rounds, one after the other. ValueError where the lab cannot show any of the faults."""
        if self.replay:
            return iter(self.replay)
        kinds = choice.available(setting, self.faults)
        return (choice.choose(self.seed, number, setting, kinds) for number in range(1, self.rounds + 1))


@dataclass(frozen=True)
class Outcome:
    """All reports, and the rounds that one lab had played when it failed first (none where nothing did)."""

    reports: Sequence[Report]
    failed: Sequence[Round]


class Campaign:
    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan, self.say = plan, say
        self.reports: list[Report] = []
        self._labs = 0

    def run(self) -> Outcome:
        """Play all rounds; with a way that is strict, until the first failure, unless told to keep going."""
        plan = self.plan
        failed: list[Round] = []
        left: Iterator[tuple[int, Round]] | None = None
        while True:
            with self._scene() as scene:
                left = left or enumerate(plan.chosen(scene.setting), start=1)
                played: list[Round] = []
                for number, faults in left:
                    played.append(faults)
                    report = rounds.play(scene, number, faults)
                    self.reports.append(report)
                    self._tell(report)
                    if report.failures and plan.way.strict:
                        failed = failed or list(played)
                        if not plan.keep_going:
                            return Outcome(self.reports, failed)
                    if not report.usable:
                        break
                else:
                    return Outcome(self.reports, failed)

    def shrink(self, failed: Sequence[Round], within_s: float) -> list[Round]:
        """The shortest rounds found within the time that fail on a fresh lab, too."""
        deadline = time.monotonic() + within_s
        return shrink(failed, self._fails, lambda: time.monotonic() < deadline)

    def _fails(self, tried: list[Round]) -> bool:
        self.say(f"shrinking: {' | '.join(' + '.join(map(str, faults)) for faults in tried)}")
        with self._scene() as scene:
            return any(rounds.play(scene, number, faults).failures for number, faults in enumerate(tried, start=1))

    @contextmanager
    def _scene(self) -> Iterator[Scene]:
        """A fresh lab in which every domain runs; gone afterwards, unless SNOW_HA_KEEP_LAB is set."""
        self._labs += 1
        name, began = f"chaos-{os.getpid()}-{self._labs}", time.monotonic()
        lab = self.plan.way.up(name, self.plan.servers, self.plan.debian)
        try:
            scene = Scene(lab, self.plan.way)
            rounds.settle(scene, SETTLED_WITHIN_S)
            self.say(f"lab {name!r} is up after {time.monotonic() - began:.0f} s")
            yield scene
        finally:
            if os.environ.get("SNOW_HA_KEEP_LAB"):
                self.say(f"the lab stays: tests/lab/lab down --name {name}")
            else:
                lab.down()

    def _tell(self, report: Report) -> None:
        self.say(str(report))
        for note in report.notes:
            self.say(f"    {note}")
        for failure in report.failures:
            self.say(f"    {'FAILED' if self.plan.way.strict else 'counted'} {failure}")


def totals(reports: Sequence[Report]) -> str:
    """What a campaign adds up to, in a few lines."""
    recovery = rounds.median_recovery(reports)
    doubles, double_s = sum(report.doubles for report in reports), sum(report.double_s for report in reports)
    return "\n".join([
        f"rounds: {len(reports)}, in {sum(report.seconds for report in reports):.0f} s",
        f"double runs: {doubles}, {double_s:.3f} s",
        f"lost domains: {sum(report.lost for report in reports)}",
        f"resets: {sum(len(report.resets) for report in reports)},"
        f" wrong ones: {sum(report.wrong_resets for report in reports)}",
        f"rounds that failed: {sum(bool(report.failures) for report in reports)},"
        f" after which the lab was broken: {sum(not report.usable for report in reports)}",
        "median recovery: " + ("none" if recovery is None else f"{recovery:.1f} s"),
    ])  # fmt: skip


def command_line(plan: Plan, replay: Iterable[Round]) -> str:
    """The command that plays these rounds again."""
    return (
        f"tests/lab/chaos --servers {plan.servers} --fencing {plan.way.name} --debian {plan.debian}"
        f" --replay '{to_json(replay)}'"
    )
