"""The Xen lab as an sNow! site: snow-ha of this checkout, /sNow from NFS on both servers, volumes of the first one."""

import subprocess
from dataclasses import dataclass

from snow_ha_plugin.xlcfg import BLOCK_SCRIPT
from tests.xen.protected import EXPORTED, ROOT, ProtectedLab
from tests.xenlab.cluster import CHECKOUT, MODULES
from tests.xenlab.guest import SECTOR_BYTES, Guest, Tick, tick_in

ETC = f"{ROOT}/snow-tools/etc"
GROUP = "snow_vg"
# For an emulated processor, which has to compile the program first.
VERB_S = 400
SNOW_HA = ("python3", "-m", "snow_ha_plugin")

_MAKE_GROUP = f"""
set -e
modprobe dm-mod
truncate -s 64M /var/volumes
device=$(losetup --find --show /var/volumes)
pvcreate --quiet "$device"
vgcreate --quiet {GROUP} "$device"
"""
# A volume whose beginning, where guests write, is empty.
_MAKE_VOLUME = f"""
set -e
lvcreate --quiet --yes --size 8M --name "$1" {GROUP}
head -c 2M /dev/urandom | dd of="/dev/{GROUP}/$1" bs=1M seek=5 iflag=fullblock conv=fsync
"""


@dataclass(frozen=True)
class SiteGuest(Guest):
    """A domain of the site, deployed on a volume."""

    @property
    def file(self) -> str:
        return f"{ETC}/domains/{self.name}.cfg"

    @property
    def copy(self) -> str:
        """Where `images migrate` brings its image to."""
        return f"{ROOT}/domains/{self.name}/{self.name}-disk"


def guest(name: str, number: int, kind: str, kernel: str = "/guest/vmlinux", words: str = "") -> SiteGuest:
    return SiteGuest(name, number, kind, disk=f"/dev/{GROUP}/{name}-disk", kernel=kernel, words=words)


class SiteLab(ProtectedLab):
    """Its first server is the one on which verbs are run."""

    def found(self, *guests: SiteGuest) -> None:
        """Have a site with these domains."""
        here = self.names[0]
        self.share()
        tar = ["tar", "-c", "-C", str(CHECKOUT), "--exclude=__pycache__", "snow_ha_plugin"]
        self.run(here, ["tar", "-x", "-C", MODULES], subprocess.run(tar, capture_output=True, check=True).stdout)
        for server in self.names:
            script = CHECKOUT / "packaging" / BLOCK_SCRIPT
            self.put(server, f"/etc/xen/scripts/{BLOCK_SCRIPT}", script.read_text(), mode=0o755)
        self.put(here, f"{ETC}/snow.conf", f"SNOW_NODES=( {' '.join(self.names)} )\nIMG_DST='lvm={GROUP}'\n")
        rows = [f"{name} snow eth0 {self.address(name)} xenbr0" for name in self.names]
        rows += [f"{guest.name} test eth0 10.78.0.10{guest.number} xenbr0" for guest in guests]
        self.put(here, f"{ETC}/domains.conf", "\n".join([*rows, ""]))
        self.run(here, ["sh", "-c", _MAKE_GROUP])
        for guest in guests:
            self.run(here, ["sh", "-c", _MAKE_VOLUME, "sh", guest.disk.rpartition("/")[2]])
            self.put(here, guest.file, guest.configuration)

    def add(self, guest: Guest) -> None:
        """Its file is where the site has it."""

    def snow_ha(self, *words: str) -> str:
        return self.run(self.names[0], [*SNOW_HA, *words], timeout=VERB_S).stdout

    def digest(self, path: str) -> str:
        return self.run(self.names[0], ["sha256sum", path]).stdout.split()[0]

    def last_tick(self, guest: Guest) -> Tick | None:
        """What a guest wrote last, as the NFS server has it: no cache is between."""
        copy = f"{EXPORTED}/domains/{guest.name}/{guest.name}-disk"
        read = ["dd", f"if={copy}", f"bs={SECTOR_BYTES}", f"skip={guest.number}", "count=1", "status=none"]
        return tick_in(self.run(self.nfs_server, read).stdout)
