"""What is on the servers' disks beside Debian: the package of this checkout, and the lab's own.

Both go into one layer that all servers of a lab share; what differs goes onto each server's disk.
"""

import uuid
from collections.abc import Mapping
from pathlib import Path

from tests.lab import host, package

LAB = Path(__file__).parent
INSTALL = LAB / "install.sh"
INSTALL_TIMEOUT_S = 120


def make_layer(directory: Path, base: Path, addresses: Mapping[str, str], cgroup: host.Cgroup) -> Path:
    """Install the package of the checkout over `base`: the layer to put on top of it.

    `addresses` of all servers, by name, become the hosts file. LabError: it does not build, or not install.
    """
    deb = package.prepare()
    upper, work, root = (directory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir(parents=True)
    # In a mount namespace, so that nothing stays mounted, and in the lab's cgroup, where `down` ends it.
    alone = [*cgroup.entered("install"), "unshare", "--mount"]
    host.run([*alone, "sh", INSTALL, base, upper, work, root, deb, LAB], INSTALL_TIMEOUT_S)
    hosts = [f"{address} {name}\n" for name, address in addresses.items()]
    (upper / "etc/hosts").write_text("127.0.0.1 localhost\n" + "".join(hosts))
    return upper


def name_server(disk: Path, name: str) -> None:
    """Put what identifies a server onto its own disk: hostname(5) and machine-id(5)."""
    (disk / "etc/hostname").write_text(f"{name}\n")
    (disk / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
