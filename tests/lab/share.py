"""One server's way to /sNow: a FUSE mount of the lab's directory, which can hang, fail and refuse writes as NFS can.

Only a process that is not the server's own can do so to it, and only one for each server to it alone. Where the
server's mount hangs, its processes cannot be killed before the mount is gone. Times are seconds.
"""

import os
import signal
import subprocess
from pathlib import Path
from typing import Literal

from tests.lab import host

Condition = Literal["fine", "hang", "fail", "read-only"]
# What native/share.c reads in the file that LAB_FAULT names.
FAULTS: dict[Condition, bytes] = {"fine": b".", "hang": b".", "fail": b"e", "read-only": b"r"}
MOUNT_TIMEOUT_S = 10


class Share:
    """`source` as seen at `view`, in this process' mount namespace."""

    def __init__(self, source: Path, view: Path, library: Path) -> None:
        self.source = source
        self.view = view
        self.library = library
        self.condition: Condition = "fine"
        self._fault = view.with_name("fault")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Mount it, as if all were well; `settle` makes it as it is."""
        self.view.mkdir(exist_ok=True)
        self._fault.write_bytes(FAULTS["fine"])
        # Nothing is kept: what one server writes is at once there on all others. Locks are good on all of them.
        options = ["--multithreaded", "--enable-lock-forwarding", "-o", "attr_timeout=0,entry_timeout=0"]
        environment = {**os.environ, "LD_PRELOAD": str(self.library), "LAB_FAULT": str(self._fault)}
        self._process = subprocess.Popen(["bindfs", "-f", *options, self.source, self.view], env=environment)
        host.wait_until(lambda: self.view in host.mounts_below(self.view), MOUNT_TIMEOUT_S, "/sNow is not there")

    def put(self, condition: Condition) -> None:
        """Change how it is, also for the time after the server's next start."""
        self.condition = condition
        self.settle()

    def settle(self) -> None:
        if self._process is None:
            return
        with self._fault.open("r+b") as fault:
            fault.write(FAULTS[self.condition])
        self._process.send_signal(signal.SIGSTOP if self.condition == "hang" else signal.SIGCONT)

    def stop(self) -> None:
        """Unmount it: whoever waits for it gets an error."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None
        host.run(["umount", "--lazy", self.view])
