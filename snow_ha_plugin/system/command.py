"""The one gateway to other programs. Only this file imports `sh`.

python3-sh is 1.14 in Debian 12 and 2 in Debian 13; they differ in what a call returns. A call in the background
returns the same object in both.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import sh

from snow_ha_plugin.errors import TimedOutError, UnavailableError

log = logging.getLogger(__name__)

# Its own log has every byte that passes through it, and a key may be among them.
logging.getLogger("sh").setLevel(logging.ERROR)

# Administrators' tools live in sbin, which a cron job's or a plain user's PATH lacks. Messages are parsed in C.
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

CHUNK_BYTES = 65536

# What a message has room for.
SHORT = 100


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
    environment = ENVIRONMENT | {"PATH": _path()} | dict(env or {})
    log.debug("run: %s", shlex.join(argv))
    began = time.monotonic()
    try:
        command = sh.Command(argv[0], search_paths=environment["PATH"].split(":"))
    except sh.CommandNotFound:
        raise UnavailableError(
            f"{argv[0]} is not there", "the program is not in PATH", "install its package: apt install snow-ha"
        ) from None
    try:
        process = command(
            *argv[1:],
            _in=stdin,
            # By lines, which is sh's own way, it keeps the last three million of them and drops the others.
            _out_bufsize=CHUNK_BYTES,
            _err_bufsize=CHUNK_BYTES,
            _env={**os.environ, **environment},
            _tty_in=False,
            _tty_out=False,
            _new_session=True,
            _bg=True,
            _bg_exc=False,
        )
    except sh.ForkException:
        raise UnavailableError(f"{argv[0]} cannot be started", remedy="see the first line of the program") from None
    if started:
        started(process.pid)
    # sh's own _timeout looks only ten times a second, which would be most of a short command's time.
    timed_out = threading.Event()
    timer = threading.Timer(timeout_s, _kill, (process, timed_out))
    timer.start()
    try:
        process.wait()
        exit_code, out, err = process.exit_code, process.stdout, process.stderr
    except sh.ErrorReturnCode as error:
        exit_code, out, err = error.exit_code, error.stdout, error.stderr
    finally:
        timer.cancel()
    if timed_out.is_set():
        raise late(argv, timeout_s)
    result = Result(tuple(argv), exit_code, out, err)
    seconds = time.monotonic() - began
    said = "" if result.ok else f": {result.reason}"
    log.debug("%s ended with %d after %.3f s%s", " ".join(argv[:2]), exit_code, seconds, said)
    return result


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


def _kill(process: sh.RunningCommand, timed_out: threading.Event) -> None:
    timed_out.set()
    with contextlib.suppress(ProcessLookupError):
        process.kill_group()
