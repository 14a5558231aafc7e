"""A CIB in files that are gone afterwards, and what crm_verify says of it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import ConfigurationError, DataError
from snow_ha_plugin.system import command

# How crm_verify says that the schema is the matter; only 3.0 has the second.
_SCHEMA = "CIB did not pass schema validation"
_NO_SCHEMA = "Cannot validate CIB"

# In /tmp; the number of the process that made it follows.
SCRATCH = "snow-ha-"


def verify(old_path: Path, new_path: Path) -> None:
    """ConfigurationError if crm_verify finds an error in the new configuration that the old one does not have.

    DataError if the old one is against its schema: no Pacemaker would load it. Other errors it may have had before.
    """
    new = command.run(["crm_verify", "--xml-file", str(new_path), "--verbose"])
    if new.ok:
        return
    old = command.run(["crm_verify", "--xml-file", str(old_path), "--verbose"])
    if broken := _schema_error(old):
        raise DataError("the CIB is invalid already", broken, "mend it first: crm_verify --verbose tells where")
    before = _errors(old)
    added = [_schema_error(new), *(line for line in _errors(new) if line not in before)]
    for complaint in filter(None, added):
        raise ConfigurationError("Pacemaker would call the change invalid", complaint, "nothing was changed")


def complaint(path: Path) -> str:
    """The first thing that crm_verify has against a CIB; nothing where it has none."""
    found = command.run(["crm_verify", "--xml-file", str(path), "--verbose"])
    return "" if found.ok else next(iter([*filter(None, [_schema_error(found)]), *_errors(found)]), "")


def _schema_error(result: command.Result) -> str:
    """What crm_verify has against a CIB's schema; it then says nothing of what a scheduler would.

    Pacemaker 3 names the schema with every error, and 2.1 only where it is the reason.
    """
    said = result.stderr.decode(errors="replace")
    if _SCHEMA not in said or _errors(result):
        return ""
    first = next(line for line in said.splitlines() if line.strip())
    return re.sub(r"^.*validity error : ", "", first)


def _errors(result: command.Result) -> list[str]:
    """The errors that the scheduler has found, without the function's name that 2.1 puts before them."""
    lines = result.stderr.decode(errors="replace").splitlines()
    found = [line for line in lines if "error: " in line and _SCHEMA not in line and _NO_SCHEMA not in line]
    return [re.sub(r"^\(\w+\)\s*", "", line).strip() for line in found]


@contextmanager
def scratch(*trees: cib.Tree) -> Iterator[tuple[Path, ...]]:
    """The trees as files that are gone afterwards; a CIB may hold passwords, so only root can read them."""
    _remove_scratch_of_the_dead()
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-") as directory:
        paths = tuple(Path(directory, f"{number}.xml") for number in range(len(trees)))
        for path, tree in zip(paths, trees, strict=True):
            path.write_bytes(cib.serialize(tree))
        yield paths


def _remove_scratch_of_the_dead() -> None:
    """What a snow-ha that was killed has left goes with the next one."""
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
        pid = path.name.removeprefix(SCRATCH).partition("-")[0]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            # Another one may be quicker, and what another user has put there stays.
            with suppress(OSError):
                if path.lstat().st_uid == os.geteuid():
                    shutil.rmtree(path)
