"""The cached disk that all servers start from: a Debian with the cluster's packages, made by base.sh.

It lies in $SNOW_HA_CACHE (default /var/cache/snow-ha-lab), under a name with the digest of base.sh. Nobody
writes to it: servers see it through overlayfs.
"""

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.lab import host

RELEASES = ("bookworm", "trixie")
RECIPE = Path(__file__).with_name("base.sh")
DEFAULT_CACHE = "/var/cache/snow-ha-lab"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
BUILD_TIMEOUT_S = 900

log = logging.getLogger(__name__)


def prepare(release: str) -> Path:
    """The base of a Debian release; the first call builds it, which takes about a minute.

    Raises LabError for an unknown release, or when the build fails.
    """
    if release not in RELEASES:
        raise host.LabError(f"no such Debian: {release!r}; there are {' and '.join(RELEASES)}")
    digest = hashlib.sha256(RECIPE.read_bytes()).hexdigest()[:12]
    base = cache() / f"base-{release}-{digest}"
    if base.is_dir():
        return base
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not base.is_dir():  # else another lab has built it while this one waited
            _build(release, base)
    return base


def forget_oldest(paths: Iterable[Path], kept: int) -> None:
    """Of what is in a cache leave those that were used last."""
    for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)[kept:]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def cache() -> Path:
    """Where the lab keeps what takes long to make."""
    return Path(os.environ.get("SNOW_HA_CACHE", DEFAULT_CACHE))


def _build(release: str, base: Path) -> None:
    log.info("building the Debian %s that servers start from: about a minute, once", release)
    unfinished = cache() / f"{release}.unfinished"
    build_log = cache() / f"{release}.log"
    shutil.rmtree(unfinished, ignore_errors=True)
    # Namespaces of its own, so that an interrupted build leaves no process and no mount behind.
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"]
    try:
        host.run([*alone, "sh", RECIPE, release, unfinished, _mirror(), build_log], BUILD_TIMEOUT_S)
    except host.LabError as error:
        raise host.LabError(f"the base for {release} was not built; {build_log} tells why") from error
    unfinished.rename(base)


def _mirror() -> str:
    """The Debian mirror in this machine's own apt sources, or Debian's default."""
    sources = host.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"])
    return (sources.split() or [DEFAULT_MIRROR])[0]
