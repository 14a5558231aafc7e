"""Programs that really run, and processes that really are there."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from snow_ha_plugin.agent import lost_senders, process
from snow_ha_plugin.agent.operation import INSTALLED, PERM, OcfError
from snow_ha_plugin.agent.process import Program, run


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child
        child.kill()


def soon(seconds: float = 30) -> float:
    return time.monotonic() + seconds


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_program_s_output_errors_and_status_are_told_apart() -> None:
    result = run(["sh", "-c", "echo out; echo err >&2; exit 3"], soon())
    assert (result.status, result.output, result.errors) == (3, "out\n", "err\n")
    assert run(["sh", "-c", "kill -9 $$"], soon()).status == -9


def test_a_program_speaks_english_and_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run(["sh", "-c", "echo $LC_ALL; cat"], soon()).output == "C\n"


def test_a_program_that_does_not_end_is_killed_at_the_deadline() -> None:
    began = time.monotonic()
    program = Program(["sh", "-c", "echo out; exec sleep 60"])
    assert not program.wait(began + 0.2)
    result = program.result(began + 0.3)
    assert 0.2 < time.monotonic() - began < 10
    assert (result.status, result.output) == (None, "out\n")
    assert not is_there(program.pid)


def test_nothing_of_a_program_stays_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    run(["true"], soon())
    run(["sleep", "60"], soon(0.1))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_program_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "program").touch(mode=0o644)
    for name, status in (("missing", INSTALLED), ("program", PERM)):
        with pytest.raises(OcfError) as caught:
            run([str(tmp_path / name)], soon())
        assert caught.value.status == status


def test_a_process_is_what_proc_says(child: subprocess.Popen[bytes]) -> None:
    me, other = str(os.getpid()), str(child.pid)
    assert other in process.children_of(me)
    assert process.parent_of(other) == me
    assert process.command_line(other)[:2] == ["sleep", "60"]
    assert process.bytes_read_by(me) > 0
    process.kill(other)
    assert child.wait(timeout=30) == -9
    process.kill(other)


def test_of_a_process_that_has_ended_there_is_nothing() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait(timeout=30)
    pid = str(ended.pid)
    assert (process.children_of(pid), process.parent_of(pid), process.bytes_read_by(pid)) == ([], "", 0)
    assert process.command_line(pid) == [""]


def test_only_a_sender_of_the_domain_whose_agent_has_gone_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {
        "10": ("1", ["xl", "migrate", "web01", "snow02"]),
        "20": ("5", ["xl", "migrate", "web01", "snow02"]),
        "30": ("1", ["xl", "migrate", "web02", "snow02"]),
        "40": ("1", ["sshd"]),
    }
    killed: list[str] = []
    monkeypatch.setattr(os, "listdir", lambda path: ["self", *lines])
    monkeypatch.setattr(lost_senders, "parent_of", lambda pid: lines[pid][0])
    monkeypatch.setattr(lost_senders, "command_line", lambda pid: lines[pid][1])
    monkeypatch.setattr(lost_senders, "children_of", lambda pid: [pid + "1"])
    monkeypatch.setattr(lost_senders, "kill", killed.append)
    lost_senders.end_lost_senders("web01")
    assert killed == ["101", "10"], "the transport first"
