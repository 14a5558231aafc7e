"""One round: its faults begin and end at their times, everything is healed, the cluster comes back, and is judged.

Times are seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos import observation, verdict
from tests.chaos.choice import KINDS
from tests.chaos.faults import Fault, Round
from tests.chaos.recovery import Recoverer
from tests.chaos.scene import SNOW_HA, Scene
from tests.chaos.verdict import RESETS, Evidence, Reset
from tests.lab.host import wait_until
from tests.lab.ledger import FRESH_BOOTS

SPREAD_WITHIN_S = 90.0
# What the first look takes.
NOTICED_S = 1.0
# For commands that go on when all is healed; an administrator has no more patience than that.
COMMANDS_WITHIN_S = 30.0


@dataclass(frozen=True)
class Report:
    """What a round was and what came of it. `double_s`: for how long anything ran twice. `fresh`: domains booted."""

    number: int
    faults: Round
    seconds: float
    recovery_s: float
    attempts: int
    resets: Sequence[Reset]
    doubles: int
    double_s: float
    lost: int
    wrong_resets: int
    fresh: int
    failures: Sequence[str]
    notes: Sequence[str]
    usable: bool

    def __str__(self) -> str:
        faults = " + ".join(map(str, self.faults))
        resets = f"; reset: {', '.join(map(str, self.resets))}" if self.resets else ""
        doubles = f"; {self.doubles} ran twice for {self.double_s:.3f} s" if self.doubles else ""
        enabled = f", enable x{self.attempts}" if self.attempts else ""
        again = f"all run after {self.recovery_s:.1f} s{enabled}" if self.usable else f"NOT WELL{enabled}"
        booted = f"; {self.fresh} booted" if self.fresh else ""
        return f"round {self.number:3} {self.seconds:6.1f} s  {faults}{resets}{doubles}{booted}; {again}"


def play(scene: Scene, number: int, faults: Round) -> Report:
    """Play a round to its end. The lab can be used for another one unless the report says that it is not `usable`."""
    before = observation.fenced(scene)
    scene.new_round()
    _spread(scene, number)
    start = time.monotonic()
    for when, begins, fault in _moments(faults):
        _wait_until(start + when)
        kind = KINDS[fault.kind]
        (kind.begin if begins else kind.end)(scene, fault)
    scene.finish(COMMANDS_WITHIN_S)
    recovery = Recoverer(scene, number, scene.way.within_s).recover()
    usable = recovery.standing.is_good
    intervals = scene.world.intervals()
    evidence = Evidence(
        doubles=[double for double in scene.world.doubles() if double.start >= scene.began],
        standing=recovery.standing,
        configuration=observation.configuration(scene) if usable else None,
        resets=_resets(scene),
        fenced=frozenset(target for target, *_ in observation.fenced(scene) - before),
        lost=[domain for domain in scene.setting.domains if not scene.world.where(domain)],
        complaints=recovery.complaints,
    )
    now = time.monotonic()
    return Report(
        number, faults, now - scene.began, recovery.seconds, recovery.attempts,
        evidence.resets, len(evidence.doubles), verdict.double_seconds(evidence.doubles, now),
        len(evidence.lost), len(verdict.wrong_resets(faults, scene.setting, evidence)),
        sum(run.start >= scene.began and run.started_by in FRESH_BOOTS for run in intervals),
        verdict.failures(faults, scene.setting, evidence), tuple(scene.notes), usable,
    )  # fmt: skip


def settle(scene: Scene, within_s: float) -> None:
    """Wait until a fresh lab is where rounds begin: every domain runs once. LabError at the deadline."""
    wait_until(lambda: observation.look(scene).is_good, within_s, f"{scene.lab.name} does not come to rest")


def _spread(scene: Scene, number: int) -> None:
    """Every other round begins with domains on all servers: what fails over stays together, and hurts nobody else."""
    places = {scene.place(domain) for domain in scene.setting.domains}
    if number % 2 and "snow-ha" in scene.setting.parts and not places.issuperset(scene.setting.servers):
        scene.begin(scene.setting.servers[0], [SNOW_HA, "balance", "--yes"])
        scene.finish(SPREAD_WITHIN_S)


def _moments(faults: Round) -> list[tuple[float, bool, Fault]]:
    """When what begins (True) or ends."""
    begins = [(fault.at_s, True, fault) for fault in faults]
    ends = [(fault.at_s + fault.seconds, False, fault) for fault in faults]
    return sorted([*begins, *ends], key=lambda moment: moment[:2])


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _resets(scene: Scene) -> list[Reset]:
    return [Reset(event.server, event.what) for event in scene.events() if event.what in RESETS]


def median_recovery(reports: Sequence[Report]) -> float | None:
    """Of the rounds after which there was something to recover."""
    times = [report.recovery_s for report in reports if report.usable and report.recovery_s >= NOTICED_S]
    return statistics.median(times) if times else None
