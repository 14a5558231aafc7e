from __future__ import annotations

import os

import pytest

from snow_ha_plugin.guide import shutdown
from snow_ha_plugin.model import Severity
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


def test_all_that_pacemaker_needs_is_stopped_after_it(site: Site, machines: Machines) -> None:
    """Each of Xen's daemons, ssh for migrations, and the network."""
    after = next(line for line in shutdown.wanted(site).splitlines() if line.startswith("After="))
    assert after[6:].split() == [
        "xen.service", "xen-init-dom0.service", "xenstored.service", "xenconsoled.service",
        "xen-qemu-dom0-disk-backend.service", "xendomains.service", "ssh.service", "network-online.target",
    ]  # fmt: skip
    (found, _) = shutdown.check(site)
    assert (found.severity, found.remedy) == (Severity.ERROR, "snow ha enable")
    assert found.message.startswith("snow01 may stop Xen")


def test_systemd_reads_the_order_anew_when_it_comes_and_when_it_goes(site: Site, machines: Machines) -> None:
    shutdown.apply(site)
    shutdown.remove(site)
    assert sorted(machines.log()) == [f"{name} systemctl daemon-reload" for name in ("snow01", "snow02") for _ in "12"]
    directory = machines.file("snow02", shutdown.PATH).parent
    directory.rmdir()
    shutdown.apply(site)
    (directory / "mine.conf").touch()
    shutdown.remove(site)
    assert [path.name for path in directory.iterdir()] == ["mine.conf"]
    assert {argv[:2] for _, argv in machines.calls if argv[0] == "sh"} == {("sh", "-c")}
