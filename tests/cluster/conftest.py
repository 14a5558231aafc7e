"""Labs for the tests that need real servers."""

import os
from collections.abc import Iterator

import pytest

from tests.lab.cluster import Lab
from tests.lab.site import build_site


def lab_name(purpose: str) -> str:
    """A name that no test run beside this one uses."""
    return f"{purpose}-{os.getpid()}"


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Two servers with the guide's eight domains in /sNow, for all tests of a module."""
    module = request.module.__name__.rpartition(".test_")[2].replace("_", "-")
    with Lab.up(lab_name(module[:20]), site=build_site) as up:
        yield up
