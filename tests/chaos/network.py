"""Cut cables: of one server, of all, for one direction only. The shared file system stays. Times are seconds."""

from __future__ import annotations

import random
from typing import cast

from tests.chaos.faults import NOBODY, UNNOTICED_S, Fault, Kind, Setting, seconds
from tests.chaos.scene import Scene
from tests.lab.network import Direction

# So often a cut is too short for anybody to be missed.
SHORT = 0.25


class Cut(Kind):
    """One server loses its network. With two servers nobody can say which of them has lost it."""

    name = "cut"
    weight = 6
    directions: tuple[str, ...] = ("both",)

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        lasts = seconds(chance, 0.5, UNNOTICED_S) if chance.random() < SHORT else seconds(chance, 7, 25)
        return Fault(
            self.name, seconds=lasts, server=chance.choice(setting.servers), what=chance.choice(self.directions)
        )

    def begin(self, scene: Scene, fault: Fault) -> None:
        for server in sorted(scene.setting.hit(fault)):
            scene.lab.cut(server, cast("Direction", fault.what))

    def end(self, scene: Scene, fault: Fault) -> None:
        for server in sorted(scene.setting.hit(fault)):
            scene.lab.heal(server)

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        if fault.seconds <= UNNOTICED_S:
            return NOBODY
        return frozenset(setting.servers) if len(setting.servers) == 2 else setting.hit(fault)


class CutOneDirection(Cut):
    """What a server sends is lost, or what is sent to it."""

    name = "cut-one-way"
    weight = 3
    directions = ("in", "out")


class CutAll(Cut):
    """The switch fails: each server is alone."""

    name = "cut-all"
    weight = 2

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(self.name, seconds=seconds(chance, 0.5, 25), what="both")
