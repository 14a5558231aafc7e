"""`xl` that is slow, hangs or fails; starts and migrations that fail. Times are seconds."""

from __future__ import annotations

import random
from typing import Any

from tests.chaos.faults import NOBODY, Fault, Kind, Setting, seconds
from tests.chaos.scene import SNOW_HA, XL, Scene
from tests.lab.xlstandin.store import DEFAULTS

# A monitor has 60 s, the stop after it as many: nothing may come of an xl that answers again before.
PATIENCE_S = 60
SLOW: dict[str, Any] = {"start_s": 12.0, "shutdown_s": 12.0, "copy_s": 8.0, "dying_s": 4.0}
ASKED = ("list", "create", "shutdown", "destroy", "migrate")


class XlSlow(Kind):
    """Starts, shutdowns and migrations take much longer everywhere, while a domain is shut down."""

    name = "xl-slow"

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(self.name, seconds=seconds(chance, 8, 20), domain=chance.choice(setting.domains))

    def begin(self, scene: Scene, fault: Fault) -> None:
        scene.world.configure(**SLOW)
        if server := scene.place(fault.domain):
            scene.run(server, [XL, "shutdown", fault.domain])

    def end(self, scene: Scene, fault: Fault) -> None:
        usual: dict[str, Any] = {key: DEFAULTS[key] for key in SLOW}
        scene.world.configure(**usual)


class XlHangs(Kind):
    """No xl on one server comes to an end: for less than a monitor waits, seldom for longer."""

    name = "xl-hang"
    weight = 3
    how = "hang"

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        least, most = (PATIENCE_S + 5, PATIENCE_S + 30) if chance.random() < 0.1 else (5, PATIENCE_S - 20)
        return Fault(self.name, seconds=seconds(chance, least, most), server=chance.choice(setting.servers))

    def begin(self, scene: Scene, fault: Fault) -> None:
        for verb in ASKED:
            scene.world.fault(verb, self.how, server=fault.server, stderr="xl: error: chosen by the exerciser")

    def end(self, scene: Scene, fault: Fault) -> None:
        scene.world.mend()

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        return setting.hit(fault) if fault.seconds > PATIENCE_S else NOBODY


class XlFails(XlHangs):
    """Each xl on one server fails, for less than a monitor waits: nobody can say what runs there, or stop it."""

    name = "xl-fail"
    weight = 2
    how = "fail"

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(self.name, seconds=seconds(chance, 5, 40), server=chance.choice(setting.servers))


class StartFails(Kind):
    """A domain is gone, and cannot be started: on the server where it ran, or anywhere; before or in the middle."""

    name = "start-fails"
    weight = 4

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(
            self.name, seconds=seconds(chance, 5, 25), domain=chance.choice(setting.domains),
            what=f"{chance.choice(('create', 'build'))} {chance.choice(('here', 'anywhere'))}",
        )  # fmt: skip

    def begin(self, scene: Scene, fault: Fault) -> None:
        server = scene.place(fault.domain)
        if server is None:
            scene.note(f"{fault.domain} is not in one place to be ended")
            return
        point, where = fault.what.split()
        scene.world.fault(
            point, "fail", server=server if where == "here" else None, domain=fault.domain,
            stderr="libxl: error: libxl_create.c: cannot add disk devices",
        )  # fmt: skip
        scene.run(server, [XL, "destroy", fault.domain])

    def end(self, scene: Scene, fault: Fault) -> None:
        scene.world.mend()


class MigrationFails(Kind):
    """An administrator moves a domain, and a stage of the migration (xlstandin/migration.py) fails on either side."""

    name = "migration-fails"
    weight = 5
    needs = frozenset({"snow-ha"})
    stages = ("copy", "ready", "permission", "report")
    # Only the sender has a transport to be cut.
    ways = ("fail source", "die source", "hang source", "cut source", "fail target", "die target", "hang target")

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(
            self.name, seconds=seconds(chance, 8, 20), domain=chance.choice(setting.domains),
            server=chance.choice(setting.servers), what=f"{chance.choice(self.stages)} {chance.choice(self.ways)}",
        )  # fmt: skip

    def begin(self, scene: Scene, fault: Fault) -> None:
        source = scene.place(fault.domain)
        if source is None:
            scene.note(f"{fault.domain} is not in one place to move from")
            return
        target = fault.server if fault.server != source else min(scene.setting.others(source))
        stage, how, side = fault.what.split()
        scene.world.fault(stage, how, server=source if side == "source" else target, domain=fault.domain)
        scene.begin(source, [SNOW_HA, "move", fault.domain, target])

    def end(self, scene: Scene, fault: Fault) -> None:
        scene.world.mend()
