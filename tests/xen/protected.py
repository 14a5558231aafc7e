"""The Xen lab as sNow! sites are: NFS that both servers share, and fencing by Xen's watchdog and poison pills in a file
on it, with the product's own settings and times. Times are seconds.
"""

import subprocess
import threading
import time
from pathlib import Path

from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.system import sbd
from tests.xen import pacemaker, watchdog
from tests.xenlab.cluster import XenLab
from tests.xenlab.guest import SECTOR_BYTES, Guest, Tick, tick_in

# Long enough for an emulated dom0, which has to wait for a processor.
TIMING = fencing.Timing(watchdog_s=40)
ROOT = "/sNow"
PILLS = f"{ROOT}/sbd.img"
# The product's own programs. sbd-disk makes of FILE the loop device LINK, with direct I/O, so that no server keeps what
# it writes for itself.
SOURCES = Path(__file__).parents[2]
PROGRAMS = (SOURCES / "ocf" / "fence_snow_sbd", SOURCES / "packaging" / "sbd-disk")
ATTACH = ("sbd-disk", "attach")
# Where the NFS server itself has what it exports.
EXPORTED = "/srv/snow"

# NFSv4 without a wait for the clients of an earlier life.
_SERVE = f"""
set -e
mkdir -p {EXPORTED}
modprobe nfsd
mount -t nfsd nfsd /proc/fs/nfsd
exportfs -o rw,no_root_squash,no_subtree_check,fsid=0 10.78.0.0/24:{EXPORTED}
rpc.mountd -N 3
"""
_THREADS = ["rpc.nfsd", "-N", "3", "--grace-time", "10", "--lease-time", "10"]
_MOUNT = f'mkdir -p {ROOT} && mount -t nfs4 -o vers=4.2,hard "$1":/ {ROOT}'
_MAKE_PILLS = f"""
set -e
sbd -d {fencing.DEVICE} -1 {TIMING.watchdog_s} -4 {TIMING.msgwait_s} create
for server; do sbd -d {fencing.DEVICE} allocate "$server"; done
"""
# DISK OFFSET: prints the sector there, now and whenever it is written.
_WATCH = f"""
import sys, time
with open(sys.argv[1], "rb", buffering=0) as disk:
    before = b""
    while True:
        disk.seek(int(sys.argv[2]))
        now = disk.read({SECTOR_BYTES})
        if now != before:
            print(now.rstrip(bytes(1)).decode(), flush=True)
        before = now
        time.sleep(0.2)
"""


class ProtectedLab(XenLab):
    """The second server is the NFS server as well, and a client of itself."""

    @property
    def nfs_server(self) -> str:
        return self.names[1]

    def share(self) -> None:
        """Mount the shared file system on both servers."""
        self.run(self.nfs_server, ["sh", "-c", _SERVE])
        self.go_on()
        for server in self.names:
            self.run(server, ["sh", "-c", _MOUNT, "sh", self.address(self.nfs_server)])

    def hang(self) -> None:
        """Let whoever uses the shared file system wait, until `go_on`."""
        self.run(self.nfs_server, [*_THREADS, "0"])

    def go_on(self) -> None:
        self.run(self.nfs_server, [*_THREADS, "4"])

    def protect(self) -> None:
        """Give sbd its disk, its watchdog and its settings; it starts and stops with the cluster."""
        for server in self.names:
            for program in PROGRAMS:
                self.put(server, f"/usr/sbin/{program.name}", program.read_text(), mode=0o755)
            self.put(server, sbd.CONF, sbd.conf(watchdog.find(self, server), TIMING))
            self.run(server, ["systemctl", "enable", "sbd"])
        self._share_disk(PILLS, fencing.DEVICE)
        self.run(self.nfs_server, ["sh", "-c", _MAKE_PILLS, "sh", *self.names])

    def _share_disk(self, file: str, device: str) -> None:
        """A new file on the shared file system, which is a device on both servers."""
        self.run(self.nfs_server, ["dd", "if=/dev/zero", f"of={file}", "bs=1M", "count=4", "conv=fsync"])
        for server in self.names:
            self.run(server, [*ATTACH, file, device])

    def configure(self, guest: Guest) -> None:
        """Tell Pacemaker how it fences, and to keep a guest running."""
        tree = cib.parse(self.run(self.names[0], ["cibadmin", "--query"]).stdout.encode())
        fencing.put(tree, self.names, TIMING, {})
        cib.section(tree, "resources").append(etree.fromstring(pacemaker.primitive(guest)))
        configuration = etree.tostring(tree.find("configuration"))
        replace = ["cibadmin", "--replace", "--scope", "configuration", "--xml-pipe"]
        self.run(self.names[0], replace, input=configuration)

    def add(self, guest: Guest) -> None:
        """Give every server the domain file of a guest, and the guest a disk on the shared file system.

        xl would make the loop device itself, in more time than it gives its own script on a busy emulated server.
        """
        super().add(guest)
        file = f"{ROOT}/{guest.name}.img"
        self._share_disk(file, guest.disk)
        self.history = History(self, guest, file)

    def last_tick(self, guest: Guest) -> Tick | None:
        seen = self.history.seen
        return seen[-1][1] if seen else None


class History:
    """What a guest wrote on its shared disk, and when that was seen in this machine's monotonic time: read where the
    NFS server has it, so that no cache is between.
    """

    def __init__(self, lab: ProtectedLab, guest: Guest, file: str) -> None:
        self.seen: list[tuple[float, Tick]] = []
        disk = file.replace(ROOT, EXPORTED)
        words = ["python3", "-c", _WATCH, disk, str(guest.number * SECTOR_BYTES)]
        self._program = subprocess.Popen(
            lab.command(lab.nfs_server, words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._program.stdout
        for line in self._program.stdout:
            if tick := tick_in(line):
                self.seen.append((time.monotonic(), tick))
