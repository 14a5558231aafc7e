"""Files of this server that are never half written: whoever reads sees the one of before or the new one."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def put(path: Path, data: bytes, *, mode: int = 0o600, like: Path | None = None) -> None:
    """Put a file in place in one step and for good; `like` gives it the mode and owner of another. A link stays one."""
    real = path.resolve()
    model = like.stat() if like else None
    descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, stat.S_IMODE(model.st_mode) if model else mode)
            if model and os.geteuid() == 0:
                os.fchown(descriptor, model.st_uid, model.st_gid)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(real)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    persist(real.parent)


def persist(directory: Path) -> None:
    """Have the names in a directory on the disk, as they are now."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
