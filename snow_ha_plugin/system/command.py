"""The one gateway to other programs. Only this file imports `sh`.

python3-sh is 1.14 in Debian 12 and 2 in Debian 13; they differ in what a call returns. A call in the background
returns the same object in both. What runs to its end without us (`run`) is started by subprocess: sh forks, and the
pages that are written to anew after each fork are 12 ms of a verb of ours (measured; python 3.11, sh 1.14).
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, NamedTuple

import sh

from snow_ha_plugin.errors import TimedOutError, UnavailableError

log = logging.getLogger(__name__)

# Its own log has every byte that passes through it, and a key may be among them.
logging.getLogger("sh").setLevel(logging.ERROR)

# Administrators' tools live in sbin, which a cron job's or a plain user's PATH lacks. Messages are parsed in C.
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

# What a message has room for.
SHORT = 100

# One that waits for storage which does not answer may not even be killed; who has run it goes on.
KILLED_WITHIN_S = 5


class Result(NamedTuple):
    """How a program ended; `exit_code` is negative for a signal."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")

    @property
    def reason(self) -> str:
        """The last lines of what it complained about, as one line."""
        lines = (self.stderr or self.stdout).decode(errors="replace").strip().splitlines()
        return " ".join(lines[-2:]) or f"exit status {self.exit_code}"


def is_installed(program: str) -> bool:
    return shutil.which(program, path=_path()) is not None


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout_s: float = 60,
    env: Mapping[str, str] | None = None,
    started: Callable[[int], None] | None = None,
) -> Result:
    """Run a program to its end, whatever its exit status; it reads `stdin` and never the terminal.

    `started` is given its process id.

    UnavailableError if there is no such program; TimedOutError, after killing it, past `timeout_s` seconds.
    """
    log.debug("run: %s", shlex.join(argv))
    began = time.monotonic()
    with _in_memory(stdin) as source, _in_memory() as stdout, _in_memory() as stderr:
        process = _start(argv, {**os.environ, **ENVIRONMENT, "PATH": _path(), **(env or {})}, (source, stdout, stderr))
        if started:
            started(process.pid)
        if not _ends(process, timeout_s):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if _ends(process, KILLED_WITHIN_S):
                process.wait()
            raise late(argv, timeout_s)
        result = Result(tuple(argv), process.wait(), _read(stdout), _read(stderr))
    seconds = time.monotonic() - began
    said = "" if result.ok else f": {result.reason}"
    log.debug("%s ended with %d after %.3f s%s", " ".join(argv[:2]), result.exit_code, seconds, said)
    return result


def _start(
    argv: Sequence[str], environment: Mapping[str, str], streams: tuple[IO[bytes], IO[bytes], IO[bytes]]
) -> subprocess.Popen[bytes]:
    """In a session of its own, so that all that it starts can be ended with it."""
    stdin, stdout, stderr = streams
    try:
        return subprocess.Popen(
            argv, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, start_new_session=True
        )
    except OSError:
        if shutil.which(argv[0], path=environment["PATH"]) is None:
            raise UnavailableError(
                f"{argv[0]} is not there", "the program is not in PATH", "install its package: apt install snow-ha"
            ) from None
        raise UnavailableError(f"{argv[0]} cannot be started", remedy="see the first line of the program") from None


def _in_memory(content: bytes = b"") -> IO[bytes]:
    """A file that is nowhere but in memory. A pipe's end would not come as long as a daemon that was left behind, such
    as ssh's shared connection, has it."""
    file = os.fdopen(os.memfd_create("snow-ha"), "w+b", buffering=0)
    file.write(content)
    file.seek(0)
    return file


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _ends(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Whether a program ends in time; Popen's own wait with a timeout looks only twenty times a second."""
    with os.fdopen(os.pidfd_open(process.pid)) as ended:
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        return bool(poll.poll(max(0.0, timeout_s) * 1000))


def late(argv: Sequence[str], timeout_s: float, server: str = "") -> TimedOutError:
    """Of a program that did not end in time, on this server or on another one."""
    where = f" on {server}" if server else ""
    return TimedOutError(
        f"{argv[0]} did not end within {timeout_s:g} s{where}", spelled(argv), "see why it hangs and try again"
    )


def spelled(argv: Sequence[str]) -> str:
    """A command as it can be read in a message; nothing where it is a program of many lines, which the log has."""
    line = shlex.join(argv)
    return line if len(line) <= SHORT and "\n" not in line else ""


def on_terminal(argv: Sequence[str]) -> int:
    """Run a program on our own terminal, which it has for itself until it ends; its exit status."""
    log.debug("run: %s", shlex.join(argv))
    try:
        command = sh.Command(argv[0], search_paths=_path().split(":"))
    except sh.CommandNotFound:
        raise UnavailableError(f"{argv[0]} is not there", "the program is not in PATH") from None
    try:
        command(*argv[1:], _fg=True, _env={**os.environ, "PATH": _path()})
    except sh.ErrorReturnCode as error:
        return int(error.exit_code)
    return 0


@contextlib.contextmanager
def cleaning_up(argv: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Have a command run unless the block says, by what it is given, that there is nothing left to clean up: also if
    this process dies inside of it, whatever it dies of.

    A process of another session waits for the word that all is well, or for the end of the pipe to us.
    """
    words: queue.Queue[str | None] = queue.Queue()
    process = sh.Command("sh")(
        "-c",
        'read -r word || exec "$@" >/dev/null 2>&1',
        "sh",
        *argv,
        _in=words,
        _tty_in=False,
        _tty_out=False,
        _new_session=True,
        _bg=True,
        _bg_exc=False,
    )
    try:
        yield lambda: words.put("well\n")
    finally:
        words.put(None)
        # What has ended the block matters more than that the command could not do it either.
        with contextlib.suppress(sh.ErrorReturnCode):
            process.wait()


@contextlib.contextmanager
def beside(argv: Sequence[str], *, within_s: float) -> Iterator[str]:
    """A program that runs as long as the block, given by the first line that it says; empty where it says nothing.

    Its input ends with the block, or with this process, whatever that dies of.
    """
    words: queue.Queue[str | None] = queue.Queue()
    said: queue.Queue[str | None] = queue.Queue()
    process = sh.Command(argv[0], search_paths=_path().split(":"))(
        *argv[1:],
        _in=words,
        _out=said.put,
        _done=lambda *ended: said.put(None),
        _env={**os.environ, **ENVIRONMENT, "PATH": _path()},
        _tty_in=False,
        _tty_out=False,
        _new_session=True,
        _bg=True,
        _bg_exc=False,
    )
    try:
        yield _first(said, process, within_s)
    finally:
        words.put(None)
        with contextlib.suppress(sh.ErrorReturnCode):
            process.wait()


def _first(said: queue.Queue[str | None], process: sh.RunningCommand, within_s: float) -> str:
    with contextlib.suppress(queue.Empty):
        line = said.get(timeout=within_s)
        if line is None:
            # Its end: sh may tell that before what it has said, which is all there once it was waited for.
            with contextlib.suppress(sh.ErrorReturnCode):
                process.wait()
            line = said.get_nowait()
        return (line or "").strip()
    return ""


def _path() -> str:
    return os.environ.get("PATH", "") + ":" + ENVIRONMENT["PATH"]
