"""Questions to servers that come at about the same time, as one command for each server: a round.

A command of its own takes a fork of this process, a start of ssh and of a shell there: some 25 ms of processor time,
and a look at a site asks twenty of each server.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import NamedTuple

from snow_ha_plugin.errors import SnowHaError, UnavailableError
from snow_ha_plugin.system import command
from snow_ha_plugin.system.command import Result

# A round begins once nobody has had a question for so long.
QUIET_S = 0.01
# It waits no longer for those who have held it back.
HELD_BACK_S = 1

PROGRAM = Path(__file__).with_name("round_program.py")
# The program comes with the questions: neither is in the list of processes or in a log.
COMMAND = ("python3", "-ISc", "import json, sys; program, asked = json.load(sys.stdin); exec(program); main(asked)")


class Question(NamedTuple):
    """A program that is to be run on a server, and what it reads."""

    argv: tuple[str, ...]
    stdin: bytes
    timeout_s: float


Asked = tuple[Question, Future[Result]]


class Rounds:
    """`put` puts the questions of a round to a server: a result for each, or the error in its place."""

    def __init__(self, put: Callable[[str, Sequence[Question]], Sequence[Result | SnowHaError]]) -> None:
        self._put = put
        self._lock = Lock()
        self._asked: dict[str, SimpleQueue[Asked | None]] = {}
        self._threads: list[Thread] = []
        self._ended = False
        self._held_back = 0
        self._let_go_at = 0.0

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """No round begins meanwhile, for HELD_BACK_S: who is in the block has questions once it has ended."""
        with self._lock:
            self._held_back += 1
        try:
            yield
        finally:
            with self._lock:
                self._held_back -= 1
                self._let_go_at = time.monotonic()

    def ask(self, server: str, question: Question) -> Result:
        """The answer, with those of the others who ask meanwhile; UnavailableError after the end."""
        answer: Future[Result] = Future()
        with self._lock:
            if self._ended:
                raise UnavailableError(f"{server} is not asked", "the look has been given up", "try again")
            if server not in self._asked:
                self._asked[server] = SimpleQueue()
                self._threads.append(Thread(target=self._serve, args=(server,), daemon=True))
                self._threads[-1].start()
            self._asked[server].put((question, answer))
        return answer.result()

    def end(self) -> None:
        """Wait for the rounds that have begun, and have none begin: None is the last that a server's queue gets."""
        with self._lock:
            self._ended = True
            for asked in self._asked.values():
                asked.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, server: str) -> None:
        asked = self._asked[server]
        while each := asked.get():
            self._round(server, [each, *self._others(asked)])

    def _others(self, asked: SimpleQueue[Asked | None]) -> Iterator[Asked]:
        """Those that come before the round begins."""
        began = time.monotonic()
        while True:
            try:
                each = asked.get(timeout=QUIET_S)
            except Empty:
                if self._is_quiet() or time.monotonic() - began >= HELD_BACK_S:
                    return
                continue
            if each is None:
                asked.put(None)  # for _serve, which ends after this round
                return
            yield each

    def _is_quiet(self) -> bool:
        return not self._held_back and time.monotonic() - self._let_go_at >= QUIET_S

    def _round(self, server: str, together: Sequence[Asked]) -> None:
        # Two who ask the same have one answer.
        questions = list(dict.fromkeys(question for question, _ in together))
        try:
            answers = dict(zip(questions, self._put(server, questions), strict=True))
        except BaseException as error:  # whoever waits has it, and nobody waits for ever
            for _, waiting in together:
                waiting.set_exception(error)
            return
        for question, waiting in together:
            answer = answers[question]
            if isinstance(answer, SnowHaError):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)


def packed(questions: Sequence[Question]) -> bytes:
    """What COMMAND reads."""
    asked = [(each.argv, base64.b64encode(each.stdin).decode(), each.timeout_s) for each in questions]
    return json.dumps([PROGRAM.read_text(encoding="utf-8"), asked]).encode()


def unpacked(data: bytes, server: str, questions: Sequence[Question]) -> list[Result | SnowHaError]:
    """What COMMAND has written on a server: the answer to each question; ValueError where that is something else."""
    return [
        command.late(question.argv, question.timeout_s, server)
        if answer is None
        else Result(question.argv, answer[0], base64.b64decode(answer[1]), base64.b64decode(answer[2]))
        for question, answer in zip(questions, json.loads(data), strict=True)
    ]
