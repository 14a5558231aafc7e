"""The ways of being protected that are compared: how a lab is made for each, and how its cluster is brought back.

Times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.chaos import guide
from tests.chaos.faults import Setting
from tests.chaos.scene import SNOW_HA, Scene
from tests.lab.cluster import QNETD, Lab
from tests.lab.host import LabError
from tests.lab.site import GUIDE_DOMAINS, build_site

# The least that snow-ha takes: a round is mostly waiting for it.
WATCHDOG_S = 5
ENABLED_WITHIN_S = 300.0
STALLS = frozenset({"freeze", "shared"})
OURS = STALLS | {"snow-ha"}


@dataclass(frozen=True)
class Way:
    """`parts`: what a lab of this way offers to faults. `strict`: nothing may run twice. `lab`: more for Lab.up."""

    name: str
    parts: frozenset[str]
    strict: bool
    enable: tuple[str, ...] = ()
    lab: dict[str, Any] = field(default_factory=dict)
    # Of a recovery, before it counts as failed.
    within_s: float = 240.0

    def up(self, name: str, servers: int, debian: str) -> Lab:
        """A lab whose cluster is protected this way, all domains running or about to."""
        site = partial(build_site, SNOW_HA_WATCHDOG_S=str(WATCHDOG_S))
        lab = Lab.up(name, servers, debian, site, **self.lab)
        try:
            self._protect(lab)
        except BaseException:
            lab.down()
            raise
        return lab

    def _protect(self, lab: Lab) -> None:
        if self.name == "guide":
            guide.set_up(lab)
        else:
            lab.run(lab.names[0], [SNOW_HA, "enable", *self.enable], timeout=ENABLED_WITHIN_S)

    def setting(self, lab: Lab) -> Setting:
        domains = tuple(domain.name for domain in GUIDE_DOMAINS)
        return Setting(tuple(lab.names), domains, WATCHDOG_S, self.parts)

    def recover(self, scene: Scene, server: str, within_s: float) -> str:
        """Have the cluster brought back from this server; what went wrong with that, in a line."""
        if self.name == "guide":
            return guide.recover(scene, server, within_s)
        try:
            scene.lab.run(server, [SNOW_HA, "enable", *self.enable], timeout=within_s)
        except LabError as error:
            return " ".join(str(error).split())
        return ""


WAYS = {
    way.name: way
    for way in (
        Way("sbd", OURS | {"sbd", "pills"}, True, ("--fencing", "sbd")),
        Way("ipmi", OURS | {"sbd", "pills", "bmc"}, True, ("--fencing", "ipmi"), {"bmc": True}),
        Way("qdevice", OURS | {"sbd", "qdevice"}, True, ("--qdevice", QNETD), {"qnetd": True}),
        Way("none", OURS, False, ("--without-fencing",), within_s=120.0),
        Way("guide", STALLS, False, within_s=120.0),
    )
}
