"""Xen's watchdog, on which fencing stands: the hypervisor itself resets a machine whose dom0 has fallen silent, with
all its domains, and no other machine. QEMU ends where one is reset, so the moment is seen. Times are seconds.
"""

import time
from collections.abc import Iterator

import pytest

from tests.lab import host
from tests.lab.host import LabError
from tests.xen.guests import Yard
from tests.xen.watchdog import FIRED, Keeper
from tests.xenlab.cluster import XenLab
from tests.xenlab.guest import Guest

TIMEOUT_S = 10
# The emulated hypervisor counts in real time, but has to wait for a processor.
LATE_S = 20


def lab_of(yard: Yard) -> XenLab:
    assert isinstance(yard.lab, XenLab)
    return yard.lab


@pytest.fixture
def keeper(yard: Yard) -> Iterator[Keeper]:
    keeper = Keeper(lab_of(yard), yard.here, TIMEOUT_S)
    yield keeper
    if yard.lab.is_on(yard.here):
        keeper.close()


def stays_on(yard: Yard, seconds: float) -> None:
    with pytest.raises(LabError, match="a reset"):
        host.wait_until(lambda: not yard.lab.is_on(yard.here), seconds, "there was not a reset")


@pytest.mark.smoke
def test_a_machine_that_nobody_vouches_for_any_more_is_reset_with_its_guests(yard: Yard, keeper: Keeper) -> None:
    lab, here = lab_of(yard), yard.here
    guest = Guest("doomed", 6)
    started = yard.create(guest)
    killed = time.monotonic()
    keeper.kill()
    at_kill = lab.last_tick(guest)
    host.wait_until(lambda: not lab.is_on(here), TIMEOUT_S + LATE_S, f"{here} was not reset")
    assert time.monotonic() - killed >= TIMEOUT_S
    assert FIRED in lab.console(here)
    last = lab.last_tick(guest)
    assert at_kill and last and last.boot == started.boot
    assert last.seconds > at_kill.seconds, "the guest did not run until the reset"
    assert yard.names(yard.there) == []
    assert lab.last_tick(guest) == last


def test_a_watchdog_that_is_tickled_or_closed_in_order_resets_nothing(yard: Yard, keeper: Keeper) -> None:
    stays_on(yard, 2 * TIMEOUT_S)
    assert keeper.state == "active"
    keeper.close()
    assert keeper.state == "inactive"
    stays_on(yard, TIMEOUT_S + LATE_S)
    assert FIRED not in lab_of(yard).console(yard.here)
