"""The sNow! servers: run a command on one or on all, read and write their files. The other servers by ssh, as root."""

from __future__ import annotations

import logging
import os
import shlex
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from snow_ha_plugin.errors import SnowHaError, TimedOutError, UnavailableError
from snow_ha_plugin.system import command, rounds
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.rounds import Question, Rounds

T = TypeVar("T")

log = logging.getLogger(__name__)

# Where the sockets of connections are that this process's commands share; only root reaches them.
SHARED = Path("/run/snow-ha/ssh")
# Seconds that a connection outlives its last command: a verb's next step takes it again.
SHARED_FOR_S = 5

SSH = (
    "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
    "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
)  # fmt: skip

# ssh's own exit status for whatever kept it from running the command (ssh(1)).
SSH_FAILED = 255

_ABSENT = 44
_READ = f'[ -e "$1" ] || exit {_ABSENT}; exec cat -- "$1"'
# A reader sees the old file or the new one, also after a loss of power; a kill leaves at most a file of another name.
_WRITE = """
set -e
umask 077
cat >"$1.snow-ha"
chown "$2" "$1.snow-ha"
chmod "$3" "$1.snow-ha"
sync "$1.snow-ha"
mv "$1.snow-ha" "$1"
"""


class LeftOut(UnavailableError):
    """Of a server that is not asked any more, because it did not answer."""


@cache
def shared() -> tuple[str, ...]:
    """One connection to a server for all commands of this process (ssh_config(5), ControlMaster); none where that
    directory cannot be made."""
    try:
        SHARED.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return ()
    path = SHARED / f"{os.getpid()}-%C"
    return ("-o", "ControlMaster=auto", "-o", f"ControlPath={path}", "-o", f"ControlPersist={SHARED_FOR_S}")


class Servers:
    """The servers of one site by name; the one that we run on is reached without ssh."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.here = socket.gethostname().split(".")[0]
        self.silent: dict[str, SnowHaError] = {}
        self._seen: dict[tuple[str, ...], Result] = {}
        self._rounds: Rounds | None = None

    def run(
        self, server: str, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60, looks: bool = False
    ) -> Result:
        """Run a command on a server whatever its exit status; UnavailableError if the server does not answer.

        One that only `looks` is asked once: its answer is remembered until a command is run that may change something.
        """
        if not looks:
            self.look_anew()
            return self._ask(server, argv, stdin, timeout_s)
        question = (server, *argv)
        if (seen := self._seen.get(question)) is None:
            seen = self._seen[question] = self._ask(server, argv, stdin, timeout_s)
        return seen

    def run_ahead(self, server: str, argv: Sequence[str], *, timeout_s: float) -> Result:
        """As `run`, at once and by itself; rounds wait for it, since what is asked next follows from its answer."""
        with self._rounds.held_back() if self._rounds else nullcontext():
            return self._reach(server, argv, timeout_s=timeout_s)

    def leave_out_silent(self, within_s: float) -> None:
        """Reach each server once, all at the same time; those that are `silent` are not asked again, and `each` passes
        over them: a look at the others shall not wait for them at every question."""
        answers = self.outcomes(lambda name: self._reach(name, ["true"], timeout_s=within_s))
        self.silent = {name: answer for name, answer in answers.items() if isinstance(answer, SnowHaError)}

    def look_anew(self) -> None:
        """Remember nothing of what was seen: it may have changed by itself."""
        self._seen.clear()

    def words(self, server: str, argv: Sequence[str]) -> list[str]:
        """The command that runs a command on a server."""
        return list(argv) if server == self.here else [*SSH, *shared(), server, "--", shlex.join(argv)]

    def _ask(self, server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        if server in self.silent:
            raise LeftOut(f"{server} does not answer", remedy="power it on")
        if self._rounds:
            return self._rounds.ask(server, Question(tuple(argv), stdin, timeout_s))
        return self._reach(server, argv, stdin, timeout_s)

    def _round(self, server: str, questions: Sequence[Question]) -> list[Result | SnowHaError]:
        if len(questions) > 1:
            for each in questions:
                log.debug("ask %s: %s", server, shlex.join(each.argv))
            # Of many that hang some wait for others to be given up.
            patience_s = sum(each.timeout_s for each in questions)
            result = self._reach(server, rounds.COMMAND, rounds.packed(questions), patience_s)
            # It may not have Python yet, or a shell there greets whoever comes.
            with suppress(ValueError):
                return rounds.unpacked(result.stdout, server, questions)
        return self._one_by_one(server, questions)

    def _one_by_one(self, server: str, questions: Sequence[Question]) -> list[Result | SnowHaError]:
        return [attempt(self._reach, server, each.argv, each.stdin, each.timeout_s) for each in questions]

    def _reach(self, server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        try:
            result = command.run(self.words(server, argv), stdin=stdin, timeout_s=timeout_s)
        except TimedOutError:
            raise command.late(argv, timeout_s, server) from None
        if server != self.here and result.exit_code == SSH_FAILED:
            raise UnavailableError(
                f"{server} cannot be reached",
                result.reason,
                f"make `ssh {server} true` work for root without a question",
            )
        return result

    def must(
        self, server: str, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60, looks: bool = False
    ) -> Result:
        """`run`, and an error if the command fails."""
        result = self.run(server, argv, stdin=stdin, timeout_s=timeout_s, looks=looks)
        if not result.ok:
            line = command.spelled(argv)
            remedy = f"try `{line}` there" if line else "snow-ha --debug tells what was tried there"
            raise UnavailableError(f"{argv[0]} failed on {server}", result.reason, remedy)
        return result

    def read(self, server: str, path: str) -> bytes | None:
        """The content of a file on a server, None where it does not exist."""
        result = self._ask(server, ["sh", "-c", _READ, "sh", path])
        if result.exit_code == _ABSENT:
            return None
        if not result.ok:
            raise UnavailableError(f"{path} on {server} cannot be read", result.reason, "see its mode and its mount")
        return result.stdout

    def write(self, server: str, path: str, data: bytes, *, mode: str = "0644", owner: str = "root:root") -> None:
        """Put a file in place in one step; its content travels on standard input only."""
        self.must(server, ["sh", "-c", _WRITE, "sh", path, owner, mode], stdin=data)

    def each(self, work: Callable[[str], T], names: Sequence[str] | None = None) -> dict[str, T]:
        """What `work` gives for each server, at the same time; the first server's error once all have ended. Those that
        are left out have none."""
        outcomes = self.outcomes(work, names)
        for outcome in outcomes.values():
            if isinstance(outcome, SnowHaError) and not isinstance(outcome, LeftOut):
                raise outcome
        return {name: outcome for name, outcome in outcomes.items() if not isinstance(outcome, SnowHaError)}

    def outcomes(self, work: Callable[[str], T], names: Sequence[str] | None = None) -> Mapping[str, T | SnowHaError]:
        """As `each`, with a server's error in the place of its result."""
        wanted = self.names if names is None else tuple(names)
        return dict(zip(wanted, _all_at_a_time([partial(work, name) for name in wanted]), strict=True))

    def side_by_side(self, looks: Sequence[Callable[[], T]]) -> list[T | SnowHaError]:
        """What each of several looks gives, or its error: all at a time, and what they ask a server in few rounds."""
        self._rounds = Rounds(self._round)
        try:
            return _all_at_a_time(looks)
        finally:
            self._rounds.end()
            self._rounds = None


def _all_at_a_time(works: Sequence[Callable[[], T]]) -> list[T | SnowHaError]:
    with ThreadPoolExecutor(max_workers=max(1, len(works))) as pool:
        return list(pool.map(attempt, works))


def attempt(work: Callable[..., T], *words: object) -> T | SnowHaError:
    """What it gives, or its error."""
    try:
        return work(*words)
    except SnowHaError as error:
        return error
