"""What a verb says that is interrupted, and that it cleans up whatever interrupts it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import enable, interruption, options, output, servers, transfer
from snow_ha_plugin.cli.interruption import Account
from snow_ha_plugin.core import cib
from snow_ha_plugin.guide import enable as forwards
from snow_ha_plugin.model import MigrationProgress, Move
from snow_ha_plugin.operations import moves
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.unit.cli.conftest import Files

# A verb that says something, waits, and cleans up; its word is a file to write then.
VERB = """
import sys, time
from snow_ha_plugin.cli import interruption
interruption.listen()
try:
    with interruption.told(lambda: interruption.Account(["web01"], ["web02"], ["web03"], ("go on: snow ha balance",))):
        try:
            print("begun", flush=True)
            time.sleep(60)
        finally:
            print("ends", flush=True)
            open(sys.argv[1], "w").close()
except KeyboardInterrupt as error:
    sys.exit(interruption.tell(error))
"""
TOLD = [
    "[W] interrupted; web01: done; web02: under way, and not stopped by this; web03: not begun",
    "    go on: snow ha balance",
]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_is_told_alike_once_it_has_cleaned_up(tmp_path: Path, number: int) -> None:
    verb = subprocess.Popen(
        [sys.executable, "-c", VERB, str(tmp_path / "clean")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert verb.stdout and verb.stdout.readline() == "begun\n"
    verb.send_signal(number)
    _, said = verb.communicate(timeout=30)
    assert said.splitlines() == TOLD
    assert verb.returncode == 128 + number
    assert (tmp_path / "clean").exists()


@pytest.mark.usefixtures("interruptible")
def test_a_terminal_that_is_gone_keeps_nothing_from_being_cleaned_up(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    verb = subprocess.Popen(
        # Its session's terminal, which sends SIGHUP when it is gone.
        ["setsid", "--ctty", sys.executable, "-c", VERB, str(tmp_path / "clean")], stdin=its, stdout=its, stderr=its
    )  # fmt: skip
    os.close(its)
    assert os.read(ours, 100).startswith(b"begun")
    os.close(ours)
    assert verb.wait(timeout=30) == 128 + signal.SIGHUP
    assert (tmp_path / "clean").exists()


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    line = 'trap "" HUP; exec "$@"'
    code = "import os, signal; from snow_ha_plugin.cli import interruption as i; i.listen(); os.kill(os.getpid(), 1)"
    assert subprocess.run(["sh", "-c", line, "sh", sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def live(files: Files, mocker: MockerFixture) -> Files:
    """The cluster in the file as if it ran."""
    mocker.patch.object(options, "require_root")
    mocker.patch.object(options, "LiveCluster", side_effect=lambda: ClusterInFile(files.cib))
    return files


def interrupting(*states: str) -> Callable[..., None]:
    def carry_out(cluster: Any, batches: Any, *, on_progress: moves.Progress, on_wait: moves.Waiting) -> None:
        for state in states:
            on_progress(batches[0][0], state)
        raise KeyboardInterrupt

    return carry_out


def test_a_move_that_has_begun_goes_on(live: Files, mocker: MockerFixture) -> None:
    mocker.patch.object(moves, "carry_out", side_effect=interrupting("migrating"))
    ended = live.run("move", "nis01")
    assert ended.status == 130
    assert "... interrupted" in ended.out
    assert "FAIL" not in ended.out
    first, *more = ended.err.strip().splitlines()
    assert first == "[W] interrupted; nis01: under way, and not stopped by this"
    assert [line.strip().split(":")[0] for line in more] == ["where they end", "go on"]


def test_a_move_that_has_not_begun_says_so(live: Files, mocker: MockerFixture) -> None:
    mocker.patch.object(moves, "carry_out", side_effect=interrupting())
    assert "[W] interrupted; nis01: not begun" in live.run("move", "nis01").err


def test_what_is_left_of_balance_is_told_by_state() -> None:
    trail = transfer.Trail(Move(name, "a", "b", 1) for name in ("w", "x", "y", "z"))
    for name, state in (("w", "migrating"), ("w", "done"), ("x", "failed"), ("y", "migrating")):
        trail.note(Move(name, "a", "b", 1), state)
    assert trail.account("again") == Account(["w"], ["y"], ["z"], ("where they end: snow ha status", "again"))


@pytest.mark.parametrize("standby", [True, False])
def test_a_drain_says_that_the_server_stays_in_standby_if_it_is(files: Files, *, standby: bool) -> None:
    tree = cib.parse(files.cib.read_bytes())
    cib.put_standby(tree, "snow01", on=standby)
    files.cib.write_bytes(cib.serialize(tree))
    emptying = servers.emptying(ClusterInFile(files.cib), "snow01", ["gone", "nis02"], quiet=True)
    with pytest.raises(KeyboardInterrupt) as caught, emptying:
        raise KeyboardInterrupt
    first, last = caught.value.__notes__
    if standby:
        assert first.startswith("gone: done; ")
        assert "nis02" in first and "under way" in first
        assert last.startswith("snow01 stays in standby")
        assert last.endswith("snow ha undrain snow01")
    else:
        assert (first, last) == ("nothing was begun", "see snow ha status")


def test_enable_names_the_step_that_it_was_in() -> None:
    screen = output.Screen(quiet=True)
    with screen.progress(forwards.LOOKING):
        assert list(enable._account(screen, "x", "y").lines()) == ["nothing was begun"]
    with screen.progress("corosync.conf"):
        pass
    with pytest.raises(KeyboardInterrupt), screen.progress("Cluster running"):
        raise KeyboardInterrupt
    first, *_, last = enable._account(screen, "snow-ha enable", "snow-ha disable").lines()
    assert first == (
        "corosync.conf: done; Cluster running: under way, and not stopped by this; all that follows: not begun"
    )
    assert last == "go on: snow-ha enable; back: snow-ha disable"


def test_an_answer_of_no_is_no_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    import click

    assert interruption.tell(click.Abort()) == 130
    assert capsys.readouterr() == ("[I] nothing was changed\n", "")


def test_a_domain_that_waits_is_told_for_whom_and_how_long() -> None:
    far = {"web01": MigrationProgress("snow02", 1536, 2048, 64)}
    assert transfer.words(["web01"], far) == "web01 1536 of 2048 MiB, 64 MiB/s, 8 s left"
    assert transfer.words(["nis01"], far) == "nis01 waits for web01 (1536 of 2048 MiB, 64 MiB/s, 8 s left)"
    assert transfer.words(["nis01", "web01"], far).endswith("8 s left; nis01 waits for web01")
    assert transfer.words(["a", "b"], far).startswith("2 more wait for web01 (")
    assert transfer.words(["nis01"], {}) == "nis01"
