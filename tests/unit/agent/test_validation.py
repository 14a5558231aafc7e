from __future__ import annotations

from pathlib import Path

import pytest

from snow_ha_plugin import xlcfg
from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.operation import CONFIGURED, INSTALLED, SUCCESS, OcfError, Operation, UnknownError
from snow_ha_plugin.agent.validation import validate
from tests.unit.agent.conftest import HERE, Servers


@pytest.fixture
def operation(servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operation:
    monkeypatch.setenv("OCF_RESKEY_xmfile", str(tmp_path / "web01.cfg"))
    (tmp_path / "web01.cfg").write_text("name = 'web01'\n")
    monkeypatch.setattr(domain_file, "read", lambda path, until: xlcfg.settings(xlcfg.read(path)))
    return Operation("web01", servers.now, servers.now + 20)


def status(operation: Operation) -> int:
    try:
        return validate(operation)
    except OcfError as error:
        return error.status


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("shutdown_timeout", "", SUCCESS),
        ("shutdown_timeout", "0", SUCCESS),
        ("shutdown_timeout", "soon", CONFIGURED),
        ("shutdown_timeout", "-1", CONFIGURED),
        ("watch", "tcp:22", SUCCESS),
        ("watch", "tcp:0", CONFIGURED),
        ("watch", "tcp:65536", CONFIGURED),
        ("watch", "ping", SUCCESS),
        ("watch", "ping:9", CONFIGURED),
        ("watch", "script:/usr/local/bin/look", SUCCESS),
        ("watch", "script:look", CONFIGURED),
        ("watch", "http", CONFIGURED),
        ("watch_grace", "600", SUCCESS),
        ("watch_grace", "10min", CONFIGURED),
        ("xmfile", "", CONFIGURED),
        ("xmfile", "web01.cfg", CONFIGURED),
        ("allow_mem_management", "yes", CONFIGURED),
        ("allow_mem_management", "no", SUCCESS),
        ("autoset_utilization_cpu", "TRUE", CONFIGURED),
        ("autoset_utilization_hv_memory", "1", CONFIGURED),
        ("reserved_Dom0_memory", "512", SUCCESS),
    ],
)
def test_parameters_are_looked_at_by_themselves(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: int
) -> None:
    monkeypatch.setenv(f"OCF_RESKEY_{name}", value)
    assert status(operation) == expected
    assert servers.calls == []


@pytest.mark.parametrize(("level", "is_deep"), [("", False), ("0", False), ("9", False), ("10", True), ("x", False)])
def test_the_host_is_looked_at_on_check_level_10(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, level: str, is_deep: bool
) -> None:
    monkeypatch.setenv("OCF_CHECK_LEVEL", level)
    assert validate(operation) == SUCCESS
    assert servers.calls == (["xl list"] if is_deep else [])
    (tmp_path / "web01.cfg").write_text("name = 'web01'\nkernel = '/nowhere/vmlinuz'\n")
    assert status(operation) == (INSTALLED if is_deep else SUCCESS)


def test_a_hypervisor_that_tells_nothing_is_no_host(
    servers: Servers, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_CHECK_LEVEL", "10")
    servers.silent.add(HERE)
    with pytest.raises(UnknownError):
        validate(operation)


def test_each_number_of_seconds_is_told_by_its_name(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shutdown_timeout", "watch_grace"):
        with monkeypatch.context() as patch:
            patch.setenv(f"OCF_RESKEY_{name}", "10min")
            with pytest.raises(OcfError, match=f"{name} must be a number of seconds: '10min'"):
                validate(operation)
