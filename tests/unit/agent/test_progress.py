"""How far a migration is: noted each second for `snow ha status`, and each ten seconds in the log."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from snow_ha_plugin.agent import progress
from snow_ha_plugin.agent.progress import Progress
from tests.unit.agent.conftest import THERE

LINE = '{{"target": "snow02", "sent_mib": {}, "memory_mib": 512, "mib_per_s": {}}}\n'


class Sent:
    """What the transport has read by now."""

    def __init__(self) -> None:
        self.now, self.size, self.asked = 1000.0, 0, [""]

    def by(self, pid: str) -> int:
        self.asked.append(pid)
        return self.size


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sent:
    sent = Sent()
    monkeypatch.setattr(progress, "DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: sent.now))
    monkeypatch.setattr(progress, "bytes_read_by", sent.by)
    return sent


@pytest.mark.parametrize(("after_s", "is_noted"), [(0.9, False), (1.0, True)])
def test_it_is_noted_once_a_second(sent: Sent, after_s: float, is_noted: bool) -> None:
    noted = Progress("web01", THERE, 512)
    sent.now += after_s
    noted.note("77")
    assert Path(noted.path).exists() == is_noted
    assert (sent.asked[-1] == "77") == is_noted


def test_a_line_has_whole_mib_and_the_rate_since_the_last_one(sent: Sent, tmp_path: Path) -> None:
    noted = Progress("web01", THERE, 512)
    sent.now, sent.size = 1001, (100 << 20) + (1 << 19)
    noted.note("77")
    assert (tmp_path / "run/web01.migration").read_text() == LINE.format(100, 100)
    sent.now, sent.size = 1006, 700 << 20
    noted.note("77")
    assert (tmp_path / "run/web01.migration").read_text() == LINE.format(700, 120)
    assert len(list((tmp_path / "run").iterdir())) == 1, "the line is replaced as a whole"


@pytest.mark.parametrize(("after_s", "is_told"), [(10.0, False), (10.1, True)])
def test_it_is_logged_once_in_ten_seconds(
    sent: Sent, capfd: pytest.CaptureFixture[str], after_s: float, is_told: bool
) -> None:
    noted = Progress("web01", THERE, 512)
    sent.now += after_s
    noted.note("77")
    assert ("migrating web01 to snow02" in capfd.readouterr().err) == is_told
    sent.now += 5
    noted.note("77")
    assert ("migrating web01" in capfd.readouterr().err) == (not is_told)


def test_what_cannot_be_written_is_not_noted_and_hinders_nothing(sent: Sent, tmp_path: Path) -> None:
    noted = Progress("web01", THERE, 512)
    (tmp_path / "run/web01.migration").mkdir(parents=True)
    sent.now += 2
    noted.note("77")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["web01.migration"]


def test_in_the_end_both_lines_are_gone_whichever_there_is(sent: Sent, tmp_path: Path) -> None:
    noted = Progress("web01", THERE, 512)
    (tmp_path / "run").mkdir()
    for name in ("web01.migration", "web01.migration.new", "web02.migration"):
        (tmp_path / "run" / name).touch()
    noted.end()
    (tmp_path / "run/web01.migration.new").touch()
    noted.end()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["web02.migration"]
