"""Xen's own watchdog in a server, in the hands of a program. Times are seconds."""

import subprocess

from tests.lab.host import LabError
from tests.xenlab.cluster import XenLab

IDENTITY = "xen_wdt"
# What the hypervisor says when it resets the machine because dom0 has let its watchdog down.
FIRED = "Watchdog timer fired for domain 0"

# DEVICE SECONDS: arms a watchdog, says so with its own id, and tickles it until a word comes in. `close` disarms it.
KEEPER = """
import fcntl, os, select, struct, sys
WDIOC_SETTIMEOUT = 0xC0045706  # linux/watchdog.h
device = os.open(sys.argv[1], os.O_WRONLY)
fcntl.ioctl(device, WDIOC_SETTIMEOUT, struct.pack("i", int(sys.argv[2])))
print(os.getpid(), flush=True)
while not select.select([sys.stdin], [], [], 1)[0]:
    os.write(device, b"\\0")
if sys.stdin.readline() == "close\\n":
    os.write(device, b"V")
"""


def find(lab: XenLab, server: str) -> str:
    """Load Xen's watchdog; its name below /dev, whose number depends on what other watchdogs there are."""
    lab.run(server, ["modprobe", IDENTITY])
    found = lab.run(server, ["grep", "-rlx", "--include=identity", IDENTITY, "/sys/devices/virtual/watchdog"]).stdout
    (path,) = found.split()
    return path.split("/")[-2]


class Keeper:
    """A program in a server that keeps the watchdog from firing; it is there when this is made."""

    def __init__(self, lab: XenLab, server: str, timeout_s: int) -> None:
        self.lab, self.server = lab, server
        self.name = find(lab, server)
        words = ["python3", "-c", KEEPER, f"/dev/{self.name}", str(timeout_s)]
        self._program = subprocess.Popen(
            lab.command(server, words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._program.stdout
        self._pid = self._program.stdout.readline().strip()
        if not self._pid:
            raise LabError(f"{server}: no program keeps /dev/{self.name}")

    @property
    def state(self) -> str:
        """`active` while the watchdog is armed, else `inactive`."""
        return self.lab.run(self.server, ["cat", f"/sys/class/watchdog/{self.name}/state"]).stdout.strip()

    def kill(self) -> None:
        """As a crash does it: the watchdog stays armed, and nobody tickles it any more."""
        self.lab.run(self.server, ["kill", "-KILL", self._pid])
        self._program.communicate()

    def close(self) -> None:
        """Disarm the watchdog, as a program does that ends in order; nothing happens once it has ended."""
        if self._program.poll() is None:
            self._program.communicate("close\n")
