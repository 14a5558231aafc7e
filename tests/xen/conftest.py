"""The Xen labs of these tests: emulated servers start in about a minute, so one pair serves as many as it can.

The smoke set comes first, and in any case. SNOW_HA_XEN_S is how many seconds there are for all: no other test begins
when less than one needs are left.
"""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.lab.host import LabError
from tests.xen.guests import Yard
from tests.xenlab import cluster
from tests.xenlab.cluster import XenLab

ENDS = time.monotonic() + float(os.environ.get("SNOW_HA_XEN_S", "inf"))
# A test, and the end of the labs, beside whatever else the machine does.
TEST_S = 240
NO_TIME = "no time is left"


def pytest_configure(config: pytest.Config) -> None:
    # Whoever ends the tests so ends their labs, too: what is in a cgroup of its own gets no signal of ours.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.addinivalue_line("markers", "smoke: on real Xen, whatever time is left")
    config.addinivalue_line("markers", "takes(seconds): longer than other tests on real Xen")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("smoke") or not item.get_closest_marker("xen"):
        return
    takes = item.get_closest_marker("takes")
    if time.monotonic() > ENDS - (takes.args[0] if takes else TEST_S):
        pytest.skip(NO_TIME)


# Debian 12's pytest does not name the class yet.
def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    reports = terminalreporter.getreports("skipped")
    if left := [report for report in reports if NO_TIME in str(report.longrepr)]:
        terminalreporter.write_line(f"{len(left)} tests on real Xen were not run: {NO_TIME}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/xen/" in str(item.path):
            item.add_marker("lab" if "stand-in" in item.nodeid else "xen")
    items.sort(key=lambda item: item.get_closest_marker("smoke") is None)


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
