"""From a healed lab to one in which every domain runs once: with power, `snow-ha enable`, and nothing else.

Times are seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.chaos import observation
from tests.chaos.observation import Standing
from tests.chaos.scene import SNOW_HA, Scene
from tests.lab.host import LabError, wait_until

POLL_S = 1.0
# So long all must be well before it counts: what was lost for a moment is missed only a token (3 s) later.
HOLDS_S = 4.0
# Of a server that is off, before somebody turns it on: a real one is away for minutes.
POWER_CYCLE_S = 12.0
# For what Pacemaker mends by itself: a monitor comes every 30 s.
BY_ITSELF_S = 40.0
# Between two attempts to enable.
PAUSE_S = 8.0
# Domains move away or stop before their server goes down, each within its 120 s; corosync and sbd after them. Before
# that, the DC may have to give up an action that its controller has lost by being killed, with all that it would have
# said: a probe's 60 s, and cluster-delay, another 60 (seen: "did not send monitor result within 120000ms").
GOES_DOWN_WITHIN_S = 120.0 + 150.0
BOOTED = ["/usr/bin/systemctl", "is-system-running"]


@dataclass(frozen=True)
class Recovery:
    """`attempts`: how often `enable` was needed. `standing`: the last look, good or at the deadline."""

    seconds: float
    attempts: int
    standing: Standing
    complaints: tuple[str, ...] = ()


class Recoverer:
    """One recovery of one lab; `number`, of the round, decides on which server `enable` is tried first."""

    def __init__(self, scene: Scene, number: int, within_s: float) -> None:
        self.scene, self.number, self.within_s = scene, number, within_s
        self._off_since: dict[str, float] = {}
        self._attempts = 0
        self._last_attempt = time.monotonic()
        self._outcome = ""

    def recover(self) -> Recovery:
        """Return when all has been well for a while, or at the deadline."""
        complaints = self._wait_for_shutdowns()
        began = time.monotonic()
        good_since = None
        while True:
            self._power_on()
            self._give_back()
            now = time.monotonic()
            standing = observation.look(self.scene)
            if not standing.is_good:
                good_since = None
            elif good_since is None:
                good_since = now
            elif now >= good_since + HOLDS_S:
                return Recovery(good_since - began, self._attempts, standing, complaints)
            if now > began + self.within_s:
                if self._outcome:
                    self.scene.note(self._outcome)
                return Recovery(now - began, self._attempts, standing, complaints)
            if self._is_time_to_enable(standing, now):
                self._enable()
            else:
                time.sleep(POLL_S)

    def _wait_for_shutdowns(self) -> tuple[str, ...]:
        """Nobody hurries a server that shuts down in good order; one that does not get there loses its plug."""
        scene, complaints = self.scene, []
        for server in sorted(scene.leaving):
            try:
                wait_until(lambda: scene.has_left(server), GOES_DOWN_WITHIN_S, f"{server} does not shut down")  # noqa: B023
            except LabError as error:
                complaints.append(str(error))
                scene.lab.power_off(server)
        scene.leaving.clear()
        return tuple(complaints)

    def _power_on(self) -> None:
        now = time.monotonic()
        for server in self.scene.setting.servers:
            if self.scene.lab.is_on(server):
                self._off_since.pop(server, None)
            elif now > self._off_since.setdefault(server, now) + POWER_CYCLE_S:
                self.scene.power_on(server)

    def _give_back(self) -> None:
        """What an administrator has drained or taken out, he gives back: nobody else does."""
        for verb, given in (("undrain", self.scene.drained), ("add", self.scene.removed)):
            for name in sorted(given):
                for server in self.scene.setting.servers:
                    if self.scene.run(server, ["/bin/sh", "-c", f"{SNOW_HA} {verb} {name} >&2 && echo done"]):
                        given.discard(name)
                        break

    def _is_time_to_enable(self, standing: Standing, now: float) -> bool:
        if standing.is_good or now < self._last_attempt + (PAUSE_S if standing.cluster else BY_ITSELF_S):
            return False
        return all((self.scene.run(name, BOOTED) or "").strip() in ("running", "degraded") for name in self._servers())

    def _servers(self) -> tuple[str, ...]:
        return self.scene.setting.servers

    def _enable(self) -> None:
        servers = self._servers()
        server = servers[(self.number + self._attempts) % len(servers)]
        self._attempts += 1
        self._outcome = self.scene.way.recover(self.scene, server, self.within_s)
        self._last_attempt = time.monotonic()
