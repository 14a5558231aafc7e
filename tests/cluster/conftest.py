"""Labs for the tests that need real servers."""

import os
from collections.abc import Iterator

import pytest

from tests.lab import cluster
from tests.lab.cluster import Lab
from tests.lab.site import build_site


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Two servers with the guide's eight domains in /sNow, for all tests of a module."""
    module = request.module.__name__.rpartition(".test_")[2].replace("_", "-")
    with Lab.up(f"{module[:20]}-{os.getpid()}", site=build_site) as up:
        yield up


@pytest.fixture
def spare_name() -> Iterator[str]:
    """A name for a lab that a test makes itself; what is left of the lab at the end is removed."""
    name, before = f"spare-{os.getpid()}", len(cluster.failures)
    yield name
    if len(cluster.failures) > before:
        cluster.down_unless_kept(name)
    else:
        cluster.down(name)
