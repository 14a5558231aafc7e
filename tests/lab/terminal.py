"""Programs on a terminal of their own, as somebody at the keyboard runs them. Times are seconds."""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what stood on the terminal, without colours."""

    status: int
    terminal: str


def run(
    argv: Sequence[str],
    typed: str = "",
    after: str = "[y/N]",
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60,
) -> Outcome:
    """Run a program until it and all that it started have let go of the terminal; TimeoutError at the deadline.

    `typed` is so once `after` has appeared.
    """
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *argv], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    try:
        output = _converse(ours, typed.encode(), after.encode(), time.monotonic() + timeout_s)
        status = process.wait(timeout=timeout_s)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.decode(errors="replace")).replace("\r", "\n")
    return Outcome(status, plain)


def _converse(terminal: int, typed: bytes, after: bytes, deadline: float) -> bytes:
    """All output until the other side has closed the terminal."""
    output = b""
    while True:
        readable, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise TimeoutError(f"still running at the deadline: {output.decode(errors='replace')}")
        try:
            output += os.read(terminal, 65536)
        except OSError:  # EIO: nobody has the other side open any more
            return output
        if typed and after in output:
            os.write(terminal, typed)
            typed = b""
