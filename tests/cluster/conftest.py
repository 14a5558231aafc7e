"""Labs for the tests that need real servers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import cluster_state
from tests.lab import cluster
from tests.lab.cluster import Lab
from tests.lab.site import build_site

HERE = Path(__file__).parent
# Groups of tests that share a lab, those that take longest first: who begins last decides when all is over. Those of
# tests/xen are one group.
LONGEST_FIRST = (
    "debian13-unit-tests", "test_chaos", "test_enable_killed", "test_package-bookworm", "test_package-trixie",
    "test_balance", "test_fencing", "xen", "test_guide", "test_qdevice", "test_disable", "test_images", "test_failover",
)  # fmt: skip


# Before xdist, which looks at the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests are a group, those of each release a group of their own in test_package (`--dist=loadgroup`)."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            file = item.path.stem if item.path.parent == HERE else item.path.parent.name
            release = item.callspec.params.get("story") if hasattr(item, "callspec") else None
            # Without brackets: xdist takes what comes before them for the name of a test.
            item.add_marker(pytest.mark.xdist_group(f"{file}-{release}" if release else file))
        (mark,) = item.iter_markers("xdist_group")
        groups.setdefault(mark.args[0], []).append(item)
    rank = {name: at for at, name in enumerate(LONGEST_FIRST)}
    items[:] = [item for name in sorted(groups, key=lambda name: rank.get(name, len(rank))) for item in groups[name]]


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Two servers with the guide's eight domains in /sNow, for all tests of a module."""
    with Lab.up(name_for(request), site=build_site) as up:
        yield up


@pytest.fixture(scope="module")
def hasty_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The same without Debian's cluster, for tests that are not about how a cluster begins; three domains run."""
    with Lab.up(name_for(request), site=build_site, disk=cluster_state.hasten) as up:
        cluster_state.boot_early_domains(up)
        yield up


def name_for(request: pytest.FixtureRequest) -> str:
    module = request.module.__name__.rpartition(".test_")[2].replace("_", "-")
    return f"{module[:20]}-{os.getpid()}"


@pytest.fixture
def spare_name() -> Iterator[str]:
    """A name for a lab that a test makes itself; what is left of the lab at the end is removed."""
    name, before = f"spare-{os.getpid()}", len(cluster.failures)
    yield name
    if len(cluster.failures) > before:
        cluster.down_unless_kept(name)
    else:
        cluster.down(name)
