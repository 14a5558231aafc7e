"""The agent as Pacemaker calls it, for one guest of a lab. Times are seconds."""

import subprocess

from tests.xen.guests import Servers
from tests.xen.standin import StandInLab
from tests.xenlab.cluster import AGENT
from tests.xenlab.guest import Guest

SUCCESS, GENERIC, NOT_RUNNING = 0, 1, 7
# Emulated servers are some fifty times slower than real ones.
OPERATION_S = 300
STAND_IN_OPERATION_S = 30
# For an agent on a busy machine to come to its own end, which is before the operation's.
BUSY_S = 30


class Agent:
    def __init__(self, lab: Servers, guest: Guest) -> None:
        self.lab = lab
        self.guest = guest
        self.operation_s = STAND_IN_OPERATION_S if isinstance(lab, StandInLab) else OPERATION_S

    def command(self, server: str, action: str, target: str = "", **more: str) -> list[str]:
        """The command line for this machine of one action; `target` for migrations; more of its environment."""
        environment = {
            "OCF_ROOT": "/usr/lib/ocf",
            "OCF_RESOURCE_INSTANCE": self.guest.name,
            "OCF_RESKEY_xmfile": self.guest.file,
            "OCF_RESKEY_CRM_meta_timeout": str(self.operation_s * 1000),
            "OCF_RESKEY_CRM_meta_on_node": server,
            **more,
        }
        if target:
            environment["OCF_RESKEY_CRM_meta_migrate_target"] = target
        return self.lab.command(server, [AGENT, action], environment, self.operation_s)

    def begin(self, server: str, action: str, target: str = "", **more: str) -> "subprocess.Popen[str]":
        words = self.command(server, action, target, **more)
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def end(self, process: "subprocess.Popen[str]") -> tuple[int, str]:
        """Exit status and messages of an action that was begun."""
        try:
            _, said = process.communicate(timeout=self.operation_s + BUSY_S)
        finally:
            process.kill()
        print(said)
        return process.returncode, said

    def does(self, server: str, action: str, target: str = "") -> int:
        """The exit status of an action; what the agent said is shown where a test fails."""
        print(f"{server}: {action} {target}")
        status, _ = self.end(self.begin(server, action, target))
        return status
