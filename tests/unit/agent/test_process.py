"""Programs that really run, and processes that really are there."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from snow_ha_plugin.agent import orphans, process
from snow_ha_plugin.agent.operation import INSTALLED, PERM, OcfError, UnknownError
from snow_ha_plugin.agent.process import Program, Result, run


@contextmanager
def running(*words: str | bytes) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says something and waits: before it does, /proc may still have no words of it."""
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline()
        yield child
        child.kill()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with running("sh", "-c", "echo up; read x") as child:
        yield child


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
    program = Program(["sh", "-c", "trap '' TERM USR1; echo out; exec sleep 60"])
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
    assert process.command_line(other) == ["sh", "-c", "echo up; read x", ""]
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


def test_only_what_is_of_the_domain_and_whose_agent_has_gone_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {
        "10": ("1", ["xl", "migrate", "web01", "snow02"]),
        "20": ("5", ["xl", "migrate", "web01", "snow02"]),
        "30": ("1", ["xl", "migrate", "web02", "snow02"]),
        "40": ("1", ["sshd"]),
        "50": ("1", ["xl", "create", "/web01.cfg"]),
        "60": ("5", ["xl", "create", "/web01.cfg"]),
        "70": ("1", ["xl", "create", "/web01.cfg"]),
    }
    monkeypatch.setenv("OCF_RESKEY_xmfile", "/web01.cfg")
    # It waits for the domain's end.
    monkeypatch.setattr(orphans, "is_daemon", lambda pid, name: (pid, name) == ("70", "web01"))
    killed: list[str] = []
    monkeypatch.setattr(os, "listdir", {"/proc": ["self", *lines]}.__getitem__)
    monkeypatch.setattr(orphans, "parent_of", lambda pid: lines[pid][0])
    monkeypatch.setattr(orphans, "command_line", lambda pid: lines[pid][1])
    monkeypatch.setattr(orphans, "children_of", lambda pid: [pid + "1"])
    monkeypatch.setattr(orphans, "kill", killed.append)
    orphans.end_orphans("web01")
    assert killed == ["101", "10", "501", "50"], "the transport first"


@pytest.mark.parametrize(
    ("log", "program", "is_its"),
    [
        ("xl-web01.log", "xl", True),
        ("xl-web01--incoming.log", "xl", True),
        ("xl-web01.log.1", "xl", True),
        ("xl-web01.log-20261130", "xl", True),
        ("xl-web011.log", "xl", False),
        ("xl-web01.log.log", "xl", False),
        ("qemu-dm-web01.log", "xl", False),
        ("xl-web01.log", "udhcpd", False),
    ],
)
def test_xl_s_process_of_a_domain_is_known_by_its_log(tmp_path: Path, log: str, program: str, is_its: bool) -> None:
    (tmp_path / program).write_text("#!/bin/sh\ncat /nowhere\nread x\n")
    (tmp_path / program).chmod(0o755)
    with (tmp_path / log).open("w") as file:
        words = [str(tmp_path / program), "create", "web01.cfg"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE) as child:
            assert child.stderr and child.stderr.readline()
            assert (str(child.pid) in process.daemons_of("web01")) == is_its
            (tmp_path / log).unlink()
            assert (str(child.pid) in process.daemons_of("web01")) == is_its, "its log is gone: it is not"
            child.kill()
    assert str(child.pid) not in process.daemons_of("web01")


def test_of_what_a_program_says_four_mib_are_read() -> None:
    assert len(run(["head", "-c", str((4 << 20) + 1), "/dev/zero"], soon()).output) == 4 << 20


def test_what_is_no_text_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    result = run(["printf", r"a\377b"], soon())
    assert result.output == "a\ufffdb"
    with running("sh", "-c", "echo; read x", b"\xff") as child:
        assert process.command_line(str(child.pid)) == ["sh", "-c", "echo; read x", "\ufffd", ""]


def test_a_program_has_the_agent_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCF_RESOURCE_INSTANCE", "web01")
    assert run(["sh", "-c", "echo $OCF_RESOURCE_INSTANCE"], soon()).output == "web01\n"


def test_a_program_that_fails_to_run_in_another_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UnknownError, match="loop could not be run: Too many levels"):
        run([str(tmp_path / "loop")], soon())


@pytest.mark.parametrize(("left_s", "wait_ms"), [(2.5, 2500), (-3, 0)])
def test_a_program_is_waited_for_until_the_deadline(
    monkeypatch: pytest.MonkeyPatch, left_s: float, wait_ms: float
) -> None:
    waited: list[float] = []
    poll = SimpleNamespace(register=lambda *_: None, poll=waited.append)
    monkeypatch.setattr(process, "select", SimpleNamespace(poll=lambda: poll, POLLIN=1))
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: 100.0))
    program = Program(["true"])
    assert not program.wait(100 + left_s)
    assert waited == [wait_ms]
    monkeypatch.undo()
    program.result(soon())


def test_a_process_may_be_called_as_anything(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.write_text("#!/bin/sh\necho\nread x\n")
    program.chmod(0o755)
    with running(str(program)) as child:
        assert process.parent_of(str(child.pid)) == str(os.getpid())


def test_what_a_process_reads_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(1 << 20))
    before = process.bytes_read_by(str(os.getpid()))
    (tmp_path / "file").read_bytes()
    assert 1 << 20 <= process.bytes_read_by(str(os.getpid())) - before < 1 << 21


def test_a_long_reason_is_cut() -> None:
    assert Result(["x"], 1, "", "a" * 300).why == f"`x` exited with 1 ({'a' * 200})"


def test_what_the_agent_is_given_to_read_is_not_for_its_programs() -> None:
    reading, writing = os.pipe()
    before = os.dup(0)
    try:
        os.dup2(reading, 0)
        os.write(writing, b"for the agent")
        os.close(writing)
        assert run(["cat"], soon()).output == ""
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)
