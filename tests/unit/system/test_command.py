from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest
import sh
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.system import command
from snow_ha_plugin.system.command import Result


def shell(script: str, *words: str, **options: object) -> Result:
    return command.run(["sh", "-c", script, "sh", *words], **options)  # type: ignore[arg-type]


def program(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def ends_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            # A zombie has ended; who its parent is, and when that one looks, is not our business.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("status", [0, 1, 7, 102, 255])
def test_every_exit_status_is_an_answer(status: int) -> None:
    result = shell(f"exit {status}")
    assert (result.exit_code, result.ok) == (status, status == 0)


@pytest.mark.parametrize("signal", [9, 15])
def test_an_end_by_a_signal_is_a_negative_status(signal: int) -> None:
    result = shell(f"kill -{signal} $$")
    assert (result.exit_code, result.ok) == (-signal, False)


def test_output_and_errors_are_kept_apart_byte_by_byte() -> None:
    result = shell(r"printf '\377\000a\r\n'; printf '\376b' >&2")
    assert (result.stdout, result.stderr) == (b"\xff\x00a\r\n", b"\xfeb")


def test_arguments_arrive_as_they_are() -> None:
    words = ["a b", "", "'\"", "$(id)", ";", "*", "ä", "--", "-n", "\n"]
    assert shell(r"printf '%s\0' " + '"$@"', *words).text.split("\0")[:-1] == words


def test_a_program_without_input_sees_its_end() -> None:
    assert command.run(["cat"], timeout_s=5).stdout == b""


def test_no_program_gets_hold_of_the_terminal() -> None:
    result = shell("test -t 0 || test -t 1 || test -t 2; echo $?; ( : </dev/tty ) 2>/dev/null; echo $?")
    assert result.text.split() == ["1", "2"]


def test_five_megabytes_pass_both_ways() -> None:
    data = os.urandom(5_000_000)
    assert command.run(["cat"], stdin=data).stdout == data


def test_five_million_lines_pass_both_ways() -> None:
    result = shell("tee /dev/stderr", stdin=b"\n" * 5_000_000)
    assert (len(result.stdout), len(result.stderr)) == (5_000_000, 5_000_000)


def test_input_that_nobody_reads_does_no_harm() -> None:
    assert command.run(["true"], stdin=b"x" * 5_000_000, timeout_s=20).ok


def test_messages_come_in_english_and_the_rest_of_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("SNOW_ROOT", "/there")
    result = shell('echo "$LC_ALL $SNOW_ROOT $MORE"', env={"MORE": "more"})
    assert result.text == "C /there more\n"


def test_programs_in_sbin_are_found_with_a_users_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert command.run(["ldconfig", "--version"]).ok
    assert command.is_installed("ldconfig")
    assert not command.is_installed("no-such-program")
    with command.beside(["sh", "-c", "ldconfig --version; cat"], within_s=30) as said:
        assert said.startswith("ldconfig")
    assert command.on_terminal(["ldconfig", "--version"]) == 0


def test_a_missing_program_is_told_by_its_name() -> None:
    for run in (command.run, command.on_terminal):
        with pytest.raises(UnavailableError, match="no-such-program is not there"):
            run(["no-such-program", "--version"])


@pytest.mark.parametrize(
    ("text", "mode"), [("echo no first line\n", 0o755), ("#!/no/such/interpreter\n", 0o755), ("#!/bin/sh\n", 0o644)]
)
def test_a_program_that_cannot_be_started_is_told(tmp_path: Path, text: str, mode: int) -> None:
    path = program(tmp_path / "broken", text, mode)
    with pytest.raises(UnavailableError, match="broken"):
        command.run([path])


def test_a_program_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $! $$ >{pids}; sleep 60; sleep 60"
    start = time.monotonic()
    with pytest.raises(TimedOutError, match="sh did not end within"):
        shell(script, timeout_s=0.5)
    assert time.monotonic() - start < 5
    for pid in pids.read_text().split():
        assert ends_within(int(pid), 5)


def test_a_program_that_cannot_even_be_killed_does_not_keep_us_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    monkeypatch.setattr(command, "KILLED_WITHIN_S", 0.1)
    with monkeypatch.context() as harmless:
        harmless.setattr(os, "killpg", lambda pid, number: None)
        start = time.monotonic()
        with pytest.raises(TimedOutError):
            command.run(["sleep", "60"], timeout_s=0.1, started=pids.append)
        assert time.monotonic() - start < 5
    os.kill(pids[0], 9)


@pytest.mark.parametrize("left_s", [0, -1])
def test_where_no_time_is_left_a_program_is_late(left_s: float) -> None:
    with pytest.raises(TimedOutError):
        command.run(["sleep", "60"], timeout_s=left_s)


def test_nothing_is_left_of_what_ran() -> None:
    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = files()
    shell("echo a; echo b >&2", stdin=b"c")
    with pytest.raises(TimedOutError):
        shell("sleep 60", timeout_s=0.1)
    with pytest.raises(UnavailableError):
        command.run(["no-such-program"])
    assert files() == before


def test_a_program_that_leaves_a_daemon_behind_does_not_keep_us_waiting() -> None:
    start = time.monotonic()
    result = shell("setsid sleep 30 & echo $!", timeout_s=60)
    assert time.monotonic() - start < 20
    daemon = int(result.text)
    assert not ends_within(daemon, 0)
    os.kill(daemon, 9)


def test_programs_run_side_by_side() -> None:
    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: shell(f"sleep 1; echo {number}; exit {number}"), range(8)))
    assert [(result.text, result.exit_code) for result in results] == [(f"{n}\n", n) for n in range(8)]
    assert time.monotonic() - start < 6


def test_a_reason_is_one_line_of_what_was_said_last() -> None:
    assert shell("printf 'a\\nb\\nc\\n' >&2; echo out; exit 1").reason == "b c"
    assert shell("echo out; exit 1").reason == "out"
    assert shell("exit 3").reason == "exit status 3"


CLEANED = ("sh", "-c", 'echo cleaned >"$0"')


@pytest.mark.parametrize("is_clean", [True, False])
def test_what_is_not_clean_is_cleaned_up(tmp_path: Path, is_clean: bool) -> None:
    with command.cleaning_up([*CLEANED, str(tmp_path / "told")]) as all_is_clean:
        if is_clean:
            all_is_clean()
    assert (tmp_path / "told").exists() is not is_clean


def test_a_block_that_fails_is_cleaned_up(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), command.cleaning_up([*CLEANED, str(tmp_path / "told")]):
        raise ZeroDivisionError
    assert (tmp_path / "told").exists()


def test_a_clean_up_that_fails_hides_nothing() -> None:
    with pytest.raises(ZeroDivisionError), command.cleaning_up(["false"]):
        raise ZeroDivisionError


def test_who_is_killed_is_cleaned_up_after(tmp_path: Path) -> None:
    script = (
        "import os, sys\nfrom snow_ha_plugin.system import command\n"
        "with command.cleaning_up(sys.argv[1:]):\n    os.kill(os.getpid(), 9)"
    )
    argv = [sys.executable, "-c", script, *CLEANED, str(tmp_path / "told")]
    subprocess.run(argv, cwd=Path(__file__).parents[3], timeout=30)
    deadline = time.monotonic() + 10
    while not (tmp_path / "told").exists():
        assert time.monotonic() < deadline, "nobody has cleaned up"


def test_neither_input_nor_output_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        command.run(["cat"], stdin=b"geheim")
    assert "run: cat" in caplog.text
    assert "geheim" not in caplog.text


def test_how_a_program_has_ended_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        shell("exit 0")
        shell("echo no luck >&2; exit 3")
    found = re.findall(r"sh -c ended with (\d) after (\d+\.\d{3}) s(.*)", caplog.text)
    assert [(status, said) for status, _, said in found] == [("0", ""), ("3", ": no luck")]
    assert all(0 < float(seconds) < 600 for _, seconds, _ in found)


def test_who_starts_a_program_is_given_its_number() -> None:
    begun: list[int] = []
    assert begun == [int(shell("echo $$", started=begun.append).text)]


@pytest.mark.parametrize(
    ("argv", "spelled"),
    [
        (["xl", "create", "a b"], "xl create 'a b'"),
        (["x" * 100], "x" * 100),
        (["x" * 101], ""),
        (["sh", "-c", "a\nb"], ""),
    ],
)
def test_only_a_command_that_can_be_read_is_in_a_message(argv: list[str], spelled: str) -> None:
    assert command.spelled(argv) == spelled


@pytest.mark.parametrize(("server", "where"), [("", ""), ("snow02", " on snow02")])
def test_what_is_late_is_told_with_where_and_what_it_was(server: str, where: str) -> None:
    told = command.late(["xl", "list"], 30, server)
    assert (told.message, told.details) == (f"xl did not end within 30 s{where}", "xl list")


@pytest.mark.parametrize("status", [0, 3])
def test_a_program_on_our_own_terminal_has_our_environment(
    status: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SNOW_ROOT", "/there")
    assert command.on_terminal(["sh", "-c", f'echo "$SNOW_ROOT $PATH"; exit {status}']) == status
    root, path = capfd.readouterr().out.split()
    assert root == "/there"
    assert path.endswith(":/usr/sbin:/usr/bin:/sbin:/bin")


def test_a_program_beside_us_has_our_environment_and_speaks_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOW_ROOT", "/there")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    script = 'test -t 0 || test -t 1; echo "$LC_ALL $SNOW_ROOT $PATH $?"; cat >/dev/null'
    with command.beside(["sh", "-c", script], within_s=30) as said:
        speaks, root, path, terminal = said.split()
    assert (speaks, root, terminal) == ("C", "/there", "1")
    assert path.endswith(":/usr/sbin:/usr/bin:/sbin:/bin")


@pytest.mark.parametrize("script", ["cat", "exit 3"])
def test_one_that_says_nothing_is_given_by_an_empty_line(script: str) -> None:
    with command.beside(["sh", "-c", script], within_s=0.2) as said:
        assert said == ""


def test_what_was_said_counts_also_where_the_end_is_told_before_it(mocker: MockerFixture) -> None:
    def start(*_: str, _out: Callable[[str], None], _done: Callable[[], None], **__: object) -> Mock:
        _done()
        process: Mock = mocker.Mock(wait=lambda: _out("who\n"))
        return process

    mocker.patch.object(sh, "Command", return_value=start)
    with command.beside(["flock"], within_s=30) as first:
        assert first == "who"
