"""SIGKILL for corosync, sbd and Pacemaker, as a whole and for each of their processes. Times are seconds."""

from __future__ import annotations

import random
from types import MappingProxyType

from tests.chaos.faults import Fault, Kind, Setting, seconds
from tests.chaos.scene import Scene

# By the beginning of its command line.
CLUSTER = MappingProxyType(
    {
        "corosync": "/usr/sbin/corosync",
        "pacemakerd": "/usr/sbin/pacemakerd",
        **{
            daemon: f"/usr/lib/pacemaker/{daemon}"
            for daemon in (
                "pacemaker-based", "pacemaker-fenced", "pacemaker-execd",
                "pacemaker-attrd", "pacemaker-schedulerd", "pacemaker-controld",
            )
        },
    }
)  # fmt: skip
SBD = MappingProxyType(
    {
        "inquisitor": "sbd: inquisitor",
        "cluster-watcher": "sbd: watcher: Cluster",
        "pacemaker-watcher": "sbd: watcher: Pacemaker",
    }
)
SBD_DISK = MappingProxyType({"disk-watcher": "sbd: watcher: /dev/"})
QDEVICE = MappingProxyType({"qdevice": "/usr/sbin/corosync-qdevice"})


class KillDaemon(Kind):
    """One process of corosync or Pacemaker is killed. Whoever loses its cluster like that may be reset."""

    name = "kill"
    weight = 8
    processes = CLUSTER

    def choose(self, chance: random.Random, setting: Setting) -> Fault:
        server = chance.choice(setting.servers)
        return Fault(self.name, seconds=seconds(chance, 2, 15), server=server, what=chance.choice([*self.processes]))

    def begin(self, scene: Scene, fault: Fault) -> None:
        pattern = f"^{self.processes[fault.what]}"
        found = scene.run(fault.server, ["/usr/bin/pkill", "--signal", "KILL", "--echo", "--full", pattern])
        if not found:
            scene.note(f"{fault.server} had no {fault.what} to kill")

    def may_be_reset(self, fault: Fault, setting: Setting) -> frozenset[str]:
        return setting.hit(fault)


class KillSbd(KillDaemon):
    """One process of sbd is killed: the one that feeds the watchdog, or one that tells it of the cluster."""

    name = "kill-sbd"
    weight = 3
    needs = frozenset({"sbd"})
    processes = SBD


class KillDiskWatcher(KillDaemon):
    """The process of sbd that reads the pills is killed."""

    name = "kill-sbd-disk"
    weight = 1
    needs = frozenset({"pills"})
    processes = SBD_DISK


class KillQdevice(KillDaemon):
    """The process that holds the third host's vote is killed."""

    name = "kill-qdevice"
    weight = 1
    needs = frozenset({"qdevice"})
    processes = QDEVICE
