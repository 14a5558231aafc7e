from __future__ import annotations

from typing import Any

from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.model import ClusterState, ResourceState
from snow_ha_plugin.operations import retry
from snow_ha_plugin.system import pacemaker
from tests.captures import guide_cluster


def state(*resources: ResourceState) -> ClusterState:
    return ClusterState(True, False, (), resources)


def resource(name: str, role: str = "Started", **changed: bool) -> ResourceState:
    flags: dict[str, Any] = {"managed": True, "failed": False, "blocked": False} | changed
    return ResourceState(name, role, ("snow01",) if role == "Started" else (), **flags)


def test_what_failed_is_blocked_or_does_not_run_is_tried_again() -> None:
    tree = guide_cluster()
    cib.put_pairs(cib.resource(tree, "nis02"), "meta_attributes", "mine", {"target-role": "Stopped"})
    found = state(
        resource("deploy01"),
        resource("proxy01", failed=True),
        resource("maui01", blocked=True),
        resource("nis01", "Stopped"),
        resource("nis02", "Stopped"),
        resource("syslog01", "Stopped", managed=False),
        resource("snow-ha-floating-ip", failed=True),
    )
    assert retry.failed(tree, found) == ["proxy01", "maui01", "nis01"]


def test_each_is_told(mocker: MockerFixture) -> None:
    cleanup = mocker.patch.object(pacemaker, "cleanup")
    (change,) = retry.again(["proxy01"])
    assert (change.action, change.target) == ("retry", "proxy01")
    cleanup.assert_called_once_with("proxy01")
