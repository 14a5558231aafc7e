from __future__ import annotations

import compileall
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from snow_ha_plugin.agent.main import REPLACING_S
from tests.contract.xen_pair import CHECKOUT, MODULES, XenPair, wait_until


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """As Debian installs it: the agent itself writes no compiled files. (It waits where files have just changed.)"""
    for name in MODULES:
        compileall.compile_file(CHECKOUT / name, quiet=1)
    changed = max((CHECKOUT / name).parent.stat().st_mtime for name in MODULES)
    wait_until(lambda: time.time() > changed + REPLACING_S)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[XenPair]:
    pair = XenPair(tmp_path)
    yield pair
    pair.world.mend()  # what was made to hang must not outlive its test
