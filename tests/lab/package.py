"""The Debian package of this checkout, as it lies there, built once for each content.

The labs install it on their servers. It lies in $SNOW_HA_CACHE under a name with the digest of everything that it is
made from; $SNOW_HA_DEB names one to be taken as it is.
"""

import fcntl
import hashlib
import logging
import os
import shutil
from pathlib import Path

from tests.lab import base, host

CHECKOUT = Path(__file__).parents[2]
BUILD_TIMEOUT_S = 180
# Whoever edits gets a new one with each lab.
KEPT = 20

log = logging.getLogger(__name__)


def prepare() -> Path:
    """The package of this checkout; the first call for a content builds it, without its tests: about 10 s.

    LabError: it does not build.
    """
    if given := os.environ.get("SNOW_HA_DEB"):
        return Path(given)
    packages = base.cache() / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    wanted = packages / f"{_digest()}.deb"
    with (packages / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.exists():
            base.forget_oldest(packages.glob("*.deb"), KEPT - 1)
            log.info("building the package that servers get: about 10 s, once for each content")
            build(CHECKOUT, packages / "unfinished").rename(wanted)
            shutil.rmtree(packages / "unfinished")
        wanted.touch()
    return wanted


def build(checkout: Path, output: Path) -> Path:
    """Build the package of a checkout without running its tests; LabError: it does not build."""
    shutil.rmtree(output, ignore_errors=True)
    nocheck = ["DEB_BUILD_OPTIONS=nocheck", "DEB_BUILD_PROFILES=nocheck"]
    host.run(["env", *nocheck, checkout / "packaging/build-deb", output, "--build=all"], BUILD_TIMEOUT_S)
    (package,) = output.glob("*.deb")
    return package


def files(checkout: Path) -> list[Path]:
    """What git tracks or would track, relative to the checkout, in one order."""
    listed = host.run(["git", "-C", checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    names = sorted(map(Path, filter(None, listed.split("\0"))))
    return [name for name in names if (checkout / name).is_file()]  # a deleted file may still be listed


def _digest() -> str:
    """Of all that can be seen in a package that was built without its tests."""
    digest = hashlib.sha256()
    for name in files(CHECKOUT):
        if name.parts[0] not in ("tests", ".ci"):
            content = (CHECKOUT / name).read_bytes()
            executable = os.access(CHECKOUT / name, os.X_OK)
            digest.update(f"{name}\0{executable}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
