"""The lab's preloaded libraries (native/*.c), compiled once for each content into $SNOW_HA_CACHE."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from tests.lab import base, host

SOURCES = sorted(Path(__file__).with_name("native").glob("*.c"))


def prepare() -> Path:
    """The directory with watchdog.so, clock.so and share.so; LabError: the machine's compiler does not take them."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()[:12]
    built = base.cache() / f"native-{digest}"
    if not built.is_dir():
        unfinished = Path(tempfile.mkdtemp(prefix="native.", dir=base.cache()))
        for source in SOURCES:
            library = unfinished / f"{source.stem}.so"
            host.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source])
        try:
            unfinished.rename(built)
        except OSError:  # another lab was quicker
            shutil.rmtree(unfinished)
    return built
