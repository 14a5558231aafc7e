"""Power: plugs that are pulled, servers that are shut down and rebooted in good order. Times are seconds."""

from __future__ import annotations

import random

from tests.chaos.faults import NOBODY, Fault, Kind, Setting, seconds
from tests.chaos.scene import Scene
from tests.lab.cluster import QNETD


class PowerOff(Kind):
    """One server's plug is pulled."""

    name = "power-off"
    weight = 5

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(self.name, seconds=seconds(chance, 10, 20), server=chance.choice(setting.servers))

    def begin(self, scene: Scene, fault: Fault) -> None:
        for server in sorted(scene.setting.hit(fault)):
            scene.lab.power_off(server)
            scene.frozen.discard(server)

    def end(self, scene: Scene, fault: Fault) -> None:
        for server in sorted(scene.setting.hit(fault)):
            scene.power_on(server)

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        return setting.hit(fault)


class PowerOffAll(PowerOff):
    """The site's power fails."""

    name = "power-off-all"
    weight = 2

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(self.name, seconds=seconds(chance, 10, 15))


class QnetdOff(PowerOff):
    """The third host, which has a vote and no domains, loses its power: nobody else has to go."""

    name = "qnetd-off"
    weight = 2
    needs = frozenset({"qdevice"})

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(self.name, seconds=seconds(chance, 10, 20), server=QNETD)

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        return NOBODY


class ShutDown(Kind):
    """An administrator shuts one server down in good order: nobody has a reason to reset it.

    Recovery gives it power again.
    """

    name = "shut-down"
    weight = 4
    verb = "poweroff"

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(self.name, seconds=seconds(chance, 5, 15), server=chance.choice(setting.servers))

    def begin(self, scene: Scene, fault: Fault) -> None:
        if scene.begin(fault.server, ["/usr/bin/systemctl", self.verb]):
            scene.leaving.add(fault.server)

    def goes_down(self, fault: Fault) -> frozenset[str]:
        return frozenset({fault.server})


class Reboot(ShutDown):
    """An administrator reboots one server."""

    name = "reboot"
    verb = "reboot"
