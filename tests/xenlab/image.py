"""The cached files that Xen servers start from: disk, kernels and hypervisors, made by image.sh.

They lie in $SNOW_HA_CACHE (default /var/cache/snow-ha-lab), in a directory with the digest of what makes them in its
name. Nobody writes to them: each server has its own copy of the disk.
"""

import fcntl
import hashlib
import logging
import os
import shutil
from pathlib import Path

from tests.lab import base, host

RECIPE = Path(__file__).with_name("image.sh")
PARTS = (RECIPE, RECIPE.with_name("guest-init"))
DEFAULT_SECURITY_MIRROR = "http://deb.debian.org/debian-security"
BUILD_TIMEOUT_S = 1800

log = logging.getLogger(__name__)


def prepare() -> Path:
    """The directory with the files; the first call builds them, which takes some minutes.

    Raises LabError when the build fails.
    """
    cache = Path(os.environ.get("SNOW_HA_CACHE", base.DEFAULT_CACHE))
    digest = hashlib.sha256(b"\0".join(part.read_bytes() for part in PARTS)).hexdigest()[:12]
    image = cache / f"xen-{digest}"
    if image.is_dir():
        return image
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "xen.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.is_dir():  # else another lab has built it while this one waited
            _build(image, cache)
    return image


def _build(image: Path, cache: Path) -> None:
    log.info("building the Debian that Xen servers start from: some minutes, once")
    unfinished = cache / "xen.unfinished"
    build_log = cache / "xen.log"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    # Namespaces of its own, so that an interrupted build leaves no process and no mount behind.
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"]
    mirrors = [_mirror("Debian", base.DEFAULT_MIRROR), _mirror("Debian-Security", DEFAULT_SECURITY_MIRROR)]
    try:
        host.run([*alone, "sh", RECIPE, unfinished, *mirrors, build_log], BUILD_TIMEOUT_S)
    except host.LabError as error:
        raise host.LabError(f"the files for Xen servers were not built; {build_log} tells why") from error
    unfinished.rename(image)


def _mirror(label: str, default: str) -> str:
    """The mirror of an archive in this machine's own apt sources, or Debian's default."""
    sources = host.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Label: {label}"])
    return (sources.split() or [default])[0]
