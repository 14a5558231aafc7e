"""A plugin of pytest, `-p tests.mutants.recorder`: each of its processes writes which test has run which lines.

Into a file of its own in $COVERAGE_FILES: one for all would take longer to put together than the tests run.
"""

from __future__ import annotations

import os
from pathlib import Path

import coverage
import pytest

FILES = "COVERAGE_FILES"


class Recorder:
    def __init__(self) -> None:
        file = Path(os.environ[FILES]) / str(os.getpid())
        self.coverage = coverage.Coverage(data_file=str(file), source=["snow_ha_plugin"])
        self.coverage.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.coverage.switch_context(nodeid)

    def pytest_unconfigure(self) -> None:
        self.coverage.stop()
        self.coverage.save()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Recorder())
