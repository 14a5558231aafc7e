from __future__ import annotations

import socket

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.errors import TimedOutError
from snow_ha_plugin.system import bmc, command
from snow_ha_plugin.system.command import Result

# fence_ipmilan 4.12 on Python 3.11.
SAID = b"""/usr/sbin/fence_ipmilan:9: DeprecationWarning: 'pipes' is deprecated and slated for removal in Python 3.13
  from pipes import quote
2026-11-28 03:41:10,255 ERROR: Failed: Unable to obtain correct plug status or plug is not available

"""


@pytest.fixture(autouse=True)
def known(mocker: MockerFixture) -> None:
    """Every name has an address."""
    mocker.patch.object(socket, "getaddrinfo")


@pytest.mark.parametrize(("status", "said"), [(0, b""), (2, b"")], ids=["on", "off"])
def test_a_bmc_that_tells_whether_there_is_power_works(mocker: MockerFixture, status: int, said: bytes) -> None:
    run = mocker.patch.object(command, "run", return_value=Result(("x",), status, b"Status: ON\n", said))
    assert bmc.failure("snow01-mgmt") == ""
    argv = run.call_args.args[0]
    assert f"--ipmitool-path={fencing.IPMITOOL}" in argv
    assert not any("passw" in word or "username" in word for word in argv)


def test_of_one_that_does_not_the_agents_own_reason_is_told(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result(("x",), 1, b"", SAID))
    assert bmc.failure("snow01-mgmt") == "Unable to obtain correct plug status or plug is not available"


def test_one_without_an_address_is_not_asked(mocker: MockerFixture) -> None:
    mocker.patch.object(socket, "getaddrinfo", side_effect=socket.gaierror)
    run = mocker.patch.object(command, "run")
    assert bmc.failure("snow01-mgmt") == "nothing knows an address of it"
    run.assert_not_called()


def test_one_that_hangs_has_a_deadline(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", side_effect=TimedOutError("fence_ipmilan did not end"))
    assert "no answer within" in bmc.failure("snow01-mgmt")
