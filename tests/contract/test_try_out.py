"""The test boot of `images convert --try`, by the lab's `xl`: nothing of it stays, whatever becomes of the guest."""

from __future__ import annotations

import threading

import pytest

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import xen
from snow_ha_plugin.system.servers import Servers
from tests.contract.xen_pair import XenPair, wait_until


@pytest.fixture
def servers(pair: XenPair, monkeypatch: pytest.MonkeyPatch) -> Servers:
    for key, value in pair.environment().items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(xen, "TRIED_WITHIN_S", 3)
    found = Servers(["snow01", "snow02"])
    found.here = "snow01"
    return found


def try_out(pair: XenPair, servers: Servers) -> None:
    xen.try_out(servers, "snow01", "web01", str(pair.file))


def test_a_guest_that_boots_is_shut_down(pair, servers):
    try_out(pair, servers)
    assert pair.names("snow01") == []
    assert len(pair.world.intervals()) == 1, "it has run"


def test_a_guest_that_does_not_react_is_destroyed(pair, servers):
    pair.world.configure(ignore_shutdown=True)
    with pytest.raises(UnavailableError, match="web01 does not boot like that on snow01"):
        try_out(pair, servers)
    assert pair.names("snow01") == []


def test_a_guest_that_crashes_is_destroyed_and_not_started_again(pair, servers):
    pair.world.configure(ignore_shutdown=True)
    pair.write_domain_file(on_crash="restart")

    def crash() -> None:
        wait_until(lambda: pair.state("snow01") == "running")
        pair.world.crash("snow01", "web01")

    crashing = threading.Thread(target=crash)
    crashing.start()
    with pytest.raises(UnavailableError, match="web01 does not boot like that"):
        try_out(pair, servers)
    crashing.join()
    assert pair.names("snow01") == []
    assert len(pair.world.intervals()) == 1


def test_what_xl_does_not_start_is_told(pair, servers):
    pair.kernel.unlink()
    with pytest.raises(UnavailableError, match=r"web01 cannot be started on snow01; .*failed to stat"):
        try_out(pair, servers)
    assert pair.names("snow01") == []
