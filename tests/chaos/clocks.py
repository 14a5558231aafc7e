"""Servers whose time of day jumps. Times are seconds."""

from __future__ import annotations

import random

from tests.chaos.faults import Fault, Kind, Setting, seconds
from tests.chaos.scene import Scene

# What an administrator's `date`, a dead battery, a time zone and ntpd do.
JUMPS_S = (-86400, -3600, -40, -5, 5, 40, 3600, 86400)


class ClockJumps(Kind):
    """The time of day of one server, or of all, is suddenly another one, and later is right again: nobody minds."""

    name = "clock"
    weight = 4

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        server = chance.choice((*setting.servers, ""))
        return Fault(self.name, seconds=seconds(chance, 3, 40), server=server, what=f"{chance.choice(JUMPS_S):+}")

    def begin(self, scene: Scene, fault: Fault) -> None:
        self._set(scene, fault, int(fault.what))

    def end(self, scene: Scene, fault: Fault) -> None:
        self._set(scene, fault, 0)

    def _set(self, scene: Scene, fault: Fault, wrong_by_s: int) -> None:
        for server in sorted(scene.setting.hit(fault)):
            scene.lab.set_clock(server, wrong_by_s)
