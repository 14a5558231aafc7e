"""A clock for what waits: each look at it is ten seconds after the one before."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.system import waiting
from tests.unit.system.test_waiting import Clock


@pytest.fixture
def clock(mocker: MockerFixture) -> Clock:
    clock = Clock()
    mocker.patch.object(waiting, "time", clock)
    mocker.patch.object(waiting, "POLL_S", 10)
    return clock
