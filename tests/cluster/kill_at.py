"""snow-ha that kills itself (SIGKILL) at a point that is its first argument; runs in a server, with the real code.

Points: `before STEP`, `within N STEP` (after the Nth command that changes a server, one server after the other),
`after STEP`; `before commit`, `after commit`; `after PART` of `disable`.
"""

import os
import signal
import sys
from collections.abc import Callable

from snow_ha_plugin.cli import main
from snow_ha_plugin.guide import disable, enable
from snow_ha_plugin.guide.disable import Part
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.servers import Servers

POINT = sys.argv.pop(1)


def die_at(point):
    if point == POINT:
        os.kill(os.getpid(), signal.SIGKILL)


def deadly(name, carry_out):
    def carried_out(*arguments):
        die_at(f"before {name}")
        must, each, done = Servers.must, Servers.each, []

        def counted(*words, **options):
            result = must(*words, **options)
            done.append(words)
            die_at(f"within {len(done)} {name}")
            return result

        def one_by_one(self, work, names=None):
            return {server: work(server) for server in (self.names if names is None else names)}

        if POINT.startswith("within") and POINT.endswith(f" {name}"):
            Servers.must, Servers.each = counted, one_by_one  # type: ignore[method-assign]
        result = carry_out(*arguments)
        Servers.must, Servers.each = must, each  # type: ignore[method-assign]
        die_at(f"after {name}")
        return result

    return carried_out


def deadly_steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(step._replace(apply=step.apply and deadly(step.name, step.apply)) for step in steps)


def deadly_plan(site: Site, plan: Callable[[Site], list[Part]] = disable.plan) -> list[Part]:
    return [part._replace(carry_out=deadly(f"{part.change.action} {part.change.target}", part.carry_out))
            for part in plan(site)]  # fmt: skip


enable.SERVER_STEPS = deadly_steps(enable.SERVER_STEPS)
enable.AFTERWARDS = deadly_steps(enable.AFTERWARDS)
disable.plan = deadly_plan
LiveCluster.commit = deadly("commit", LiveCluster.commit)  # type: ignore[method-assign]
main.main()
