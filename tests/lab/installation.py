"""What is on the servers' disks beside Debian: this checkout, installed as by its package, and the lab's own.

The checkout goes into one layer that all servers of a lab share; what differs goes onto each server's disk.
"""

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from tests.lab import host

CHECKOUT = Path(__file__).parents[2]
INSTALL = Path(__file__).with_name("install.sh")
INSTALL_TIMEOUT_S = 120


def make_layer(directory: Path, base: Path, addresses: Mapping[str, str], cgroup: host.Cgroup) -> Path:
    """Install the checkout, as it lies there, over `base`: the layer to put on top of it.

    `addresses` of all servers, by name, become the hosts file. LabError: the checkout does not install.
    """
    scratch, upper, work, root = (directory / name for name in ("checkout", "upper", "work", "root"))
    for path in (scratch, upper, work, root):
        path.mkdir(parents=True)
    _copy(CHECKOUT, scratch)
    # In a mount namespace, so that nothing stays mounted, and in the lab's cgroup, where `down` ends it.
    alone = [*cgroup.entered("install"), "unshare", "--mount"]
    host.run([*alone, "sh", INSTALL, base, upper, work, root, scratch], INSTALL_TIMEOUT_S)
    hosts = [f"{address} {name}\n" for name, address in addresses.items()]
    (upper / "etc/hosts").write_text("127.0.0.1 localhost\n" + "".join(hosts))
    return upper


def name_server(disk: Path, name: str) -> None:
    """Put what identifies a server onto its own disk: hostname(5) and machine-id(5)."""
    (disk / "etc/hostname").write_text(f"{name}\n")
    (disk / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")


def _copy(checkout: Path, target: Path) -> None:
    """Copy what git tracks or would track; building in the checkout itself would leave files there."""
    listed = host.run(["git", "-C", checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    for name in filter(None, listed.split("\0")):
        if (source := checkout / name).is_file():  # a deleted file may still be listed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)
