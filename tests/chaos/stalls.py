"""Servers that stand still, and a shared file system that does, fails, or takes no writes. Times are seconds."""

from __future__ import annotations

import random

from tests.chaos.faults import NOBODY, UNNOTICED_S, Fault, Kind, Setting, seconds
from tests.chaos.scene import Scene

# A monitor that hangs fails after 30 s and 60 s more, and the stop that follows after 120 s: then a server is fenced.
OUTLASTS_A_STOP_S = (215, 240)


class Freeze(Kind):
    """Everything in one server stands still, for less or for more than its watchdog waits; its domains run on.

    Whoever comes back has missed everybody else: only the one that stood still may be reset for it.
    """

    name = "freeze"
    weight = 5
    needs = frozenset({"freeze"})

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        watchdog = setting.watchdog_s
        lasts = chance.choice((
            seconds(chance, 0.5, UNNOTICED_S),
            seconds(chance, UNNOTICED_S, max(UNNOTICED_S, watchdog - 1)),
            seconds(chance, watchdog + 1, watchdog + 15),
        ))  # fmt: skip
        return Fault(self.name, seconds=lasts, server=chance.choice(setting.servers))

    def begin(self, scene: Scene, fault: Fault) -> None:
        if scene.can_run(fault.server):
            scene.frozen.add(fault.server)
            scene.attempt(lambda: scene.lab.freeze(fault.server))

    def end(self, scene: Scene, fault: Fault) -> None:
        if fault.server in scene.frozen and scene.lab.is_on(fault.server):
            scene.attempt(lambda: scene.lab.thaw(fault.server))
        scene.frozen.discard(fault.server)

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        return NOBODY if fault.seconds <= UNNOTICED_S else setting.hit(fault)


class SharedHangs(Kind):
    """/sNow answers nobody, or not one server. All see each other meanwhile, and all stay up."""

    name = "shared-hang"
    weight = 4
    needs = frozenset({"shared"})
    verb = "shared_hang"

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        server = chance.choice((*setting.servers, ""))
        lasts = chance.choice((seconds(chance, 3, 30), seconds(chance, 3, 30), seconds(chance, *OUTLASTS_A_STOP_S)))
        return Fault(self.name, seconds=lasts, server=server)

    def begin(self, scene: Scene, fault: Fault) -> None:
        for server in sorted(scene.setting.hit(fault)):
            getattr(scene.lab, self.verb)(server)

    def end(self, scene: Scene, fault: Fault) -> None:
        for server in sorted(scene.setting.hit(fault)):
            scene.lab.shared_mend(server)


class SharedFails(SharedHangs):
    """Each access to /sNow is an error. Who has lost the file system may be reset, but not all of them."""

    name = "shared-fail"
    weight = 2
    verb = "shared_fail"

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        return setting.hit(fault) if fault.server else NOBODY


class SharedReadOnly(SharedFails):
    """/sNow takes no writes."""

    name = "shared-read-only"
    verb = "shared_read_only"
