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


def make_layer(directory: Path, base: Path, libraries: Path, addresses: Mapping[str, str], cgroup: host.Cgroup) -> Path:
    """Install the package of the checkout over `base`: the layer to put on top of it.

    `libraries` are those of native.py. `addresses` by name become the hosts file. LabError: the package does not
    build, or not install.
    """
    deb = package.prepare()
    upper, work, root = (directory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir(parents=True)
    # In a mount namespace, so that nothing stays mounted, and in the lab's cgroup, where `down` ends it.
    alone = [*cgroup.entered("install"), "unshare", "--mount"]
    host.run([*alone, "sh", INSTALL, base, upper, work, root, deb, LAB, libraries], INSTALL_TIMEOUT_S)
    hosts = [f"{address} {name}\n" for name, address in addresses.items()]
    (upper / "etc/hosts").write_text("127.0.0.1 localhost\n" + "".join(hosts))
    return upper


def name_server(disk: Path, name: str) -> None:
    """Put what identifies a server onto its own disk: hostname(5) and machine-id(5)."""
    (disk / "etc/hostname").write_text(f"{name}\n")
    (disk / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")


def make_qnetd_host(disk: Path) -> None:
    """Make a server the third host: corosync's qnetd instead of a member's daemons.

    Debian's package has made its certificates.
    """
    for verb, services in (("disable", ["corosync", "pacemaker"]), ("enable", ["corosync-qnetd"])):
        host.run(["chroot", disk, "systemctl", verb, *services])
