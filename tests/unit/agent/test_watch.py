"""The parameter `watch`: what is asked of a guest, when, and from when on its silence counts."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from snow_ha_plugin.agent import domain_file, watch
from snow_ha_plugin.agent.monitor import monitor
from snow_ha_plugin.agent.operation import DEGRADED, GENERIC, SUCCESS, OcfError, Operation
from snow_ha_plugin.agent.process import Result
from tests.unit.agent.conftest import HERE, Servers

GOOD, BAD = Result(["/look"], 0, "", ""), Result(["/look"], 3, "", "no answer")
Look = Callable[[], str]

pytestmark = pytest.mark.usefixtures("recurring")


@pytest.fixture
def look(servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Look:
    """A monitor of a domain that runs and is past its grace time: why it fails, or nothing."""
    monkeypatch.setattr(watch, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(domain_file, "read_given", lambda deadline: {"vif": ["ip=10.9.0.7"]})
    monkeypatch.setenv("OCF_RESKEY_watch", "script:/look")
    monkeypatch.setenv("OCF_RESKEY_watch_grace", "0")
    servers.place(HERE, "own running")

    def look() -> str:
        try:
            assert monitor(Operation("web01", servers.now, servers.now + 60)) == SUCCESS
        except OcfError as error:
            assert error.status == (DEGRADED if "also after" in error.text else GENERIC)
            return error.text
        return ""

    return look


def test_one_failure_is_only_logged_and_the_second_in_a_row_counts(
    servers: Servers, look: Look, capfd: pytest.CaptureFixture[str]
) -> None:
    servers.programs = {"/look": BAD}
    assert look() == ""
    assert "counts if it does so again: `/look` exited with 3 (no answer)" in capfd.readouterr().err
    assert look() == "web01 runs, but failed its watch twice: `/look` exited with 3 (no answer)"
    assert "/look web01" in servers.calls


def test_a_success_between_two_failures_begins_anew(servers: Servers, look: Look) -> None:
    for result in (BAD, GOOD, BAD):
        servers.programs = {"/look": result}
        assert look() == ""


def test_nothing_is_asked_in_the_grace_time_of_each_new_start(
    servers: Servers, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch_grace", "300")
    servers.programs = {"/look": BAD}
    for _ in range(2):
        began = servers.now
        assert [look() for _ in range(3)] == ["", "", ""]
        assert "/look web01" not in servers.calls
        servers.sleep(began + 301 - servers.now)
        assert look() == ""
        assert "failed its watch twice" in look()
        servers.on[HERE][0].domid += 1
        servers.calls.clear()


def test_without_a_number_the_grace_time_is_five_minutes(
    servers: Servers, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch_grace", "soon")
    servers.programs = {"/look": BAD}
    look()
    servers.sleep(290)
    look()
    assert "/look web01" not in servers.calls
    servers.sleep(10)
    look()
    assert "/look web01" in servers.calls


def test_what_three_restarts_in_a_row_have_not_helped_is_degraded_until_it_answers(
    servers: Servers, look: Look
) -> None:
    def after_a_restart() -> list[str]:
        servers.on[HERE][0].domid += 1
        return [look() for _ in range(3)][1:]

    servers.programs = {"/look": BAD}
    restarting = "web01 runs, but failed its watch twice: `/look` exited with 3 (no answer)"
    left = "web01 runs, but fails its watch, also after {} restarts: `/look` exited with 3 (no answer)"
    assert [after_a_restart() for _ in range(4)] == [[restarting] * 2] * 3 + [[left.format(3)] * 2]
    assert after_a_restart() == [left.format(4)] * 2, "by somebody else"
    servers.programs = {"/look": GOOD}
    assert look() == ""
    servers.programs = {"/look": BAD}
    assert [look(), look()] == ["", restarting]
    assert after_a_restart() == [restarting] * 2


def test_a_restart_for_another_reason_counts_for_none(servers: Servers, look: Look) -> None:
    servers.programs = {"/look": BAD}
    for _ in range(5):
        assert look() == ""
        servers.on[HERE][0].domid += 1
    assert [look(), "also after" in look()] == ["", False]


@pytest.mark.parametrize("state", ["own paused", "own running"])
def test_a_probe_and_a_paused_guest_are_not_asked(
    servers: Servers, look: Look, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    servers.place(HERE, state)
    if state == "own running":
        monkeypatch.setenv("OCF_RESKEY_CRM_meta_interval", "0")
    servers.programs = {"/look": BAD}
    assert [look() for _ in range(3)] == ["", "", ""]
    assert "/look web01" not in servers.calls


def test_a_watch_without_time_left_is_not_held_against_the_guest(servers: Servers, look: Look) -> None:
    servers.programs = {"/look": BAD}
    look()
    assert monitor(Operation("web01", servers.now, servers.now + 2)) == SUCCESS
    assert servers.calls.count("/look web01") == 1


@pytest.mark.parametrize("wanted", ["http:80", "tcp:0", "script:look", "tcp:²"])
def test_what_nobody_knows_is_told_and_not_held_against_the_guest(
    look: Look, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], wanted: str
) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch", wanted)
    assert [look() for _ in range(3)] == ["", "", ""]
    assert "has a watch that nobody knows" in capfd.readouterr().err


def test_a_program_that_is_not_there_is_told_and_not_held_against_the_guest(
    look: Look, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def missing(words: list[str], deadline: float) -> Result:
        raise OcfError(5, "/look is not installed on this server")

    monkeypatch.setattr(watch, "run", missing)
    assert [look() for _ in range(3)] == ["", "", ""]
    assert "cannot be asked: /look is not installed" in capfd.readouterr().err


def test_a_ping_is_asked_for_a_few_seconds(servers: Servers, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch", "ping")
    servers.programs = {"ping": Result(["ping"], 1, "", "silence")}
    assert look() == ""
    assert 4 < servers.seconds < 8
    assert "failed its watch twice: `ping` exited with 1" in look()
    servers.programs = {"ping": Result(["ping"], 2, "", "no route")}
    assert look() == ""


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ECONNREFUSED, "10.9.0.7 port 22: no"),
        (errno.EHOSTUNREACH, "10.9.0.7 port 22: no"),
        (errno.ENETUNREACH, ""),
    ],
)
def test_a_port_must_take_a_connection(look: Look, monkeypatch: pytest.MonkeyPatch, number: int, why: str) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch", "tcp:22")
    asked: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], timeout: float) -> SimpleNamespace:
        asked.append(address)
        if number:
            raise OSError(number, "no")
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(socket, "create_connection", connect)
    assert look() == ""
    assert asked == [("10.9.0.7", 22)]
    assert look().endswith(why) and bool(look()) == bool(why)
    number = 0
    assert look() == ""


def test_a_domain_without_an_address_is_not_held_down(
    look: Look, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(domain_file, "read_given", lambda deadline: {})
    for wanted in ("ping", "tcp:22"):
        monkeypatch.setenv("OCF_RESKEY_watch", wanted)
        assert [look() for _ in range(3)] == ["", "", ""]
    assert "nobody to ask" in capfd.readouterr().err


def test_where_nothing_can_be_noted_no_failure_counts(
    servers: Servers, look: Look, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(watch, "DIRECTORY", str(tmp_path / "file"))
    servers.programs = {"/look": BAD}
    assert [look() for _ in range(3)] == ["", "", ""]
    assert "cannot be counted" in capfd.readouterr().err
