"""The alert agent as a program, and what is taken of what it puts aside."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from snow_ha_plugin.system import spool
from tests.unit.core.test_alerts import MIGRATION_FAILED, SEEN

AGENT = Path(__file__).parents[3] / "packaging/alert"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("new", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(spool, "DIRECTORY", tmp_path / "new")
    return tmp_path


def alert(directory: Path, **changed: str) -> None:
    script = AGENT.read_text().replace("/run/snow-ha/alerts", str(directory))
    environment = {"PATH": "/bin:/usr/bin", **MIGRATION_FAILED, **changed}
    subprocess.run(["sh", "-c", script], env=environment, check=True)


def test_each_event_is_taken_once_by_time(directory: Path) -> None:
    alert(directory)
    alert(directory, CRM_alert_timestamp_epoch="1795878600", CRM_alert_rsc="b01\nwith=a line")
    earlier, later = spool.take()
    assert (earlier.resource, later) == ("b01\nwith=a line", SEEN)
    assert spool.take() == []
    assert not list((directory / "tmp").iterdir())


def test_a_monitor_that_sees_what_it_should_is_no_event(directory: Path) -> None:
    alert(directory, CRM_alert_task="monitor", CRM_alert_rc="0")
    assert spool.take() == []
    alert(directory, CRM_alert_task="monitor", CRM_alert_rc="7")
    assert len(spool.take()) == 1


def test_what_is_no_event_is_neither_taken_nor_left(directory: Path) -> None:
    (directory / "new/link").symlink_to("/etc/passwd")
    (directory / "new/empty").write_bytes(b"")
    (directory / "new/noise").write_bytes(b"\xff\0CRM_alert_kind=node\0")
    assert spool.take() == []
    assert not list((directory / "new").iterdir())


def test_without_a_directory_there_is_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spool, "DIRECTORY", tmp_path / "absent")
    assert spool.take() == []
