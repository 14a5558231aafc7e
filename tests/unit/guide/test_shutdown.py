from __future__ import annotations

import os

import pytest

from snow_ha_plugin.guide import shutdown
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import Machines

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the file belongs to root")


@pytest.fixture(autouse=True)
def systemctl(machines: Machines) -> None:
    machines.stand_in("systemctl", "")


def test_pacemaker_stops_before_xen_its_network_and_the_shared_file_system(site: Site, machines: Machines) -> None:
    assert [finding.id for finding in shutdown.check(site)] == ["shutdown-order", "shutdown-order"]
    shutdown.apply(site)
    assert shutdown.check(site) == []
    text = machines.file("snow02", shutdown.PATH).read_text()
    after = next(line for line in text.splitlines() if line.startswith("After="))
    assert {"xenstored.service", "xendomains.service", "network-online.target"} <= set(after[6:].split())
    assert "RequiresMountsFor=/sNow\n" in text
    assert "snow01 systemctl daemon-reload" in machines.log()


def test_disable_leaves_nothing_of_it(site: Site, machines: Machines) -> None:
    assert not shutdown.is_there(site)
    shutdown.apply(site)
    assert shutdown.is_there(site)
    shutdown.remove(site)
    assert not shutdown.is_there(site)
    assert not machines.file("snow01", shutdown.PATH).exists()
