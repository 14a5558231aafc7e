"""Administrators: two of them at once, and one whose command is killed in the middle. Times are seconds."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.chaos.faults import Fault, Kind, Setting, seconds
from tests.chaos.scene import SNOW_HA, Scene

VERBS = ("add", "balance", "drain", "enable", "move", "remove", "sync")


def command_line(scene: Scene, verb: str, server: str, domain: str) -> Sequence[str]:
    """The command line of a verb, on whichever it is: `server` is the one that is drained, `domain` what is moved."""
    more = {
        "add": [domain],
        "balance": ["--yes"],
        "drain": ["--force", server],
        "enable": scene.way.enable,
        "remove": [domain],
        "move": [domain],
    }
    return [SNOW_HA, verb, *more.get(verb, [])]


class TwoVerbs(Kind):
    """Two administrators use a verb each, on two servers, at the same time, for the same domain."""

    name = "two-verbs"
    weight = 4
    needs = frozenset({"snow-ha"})

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        verbs = chance.choices(VERBS, k=2)
        return Fault(
            self.name, seconds=seconds(chance, 5, 15), server=chance.choice(setting.servers),
            what=" ".join(verbs), domain=chance.choice(setting.domains),
        )  # fmt: skip

    def begin(self, scene: Scene, fault: Fault) -> None:
        other = min(scene.setting.others(fault.server))
        for verb, where in zip(fault.what.split(), (fault.server, other), strict=True):
            scene.begin(where, command_line(scene, verb, other, fault.domain))
            if verb == "drain":
                scene.drained.add(other)
            if verb == "remove":
                scene.removed.add(fault.domain)


class VerbKilled(Kind):
    """`snow-ha` is killed in the middle, `seconds` after its beginning."""

    name = "verb-killed"
    weight = 4
    needs = frozenset({"snow-ha"})
    verbs = ("balance", "drain", "enable", "move")

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        return Fault(
            self.name, seconds=seconds(chance, 0.3, 6), server=chance.choice(setting.servers),
            what=chance.choice(self.verbs), domain=chance.choice(setting.domains),
        )  # fmt: skip

    def begin(self, scene: Scene, fault: Fault) -> None:
        scene.begin(fault.server, command_line(scene, fault.what, fault.server, fault.domain))
        if fault.what == "drain":
            scene.drained.add(fault.server)

    def end(self, scene: Scene, fault: Fault) -> None:
        scene.kill(command_line(scene, fault.what, fault.server, fault.domain))
