"""Questions that come at about the same time: one command for each server, and each is answered as if it were alone."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import SnowHaError, TimedOutError, UnavailableError
from snow_ha_plugin.system import command, round_program, rounds, waiting
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.rounds import Question
from snow_ha_plugin.system.servers import Servers


@pytest.fixture
def here() -> Servers:
    """A site of this machine alone."""
    return Servers([Servers([]).here])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round that also waits for who is late on a busy machine: where rounds are counted."""
    monkeypatch.setattr(rounds, "QUIET_S", 1)


def looks(servers: Servers, *questions: Sequence[str], timeout_s: float = 60) -> list[Callable[[], Result]]:
    def look(argv: Sequence[str]) -> Callable[[], Result]:
        return lambda: servers.run(servers.here, argv, looks=True, timeout_s=timeout_s)

    return [look(argv) for argv in questions]


@pytest.mark.usefixtures("patient")
def test_each_has_its_own_answer_and_all_are_one_command(here: Servers, mocker: MockerFixture) -> None:
    asked = mocker.spy(command, "run")
    answers = here.side_by_side(
        looks(here, ["sh", "-c", "echo out; echo err >&2; exit 3"], ["printf", "%s", "\u00e4\n'\""], ["false"])
    )
    assert answers == [
        Result(("sh", "-c", "echo out; echo err >&2; exit 3"), 3, b"out\n", b"err\n"),
        Result(("printf", "%s", "\u00e4\n'\""), 0, "\u00e4\n'\"".encode(), b""),
        Result(("false",), 1, b"", b""),
    ]
    assert asked.call_count == 1


def test_what_a_program_is_to_read_and_what_is_no_text_arrives_as_it_is(here: Servers) -> None:
    data = bytes(range(256)) * 1000

    def copy() -> Result:
        return here.run(here.here, ["cat"], stdin=data)

    read, _ = here.side_by_side([copy, *looks(here, ["true"])])
    assert isinstance(read, Result)
    assert read.stdout == data


def test_all_run_at_a_time(here: Servers, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read, _ = here.side_by_side(
        looks(here, ["cat", str(tmp_path / "pipe")], ["sh", "-c", 'echo said >"$1"', "sh", str(tmp_path / "pipe")])
    )
    assert isinstance(read, Result)
    assert read.stdout == b"said\n"


@pytest.mark.usefixtures("patient")
def test_what_follows_from_an_answer_is_asked_in_the_next_round(here: Servers, mocker: MockerFixture) -> None:
    asked = mocker.spy(command, "run")

    def twice(word: str) -> bytes:
        first = here.run(here.here, ["echo", word], looks=True)
        return here.run(here.here, ["echo", first.text, "again"], looks=True).stdout

    assert here.side_by_side([lambda: twice("a"), lambda: twice("b")]) == [b"a\n again\n", b"b\n again\n"]
    assert asked.call_count == 2


@pytest.mark.usefixtures("patient")
def test_who_asks_the_same_has_the_same_answer(here: Servers, mocker: MockerFixture) -> None:
    put = mocker.spy(here, "_round")
    first, second = here.side_by_side(looks(here, ["date", "+%N"], ["date", "+%N"]))
    assert first == second
    assert [len(call.args[1]) for call in put.call_args_list] == [1]


@pytest.mark.usefixtures("patient")
def test_one_that_hangs_is_told_and_the_others_have_their_answers(here: Servers) -> None:
    hanging, well = here.side_by_side(
        [*looks(here, ["sh", "-c", "sleep 60"], timeout_s=0.5), *looks(here, ["echo", "well"])]
    )
    assert isinstance(hanging, TimedOutError)
    assert f"sh did not end within 0.5 s on {here.here}" in str(hanging)
    assert isinstance(well, Result)
    assert well.stdout == b"well\n"


@pytest.mark.usefixtures("patient")
def test_a_program_that_is_not_there_is_one_that_failed(here: Servers) -> None:
    missing, _ = here.side_by_side(looks(here, ["/no/such/program"], ["true"]))
    assert isinstance(missing, Result)
    assert (missing.exit_code, missing.ok) == (127, False)
    assert "/no/such/program" in missing.reason


def test_the_error_of_a_look_is_in_its_place(here: Servers) -> None:
    def wrong() -> Result:
        raise UnavailableError("it is not there")

    error, well = here.side_by_side([wrong, *looks(here, ["true"])])
    assert isinstance(error, UnavailableError)
    assert isinstance(well, Result)


def test_a_server_that_cannot_be_reached_answers_nobody(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result(("ssh",), 255, b"", b"No route to host\n"))
    servers = Servers(["snow02"])
    answers = servers.side_by_side([lambda: servers.run("snow02", ["true"]), lambda: servers.run("snow02", ["false"])])
    assert [type(answer) for answer in answers] == [UnavailableError, UnavailableError]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("code", "said"), [(127, b""), (0, b"Welcome to snow02!\n[]"), (0, b"[]"), (1, b"\xff")])
def test_a_server_that_cannot_do_that_is_asked_one_by_one(
    here: Servers, mocker: MockerFixture, code: int, said: bytes
) -> None:
    real = command.run

    def run(argv: Sequence[str], **options: object) -> Result:
        if argv[0] == "python3":
            return Result(tuple(argv), code, said, b"python3: not found")
        return real(argv, **options)  # type: ignore[arg-type]

    mocker.patch.object(command, "run", run)
    first, second = here.side_by_side(looks(here, ["echo", "a"], ["echo", "b"]))
    assert [answer.stdout for answer in (first, second) if isinstance(answer, Result)] == [b"a\n", b"b\n"]


@pytest.mark.parametrize(("processors", "at_a_time"), [(1, 4), (None, 4), (3, 6)])
def test_a_small_server_does_not_run_all_at_once(mocker: MockerFixture, processors: int | None, at_a_time: int) -> None:
    begun: list[str] = []
    go_on = threading.Event()

    def answer(argv: list[str], stdin: str, timeout_s: float) -> list[object]:
        begun.append(argv[0])
        assert go_on.wait(60)
        return [0, "", ""]

    mocker.patch.object(os, "cpu_count", return_value=processors)
    mocker.patch.object(round_program, "answer", answer)
    others = threading.active_count()
    questions = [([str(number)], "", 1.0) for number in range(20)]
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(round_program.answers_to, questions)
        assert waiting.until(lambda: threading.active_count() == others + 1 + at_a_time, 60)
        assert waiting.until(lambda: len(begun) >= at_a_time, 60)
        assert len(begun) == at_a_time
        go_on.set()
    assert answers.result() == [[0, "", ""]] * len(questions)


def test_who_has_the_longest_script_begins_first(mocker: MockerFixture) -> None:
    mocker.patch.object(os, "cpu_count", return_value=0)
    mocker.patch.object(round_program, "AT_A_TIME", 2)
    begun: list[str] = []
    both = threading.Barrier(2)

    def answer(argv: list[str], *_: object) -> list[object]:
        begun.append(argv[-1])
        both.wait(60)
        return [0, argv[-1], ""]

    mocker.patch.object(round_program, "answer", answer)
    answers = round_program.answers_to([(["sh", "-c", "x" * length], "", 60) for length in (2, 9, 1, 5)])
    assert {len(script) for script in begun[:2]} == {9, 5}
    assert [len(str(answer[1])) for answer in answers if answer] == [2, 9, 1, 5]


def test_all_answers_are_told_before_it_ends_at_once(mocker: MockerFixture, capsys: pytest.CaptureFixture[str]) -> None:
    ends = mocker.patch.object(os, "_exit")
    begun = mocker.spy(threading, "Thread")
    round_program.main([(["true"], "", 60.0), (["/no/such/program"], "", 60.0)])
    well, (status, _, _) = json.loads(capsys.readouterr().out)
    # A shell's own status for a program that is not there.
    assert (well, status) == ([0, "", ""], 127)
    ends.assert_called_once_with(0)
    # Nor does it wait for one that hangs.
    assert [call.kwargs["daemon"] for call in begun.call_args_list] == [True, True]


def test_one_that_hangs_is_killed_with_all_that_it_has_started(mocker: MockerFixture) -> None:
    killed = mocker.spy(os, "killpg")
    assert round_program.answer(["sleep", "60"], "", 0.01) is None
    assert killed.spy_exception is None
    assert killed.call_args.args[1] == signal.SIGKILL


def test_a_round_begins_once_nobody_has_had_an_answer_for_a_while(mocker: MockerFixture) -> None:
    mocker.patch.object(rounds, "QUIET_S", 1)
    clock = mocker.patch.object(rounds.time, "monotonic", return_value=10.0)
    asked = rounds.Rounds(Puts())
    assert asked._is_quiet()
    with asked.held_back(), asked.held_back():
        assert not asked._is_quiet()
    assert not asked._is_quiet()
    clock.return_value = 11.0
    assert asked._is_quiet()
    with asked.held_back():
        assert not asked._is_quiet()


def test_questions_are_in_no_command_line() -> None:
    (question,) = [Question(("echo", "a secret"), b"another", 1)]
    assert "secret" not in " ".join(rounds.COMMAND)
    program, asked = json.loads(rounds.packed([question]))
    assert "def main(" in program
    assert asked == [[["echo", "a secret"], "YW5vdGhlcg==", 1]]


def test_whatever_goes_wrong_nobody_waits_for_ever() -> None:
    def put(server: str, questions: Sequence[Question]) -> list[Result | SnowHaError]:
        raise RuntimeError("a defect")

    others = threading.active_count()
    asked = rounds.Rounds(put)
    with pytest.raises(RuntimeError, match="a defect"):
        asked.ask("snow01", Question(("true",), b"", 1))
    asked.end()
    assert threading.active_count() == others


def test_the_end_may_come_while_a_round_waits_for_more_questions() -> None:
    asked = rounds.Rounds(Puts())
    answer: Future[Result] = Future()
    queue: SimpleQueue[rounds.Asked | None] = SimpleQueue()
    queue.put((Question(("true",), b"", 1), answer))
    queue.put(None)
    asked._asked["snow01"] = queue
    serves = threading.Thread(target=asked._serve, args=("snow01",), daemon=True)
    serves.start()
    serves.join(10)
    assert not serves.is_alive()
    assert answer.result(0).exit_code == 0


def test_who_asks_after_the_end_does_not_wait_for_ever() -> None:
    asked = rounds.Rounds(Puts())
    asked.ask("snow01", Question(("true",), b"", 1))
    asked.end()
    errors: SimpleQueue[SnowHaError] = SimpleQueue()

    def ask() -> None:
        try:
            asked.ask("snow01", Question(("false",), b"", 1))
        except SnowHaError as error:
            errors.put(error)

    threading.Thread(target=ask, daemon=True).start()
    assert isinstance(errors.get(timeout=10), UnavailableError)


def test_a_server_that_hangs_does_not_hold_who_is_interrupted() -> None:
    program = """if True:
        import signal, threading
        from snow_ha_plugin.system.rounds import Question, Rounds

        signal.signal(signal.SIGINT, signal.default_int_handler)

        def put(server, questions):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            threading.Event().wait()

        try:
            Rounds(put).ask("snow01", Question(("true",), b"", 1))
        except KeyboardInterrupt:
            print("interrupted")
    """
    assert command.run([sys.executable, "-c", program], timeout_s=30).text == "interrupted\n"


class Puts:
    """Where rounds go, each with the programs that were asked for."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.begun = threading.Event()

    def __call__(self, server: str, questions: Sequence[Question]) -> list[Result | SnowHaError]:
        self.rounds.append([question.argv[0] for question in questions])
        self.begun.set()
        return [Result(question.argv, 0, b"", b"") for question in questions]


def test_a_round_waits_for_questions_that_follow_from_an_answer(mocker: MockerFixture) -> None:
    puts = Puts()
    asked = rounds.Rounds(puts)
    with ThreadPoolExecutor(1) as pool:
        with asked.held_back():
            other = pool.submit(asked.ask, "snow01", Question(("other",), b"", 1))
            assert not puts.begun.wait(5 * rounds.QUIET_S)
            # Time enough to ask, on a busy machine too.
            mocker.patch.object(rounds, "QUIET_S", 1)
        asked.ask("snow01", Question(("follows",), b"", 1))
        other.result()
    asked.end()
    assert puts.rounds == [["other", "follows"]]


def test_a_round_does_not_wait_long_for_what_hangs(mocker: MockerFixture) -> None:
    mocker.patch.object(rounds, "HELD_BACK_S", 5 * rounds.QUIET_S)
    puts = Puts()
    asked = rounds.Rounds(puts)
    with asked.held_back():
        asked.ask("snow01", Question(("other",), b"", 1))
    asked.end()
    assert puts.rounds == [["other"]]
