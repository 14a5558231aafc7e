"""How a watch asks: each address of the guest, for how long, and what is noted of the answer."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from snow_ha_plugin.agent import domain_file, watch
from snow_ha_plugin.agent.operation import INSTALLED, OcfError, Operation
from snow_ha_plugin.agent.process import Result
from tests.unit.agent.conftest import Servers

GOOD, SILENT, NO_WAY = (Result(["ping"], status, "", "") for status in (0, 1, 2))
ONE, OTHER = "10.9.0.7", "10.9.0.8"


@pytest.fixture(autouse=True)
def guest(servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It has two addresses, is watched and past its grace time."""
    monkeypatch.setattr(watch, "DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(domain_file, "read_given", lambda deadline: {"vif": [f"ip={ONE} {OTHER}"]})
    monkeypatch.setenv("OCF_RESKEY_watch", "script:/look")
    monkeypatch.setenv("OCF_RESKEY_watch_grace", "0")
    servers.programs["/look"] = GOOD


@pytest.fixture
def answers(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> dict[str, Result]:
    """By address, what ping comes to."""
    answers: dict[str, Result] = {}

    def run(words: list[str], deadline: float) -> Result:
        servers.run(["sleep", "0"], deadline)
        servers.commands[-1] = ("", " ".join(words))
        return answers[words[-1]]

    monkeypatch.setattr(watch, "run", run)
    return answers


def pinged(servers: Servers) -> list[str]:
    return [words.split()[-1] for _, words in servers.commands]


def look(servers: Servers, left_s: float = 60, domid: int = 1) -> None:
    watch.look(Operation("web01", servers.now, servers.now + left_s), domid)


def noted(tmp_path: Path) -> list[str]:
    return (tmp_path / "run/web01.watch").read_text().split()


def test_a_ping_is_a_short_one_by_number(servers: Servers, answers: dict[str, Result]) -> None:
    answers[ONE] = GOOD
    assert watch.silence("web01", servers.now + 5) == ""
    assert servers.commands == [("", f"ping -n -q -c1 -W1 {ONE}")]


def test_one_address_that_answers_is_enough(servers: Servers, answers: dict[str, Result]) -> None:
    answers.update({ONE: SILENT, OTHER: GOOD})
    assert watch.silence("web01", servers.now + 5) == ""
    assert pinged(servers) == [ONE, OTHER]


def test_an_address_that_cannot_be_asked_is_not_asked_again(servers: Servers, answers: dict[str, Result]) -> None:
    answers.update({ONE: NO_WAY, OTHER: SILENT})
    assert watch.silence("web01", servers.now + 0.6) == "`ping` exited with 1"
    assert pinged(servers) == [ONE, OTHER, OTHER, OTHER]
    assert servers.seconds < 0.7


def test_a_guest_that_can_be_asked_nowhere_is_not_silent(servers: Servers, answers: dict[str, Result]) -> None:
    answers.update({ONE: SILENT, OTHER: SILENT})
    servers.events.append((servers.now + 1, lambda: answers.update({ONE: NO_WAY, OTHER: NO_WAY})))
    assert watch.silence("web01", servers.now + 5) == ""
    assert servers.seconds < 1.5


def test_without_ping_nobody_is_silent(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(words: list[str], deadline: float) -> Result:
        raise OcfError(INSTALLED, "ping is not installed on this server")

    monkeypatch.setattr(watch, "run", missing)
    assert watch.silence("web01", servers.now + 5) == ""
    assert servers.seconds == 0


def test_a_guest_without_addresses_is_not_silent(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain_file, "read_given", lambda deadline: {})
    assert watch.silence("web01", servers.now + 5) == ""


def test_a_watch_by_ping_has_five_seconds(
    servers: Servers, answers: dict[str, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch", "ping")
    answers.update({ONE: SILENT, OTHER: SILENT})
    look(servers)
    assert 4.7 < servers.seconds <= 5.1


@pytest.mark.parametrize(("left_s", "is_asked"), [(5, True), (4.9, False)])
def test_what_has_no_time_for_its_five_seconds_is_not_asked(servers: Servers, left_s: float, is_asked: bool) -> None:
    look(servers, left_s)
    assert (("", "/look web01") in servers.commands) == is_asked


@pytest.mark.parametrize(("after_s", "is_asked"), [(299, False), (300, True)])
def test_the_grace_time_ends_when_it_is_over(
    servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    after_s: float,
    is_asked: bool,
) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch_grace", "300")
    look(servers)
    assert capfd.readouterr().err == ""
    servers.sleep(after_s)
    look(servers)
    assert bool(servers.commands) == is_asked


@pytest.mark.parametrize("wanted", ["script:/look", "http:80"])
def test_what_answers_well_or_is_no_watch_has_nothing_against_the_guest(servers: Servers, wanted: str) -> None:
    assert watch._fault("web01", wanted, servers.now + 5) == ""


Connect = Callable[[dict[str, int]], list[tuple[object, ...]]]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """By address, the error that a connection to it ends with; the calls, and which connections were closed."""

    def answer(errors: dict[str, int]) -> list[tuple[object, ...]]:
        calls: list[tuple[object, ...]] = []

        def create(address: tuple[str, int], timeout: float) -> SimpleNamespace:
            calls.append((*address, timeout))
            if errors[address[0]]:
                raise OSError(errors[address[0]], f"error {errors[address[0]]}")
            return SimpleNamespace(close=lambda: calls.append(("closed",)))

        monkeypatch.setattr(socket, "create_connection", create)
        return calls

    return answer


def test_a_port_of_one_address_is_enough_and_left_at_once(connect: Connect) -> None:
    calls = connect({ONE: errno.ECONNREFUSED, OTHER: 0})
    assert watch._fault("web01", "tcp:22", 0) == ""
    assert calls == [(ONE, 22, 5.0), (OTHER, 22, 5.0), ("closed",)]


@pytest.mark.parametrize(
    ("errors", "why"),
    [
        ({ONE: errno.ECONNREFUSED, OTHER: errno.ENETUNREACH}, f"{ONE} port 22: error {errno.ECONNREFUSED}"),
        ({ONE: errno.ENETUNREACH, OTHER: errno.EHOSTUNREACH}, f"{OTHER} port 22: error {errno.EHOSTUNREACH}"),
        ({ONE: errno.ENETUNREACH, OTHER: errno.ENETUNREACH}, ""),
    ],
)
def test_only_an_address_that_this_server_has_a_way_to_can_refuse(
    connect: Connect, errors: dict[str, int], why: str
) -> None:
    connect(errors)
    assert watch._fault("web01", "tcp:22", 0) == why


def test_a_connection_that_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", late)
    assert watch._fault("web01", "tcp:22", 0) == f"{OTHER} port 22: timed out"


def test_of_each_domain_there_is_one_line(servers: Servers, tmp_path: Path) -> None:
    """Its id, since when it is watched, how often in a row that has failed, and after how many restarts in a row."""
    look(servers, domid=7)
    assert noted(tmp_path) == ["7", "1000.0", "0", "0"]
    servers.programs["/look"] = SILENT
    look(servers, domid=7)
    assert noted(tmp_path) == ["7", "1000.0", "1", "0"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["web01.watch"]
    with pytest.raises(OcfError):
        look(servers, domid=7)
    began = servers.now
    look(servers, domid=8)
    assert noted(tmp_path) == ["8", str(began), "1", "1"]


@pytest.mark.parametrize("text", ["", "7 1000.0 0", "7 1000.0 none 0", "x 1000.0 2 3"])
def test_a_line_that_cannot_be_read_begins_anew(servers: Servers, tmp_path: Path, text: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/web01.watch").write_text(text)
    servers.programs["/look"] = SILENT
    look(servers, domid=7)
    assert noted(tmp_path) == ["7", "1000.0", "1", "0"]


def test_a_domain_without_a_watch_is_not_noted(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OCF_RESKEY_watch", "")
    look(servers)
    assert servers.commands == []
    assert not (tmp_path / "run").exists()
