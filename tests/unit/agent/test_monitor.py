"""monitor: which look at a domain is enough, and what is told of one that does not run as it should."""

from __future__ import annotations

import pytest

from snow_ha_plugin.agent import watch
from snow_ha_plugin.agent.monitor import monitor
from snow_ha_plugin.agent.operation import (
    GENERIC,
    NOT_RUNNING,
    SUCCESS,
    OcfError,
    Operation,
)
from snow_ha_plugin.agent.process import Result
from tests.unit.agent.conftest import HERE, Servers


def looked(servers: Servers) -> tuple[int, str]:
    """The exit status of a monitor, and why it fails."""
    try:
        return monitor(Operation("web01", servers.now, servers.now + 30)), ""
    except OcfError as error:
        return error.status, error.text


@pytest.mark.parametrize("found", [["incoming paused"], ["incoming never scheduled", "incoming dying"]])
def test_what_a_migration_left_is_nothing_to_a_probe_and_a_failure_of_what_should_run(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], found: list[str]
) -> None:
    servers.place(HERE, *found)
    assert looked(servers) == (NOT_RUNNING, "")
    assert "a migration is bringing web01 in, or has left this: --incoming 1" in capfd.readouterr().err
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_interval", "10000")
    status, why = looked(servers)
    assert status == GENERIC
    assert why.startswith("web01 is here as --incoming 1 (") and why.endswith("which is not a domain that runs")


@pytest.mark.usefixtures("recurring")
def test_a_domain_is_fine_beside_what_a_migration_brings_and_not_beside_a_second_one(servers: Servers) -> None:
    servers.place(HERE, "own running", "incoming never scheduled")
    assert looked(servers) == (SUCCESS, "")
    servers.place(HERE, "own running", "own running")
    assert looked(servers) == (
        GENERIC,
        "web01 is here as domain 1 (running), domain 2 (running), which is not a domain that runs",
    )


def test_one_that_is_frozen_under_another_name_is_told(servers: Servers) -> None:
    servers.place(HERE, "away off")
    assert looked(servers)[1].startswith("web01 is here as --migratedaway 1 (off)")


@pytest.mark.usefixtures("recurring")
def test_a_domain_that_is_gone_is_told_and_one_that_never_was_is_not(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert looked(servers) == (NOT_RUNNING, "")
    assert capfd.readouterr().err == "domain web01 is gone\n"
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_interval", "0")
    assert looked(servers) == (NOT_RUNNING, "")
    assert capfd.readouterr().err == ""


def test_each_check_of_a_guest_is_run_by_itself(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCF_RESKEY_monitor_scripts", " /one  /two ")
    servers.programs = {name: Result([name], 0, "", "") for name in ("/one", "/two")}
    servers.place(HERE, "own running")
    assert looked(servers) == (SUCCESS, "")
    assert [words for _, words in servers.commands] == ["xl list", "/one", "/two"]
    assert servers.given_s[1] == pytest.approx(29.9), "until the operation's own deadline"


@pytest.mark.parametrize(
    ("interval", "level", "state", "asked"),
    [
        ("", "", "running", []),
        ("10000", "", "running", ["watch"]),
        ("10000", "10", "running", ["watch", "ping"]),
        ("", "10", "running", ["ping"]),
        ("10000", "10", "paused", []),
    ],
)
def test_who_asks_the_guest_itself(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, interval: str, level: str, state: str, asked: list[str]
) -> None:
    said: list[str] = []
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_interval", interval)
    monkeypatch.setenv("OCF_CHECK_LEVEL", level)
    monkeypatch.setattr(watch, "look", lambda operation, domid: said.append("watch"))
    monkeypatch.setattr(watch, "silence", lambda name, deadline: said.append("ping") or "")
    servers.place(HERE, f"own {state}")
    assert looked(servers) == (SUCCESS, "")
    assert said == asked


def test_a_paused_domain_is_fine_and_told(servers: Servers, capfd: pytest.CaptureFixture[str]) -> None:
    servers.place(HERE, "own paused")
    assert looked(servers) == (SUCCESS, "")
    assert capfd.readouterr().err == "web01 is paused (xl unpause web01)\n"
    servers.place(HERE, "own running")
    assert looked(servers) == (SUCCESS, "")
    assert capfd.readouterr().err == ""
