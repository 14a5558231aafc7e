"""Two that change the servers at the same time: the second says so, and changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import TryAgainError, UnavailableError
from snow_ha_plugin.system import lock
from snow_ha_plugin.system.servers import Servers

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, time
from snow_ha_plugin.system import lock
from snow_ha_plugin.system.servers import Servers
lock.PATH = sys.argv[1]
with lock.held(Servers([Servers([]).here, "zz02"]), "enable"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def servers(tmp_path: Path, mocker: MockerFixture) -> Servers:
    mocker.patch.object(lock, "PATH", str(tmp_path / "run/at-work"))
    return Servers([Servers([]).here, "zz02"])


def test_one_after_the_other(servers: Servers) -> None:
    for _ in range(2):
        with lock.held(servers, "enable"):
            pass


def test_the_second_is_told_who_is_at_work(servers: Servers) -> None:
    with (
        lock.held(servers, "enable"),
        pytest.raises(
            TryAgainError, match=rf"snow-ha enable on {servers.here} \(process {os.getpid()}, since ..:..:..\) is at"
        ),
        lock.held(servers, "disable"),
    ):
        pytest.fail("both had it")


def test_a_block_that_fails_gives_it_back(servers: Servers) -> None:
    with pytest.raises(ZeroDivisionError), lock.held(servers, "enable"):
        raise ZeroDivisionError
    with lock.held(servers, "enable"):
        pass


def test_a_process_that_is_killed_has_it_no_longer(servers: Servers) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, lock.PATH], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(TryAgainError), lock.held(servers, "enable"):
        pytest.fail("both had it")
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=10)
    deadline = time.monotonic() + 20
    while True:
        try:
            with lock.held(servers, "enable"):
                return
        except TryAgainError:
            assert time.monotonic() < deadline, "the lock of a dead process stays"


def test_a_server_that_does_not_answer_gives_none(servers: Servers, mocker: MockerFixture) -> None:
    mocker.patch.object(servers, "words", return_value=["sh", "-c", "echo no route >&2; exit 255"])
    with pytest.raises(UnavailableError, match="gives no lock"), lock.held(servers, "enable"):
        pytest.fail("nobody has it")


@pytest.mark.parametrize("silent", [[], ["snow01"]])
def test_all_verbs_meet_at_the_first_by_name_that_answers(
    servers: Servers, mocker: MockerFixture, silent: list[str]
) -> None:
    asked: list[str] = []

    def words(server: str, argv: list[str]) -> list[str]:
        asked.append(server)
        return ["false"] if server in silent else argv

    mocker.patch.object(Servers, "words", side_effect=words)
    with (
        lock.held(Servers(["snow03", "snow02", "snow01"]), "enable"),
        pytest.raises(TryAgainError),
        lock.held(Servers(["snow01", "snow02"]), "balance"),
    ):
        pytest.fail("both had it")
    assert asked == (["snow01", "snow02"] * 2 if silent else ["snow01"] * 2)


def test_who_waits_is_told_for_whom_and_has_it_afterwards(servers: Servers) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, lock.PATH], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    told: list[str] = []

    def waiting(who: str) -> None:
        told.append(who)
        holder.kill()

    with lock.held(servers, "drain snow02", waiting):
        assert told[0].startswith(f"snow-ha enable on {servers.here} (process {holder.pid}, since ")
    holder.wait(timeout=10)


def test_nobody_waits_for_ever(servers: Servers, mocker: MockerFixture) -> None:
    mocker.patch.object(lock, "WAITED_S", 0)
    with (
        lock.held(servers, "balance"),
        pytest.raises(TryAgainError, match="snow-ha balance on "),
        lock.held(servers, "move", lambda who: None),
    ):
        pytest.fail("both had it")
