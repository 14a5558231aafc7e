"""What answers the questions of a round, on the server that they are put to (rounds.py sends this file's text there).

It imports nothing of ours: what a server has of snow-ha may be another version, or nothing yet.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading

NO_SUCH_PROGRAM = 127
# At least: one or two of them may wait for something that hangs.
AT_A_TIME = 4


def main(questions: list[tuple[list[str], str, float]]) -> None:
    """Print the answers to all questions, as JSON."""
    json.dump(answers_to(questions), sys.stdout)
    sys.stdout.flush()
    # What hangs in the kernel, and with it Python's own end, is not waited for.
    os._exit(0)


def answers_to(questions: list[tuple[list[str], str, float]]) -> list[list[object] | None]:
    """Run all programs (argv, what they read in base64, how many seconds they may take), some of them at a time.

    For each its exit status, what it wrote and complained of, in base64; None for one that was killed because it took
    too long.
    """
    answers: list[list[object] | None] = [None] * len(questions)
    # Who has most to say takes longest, and begins first.
    left = iter(sorted(range(len(questions)), key=lambda number: -sum(map(len, questions[number][0]))))

    def work() -> None:
        for number in left:
            answers[number] = answer(*questions[number])

    # Dom0 often has one processor, and time counts for each from its start.
    at_a_time = min(len(questions), max(AT_A_TIME, 2 * (os.cpu_count() or 1)))
    threads = [threading.Thread(target=work, daemon=True) for _ in range(at_a_time)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def answer(argv: list[str], stdin: str, timeout_s: float) -> list[object] | None:
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except OSError as error:
        return [NO_SUCH_PROGRAM, "", coded(str(error).encode())]
    try:
        out, err = process.communicate(base64.b64decode(stdin), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return None
    return [process.returncode, coded(out), coded(err)]


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()
