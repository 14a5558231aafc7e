"""The Xen labs of these tests: emulated servers start in about a minute, so one pair serves as many as it can."""

import os
from collections.abc import Iterator

import pytest

from tests.lab.host import LabError
from tests.xen.guests import Yard
from tests.xenlab import cluster
from tests.xenlab.cluster import XenLab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/xen/" in str(item.path):
            item.add_marker("lab" if "stand-in" in item.nodeid else "xen")


@pytest.fixture(scope="session")
def xenlab() -> Iterator[XenLab]:
    """Two servers whose hypervisor can migrate PV guests."""
    with XenLab.up(f"xen-{os.getpid()}") as lab:
        yield lab


@pytest.fixture(scope="module")
def xenlab_without_shadow() -> Iterator[XenLab]:
    """Two servers with the hypervisor of a patched Debian 12."""
    with XenLab.up(f"pvh-{os.getpid()}", hypervisor="4.17.7") as lab:
        yield lab


@pytest.fixture
def yard(xenlab: XenLab) -> Iterator[Yard]:
    """Where a test has its guests; at its end none of them is left on any server."""
    with Yard(xenlab) as made:
        yield made


@pytest.fixture
def spare_name() -> Iterator[str]:
    """A name for a lab that a test makes itself; what is left of it at the end is removed."""
    name = f"spare-{os.getpid()}"
    yield name
    try:
        cluster.down(name)
    except LabError as error:
        pytest.fail(f"the lab {name} cannot be removed: {error}")
