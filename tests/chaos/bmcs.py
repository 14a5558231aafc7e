"""BMCs that are dead, and such that say "off" of a server that is on. Times are seconds."""

from __future__ import annotations

import random

from tests.chaos.faults import NOBODY, Fault, Kind, Setting, seconds
from tests.chaos.scene import Scene


class BmcDead(Kind):
    """A BMC does not answer: by itself, or because it lost its power together with its server."""

    name = "bmc-dead"
    weight = 3
    needs = frozenset({"bmc"})
    ways = ("alone", "with-server")

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(
            self.name, seconds=seconds(chance, 10, 20),
            server=chance.choice(setting.servers), what=chance.choice(self.ways),
        )  # fmt: skip

    def begin(self, scene: Scene, fault: Fault) -> None:
        scene.lab.bmc_dead(fault.server)
        if fault.what == "with-server":
            scene.lab.power_off(fault.server)
            scene.frozen.discard(fault.server)

    def end(self, scene: Scene, fault: Fault) -> None:
        scene.lab.bmc_mend(fault.server)
        if fault.what == "with-server":
            scene.power_on(fault.server)

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        return setting.hit(fault) if fault.what == "with-server" else NOBODY


class BmcLies(Kind):
    """A BMC says "off" and does nothing. By itself nobody asks it; no fencing by BMCs can be better than they are."""

    name = "bmc-lies"
    weight = 1
    needs = frozenset({"bmc"})

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(self.name, seconds=seconds(chance, 5, 20), server=chance.choice(setting.servers))

    def begin(self, scene: Scene, fault: Fault) -> None:
        scene.lab.bmc_lies(fault.server)

    def end(self, scene: Scene, fault: Fault) -> None:
        scene.lab.bmc_mend(fault.server)
