from __future__ import annotations

import os
from pathlib import Path

import pytest

from snow_ha_plugin.guide import permissions
from snow_ha_plugin.operations.cluster import Site
from snow_ha_plugin.system import record
from tests.unit.conftest import NAMES, Machines

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

RECORD = "/sNow/snow-ha/history"


@pytest.fixture(autouse=True)
def directories(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "LOCAL", Path("/var/lib/snow-ha/history"))
    for name in NAMES:
        machines.file(name, f"{permissions.ROOT}/cib/cib.xml").touch()
        machines.file(name, "/sNow/snow-ha/sbd.img").parent.chmod(0o700)


def test_pacemakers_user_gets_its_state_and_a_record_of_each_server(site: Site, machines: Machines) -> None:
    assert [finding.id for finding in permissions.check(site)] == ["pacemaker-permissions"] * 2
    permissions.apply(site)
    assert permissions.check(site) == []
    for name in NAMES:
        assert machines.file(name, f"{permissions.ROOT}/cib/cib.xml").owner() == "hacluster"
        for file in (f"{name}.jsonl", f"{name}.1.jsonl"):
            path = machines.file(name, f"{RECORD}/{file}")
            assert (path.owner(), path.stat().st_mode & 0o777) == ("hacluster", 0o600)
        for directory in (path.parent, path.parent.parent):
            assert (directory.owner(), directory.stat().st_mode & 0o777) == ("root", 0o711)


def test_what_is_recorded_already_stays(site: Site, machines: Machines) -> None:
    path = machines.file("snow02", f"{RECORD}/snow02.jsonl")
    path.write_text("kept")
    permissions.apply(site)
    assert path.read_text() == "kept"


@pytest.mark.parametrize("path", [f"{RECORD}/snow02.jsonl", f"{permissions.ROOT}/cib/cib.xml", RECORD])
def test_another_owner_or_mode_is_found(site: Site, machines: Machines, path: str) -> None:
    permissions.apply(site)
    machines.file("snow02", path).chmod(0o700 if path == RECORD else 0o666)
    (finding,) = permissions.check(site)
    assert f"snow02: {machines.file('snow02', path)}" in finding.message
