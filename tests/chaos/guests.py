"""Domains that end by themselves, or by somebody who forgot about Pacemaker. Each must run again. Times are seconds."""

from __future__ import annotations

import random

from tests.chaos.faults import Fault, Kind, Setting, seconds
from tests.chaos.scene import XL, Scene


class GuestEnds(Kind):
    """A domain's kernel panics, its own administrator reboots or shuts it down, or somebody destroys it."""

    name = "guest"
    weight = 5
    ways = ("crash", "reboot", "shutdown", "destroy")

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(
            self.name, seconds=seconds(chance, 1, 5),
            what=chance.choice(self.ways), domain=chance.choice(setting.domains),
        )  # fmt: skip

    def begin(self, scene: Scene, fault: Fault) -> None:
        server = scene.place(fault.domain)
        if server is None:
            scene.note(f"{fault.domain} is not in one place to {fault.what}")
        elif fault.what == "crash":
            scene.world.crash(server, fault.domain)
        else:
            scene.run(server, [XL, fault.what, fault.domain])
