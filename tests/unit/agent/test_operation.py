"""What Pacemaker gives an operation, and how its time is shared out."""

from __future__ import annotations

from pathlib import Path

import pytest

from snow_ha_plugin.agent.operation import (
    ARGS,
    CONFIGURED,
    DEGRADED,
    DIRECTORY,
    GENERIC,
    INSTALLED,
    NOT_RUNNING,
    PERM,
    SUCCESS,
    UNIMPLEMENTED,
    UnknownError,
    is_deep,
    is_recurring,
    is_true,
    log,
    one_answer_by,
    parameter,
)
from snow_ha_plugin.system import migrations
from tests.unit.agent.conftest import Servers


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", True), ("YES", True), ("true", True), ("On", True), ("ja", True), ("0", False), ("no", False), ("", False)],
)
def test_a_boolean_is_what_ocf_has_for_one(text: str, expected: bool) -> None:
    """As ocf_is_true of ocf-shellfuncs."""
    assert is_true(text) == expected


@pytest.mark.parametrize(
    ("level", "expected"), [("", False), ("9", False), ("10", True), ("20", True), ("deep", False)]
)
def test_a_deep_look_begins_at_check_level_ten(monkeypatch: pytest.MonkeyPatch, level: str, expected: bool) -> None:
    monkeypatch.setenv("OCF_CHECK_LEVEL", level)
    assert is_deep() == expected
    monkeypatch.delenv("OCF_CHECK_LEVEL")
    assert not is_deep()


@pytest.mark.parametrize(("interval", "expected"), [(None, False), ("", False), ("0", False), ("10000", True)])
def test_a_monitor_with_an_interval_is_a_recurring_one(
    monkeypatch: pytest.MonkeyPatch, interval: str | None, expected: bool
) -> None:
    monkeypatch.delenv("OCF_RESKEY_CRM_meta_interval", raising=False)
    if interval is not None:
        monkeypatch.setenv("OCF_RESKEY_CRM_meta_interval", interval)
    assert is_recurring() == expected


def test_a_parameter_is_what_stands_in_the_environment_without_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch", " tcp:22 ")
    assert parameter("watch") == "tcp:22"
    monkeypatch.delenv("OCF_RESKEY_watch")
    assert parameter("watch") == ""


@pytest.mark.parametrize(("left_s", "wait_s"), [(100, 50), (12, 6), (8, 5), (3, 3)])
def test_one_answer_may_take_half_of_the_time_and_five_seconds_where_there_are_so_many(
    servers: Servers, left_s: float, wait_s: float
) -> None:
    assert one_answer_by(servers.now + left_s) - servers.now == wait_s


def test_a_line_of_the_log_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    log("two\n  lines ")
    assert capfd.readouterr().err == "two lines\n"


def test_the_exit_statuses_are_those_of_ocf() -> None:
    """resource-agent-api, 1.1: Return codes."""
    assert (SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, PERM, INSTALLED, CONFIGURED, NOT_RUNNING) == (0, 1, 2, 3, 4, 5, 6, 7)
    assert DEGRADED == 190
    assert UnknownError("x").status == GENERIC


def test_the_plugin_reads_where_the_agent_notes() -> None:
    root = Path(__file__).parents[3]
    assert f"cd {DIRECTORY} " in migrations._READ
    assert f"d {DIRECTORY} " in (root / "packaging/snow-ha.conf").read_text()
