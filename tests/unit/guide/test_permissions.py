from __future__ import annotations

import os

import pytest

from snow_ha_plugin.guide import permissions
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import NAMES, Machines

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

CIB = f"{permissions.ROOT}/cib/cib.xml"


@pytest.fixture(autouse=True)
def states(machines: Machines) -> None:
    for name in NAMES:
        machines.file(name, CIB).touch()


def test_pacemakers_user_gets_its_state(site: Site, machines: Machines) -> None:
    assert [finding.id for finding in permissions.check(site)] == ["pacemaker-permissions"] * 2
    permissions.apply(site)
    assert permissions.check(site) == []
    assert {machines.file(name, CIB).owner() for name in NAMES} == {"hacluster"}


def test_a_file_that_others_can_read_is_found(site: Site, machines: Machines) -> None:
    permissions.apply(site)
    machines.file("snow02", CIB).chmod(0o666)
    (finding,) = permissions.check(site)
    assert f"snow02: {machines.file('snow02', CIB)}" in finding.message
    assert (finding.severity, finding.remedy) == (Severity.ERROR, "snow ha enable")
