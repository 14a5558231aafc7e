"""What all tests share."""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long one example takes says more of what else the machine does than of the code. In CI the examples are the same
# each time: a change is judged by itself; new ones are looked for wherever else the tests run.
settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="Write captured screens anew, where they have changed.")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Labs that outlive a test are told that it failed."""
    outcome = yield
    labs = sys.modules.get("tests.lab.cluster")
    if labs and outcome.get_result().failed:  # type: ignore[attr-defined]
        labs.failures.append(item.nodeid)
