"""The lab's guests: small Linux systems whose kernel and initramfs are on every server, and that count seconds.

A guest has a number from 1 to 9, which makes its addresses (10.78.0.10N in the servers' network) and the sector of
the shared disk in which it writes its ticks: so these can be read from this machine, whatever the servers do.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import LabError

SECTOR_BYTES = 512
# One disk for both servers.
SHARED_DISK = "/dev/vdb"
# hvc0 has a reader only once a migration is over; what a PVH guest says at its end is in Xen's own log, too.
KERNEL_WORDS = "console=hvc0 earlyprintk=xen,keep quiet mitigations=off audit=0 apparmor=0 ipv6.disable=1"


@dataclass(frozen=True)
class Guest:
    """A domain and what its file says. kind: pv or pvh. Its memory: 64 MiB are too few for it to start.

    disk: a device or a file of the server that it runs on. words: for its kernel, and by it for guest-init.
    """

    name: str
    number: int
    kind: str = "pv"
    memory_mib: int = 96
    disk: str = SHARED_DISK
    kernel: str = "/guest/vmlinux"
    words: str = ""

    @property
    def file(self) -> str:
        """Where the domain file is on every server."""
        return f"/etc/xen/{self.name}.cfg"

    @property
    def configuration(self) -> str:
        return (
            f'name = "{self.name}"\n'
            f'type = "{self.kind}"\n'
            f'kernel = "{self.kernel}"\n'
            'ramdisk = "/guest/initrd"\n'
            f'extra = "{KERNEL_WORDS} guest={self.number} {self.words}"\n'
            f"memory = {self.memory_mib}\n"
            "vcpus = 1\n"
            f'vif = [ "mac=00:16:3e:78:00:0{self.number},bridge=xenbr0" ]\n'
            f'disk = [ "format=raw,vdev=xvda,access=rw,target={self.disk}" ]\n'
        )


@dataclass(frozen=True)
class Tick:
    """What a guest wrote last. boot: the kernel's own name for this boot; seconds: since the guest counts.

    Seconds in which the guest is frozen or the server is busy do not count.
    """

    boot: str
    seconds: int


def last_tick(disk: Path, guest: Guest) -> Tick | None:
    """The last tick of a guest on the shared disk, as this machine sees it; None if it never wrote one."""
    with disk.open("rb") as image:
        image.seek(guest.number * SECTOR_BYTES)
        return tick_in(image.read(SECTOR_BYTES).decode())


def tick_in(sector: str) -> Tick | None:
    """The tick in a guest's sector of a disk; None if there never was one.

    LabError once the guest has found that its disk is not as it has written it.
    """
    words = sector.rstrip("\0").split()
    if not words:
        return None
    word, boot, seconds = words
    if word != "tick":
        raise LabError(f"the guest's disk is not as it was written: {sector!r}")
    return Tick(boot, int(seconds))
