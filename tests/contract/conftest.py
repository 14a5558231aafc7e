from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.xen_pair import XenPair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[XenPair]:
    pair = XenPair(tmp_path)
    yield pair
    pair.world.mend()  # what was made to hang must not outlive its test
