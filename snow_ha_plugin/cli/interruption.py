"""Ctrl-C, SIGTERM and a terminal that is gone (SIGHUP), the same in every verb: it stops where it is, cleans up what
lasts only as long as the verb, and says what is done, what goes on by itself, and how to go on or back."""

from __future__ import annotations

import os
import signal
import stat
import sys
import syslog
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

import click

from snow_ha_plugin.cli import output
from snow_ha_plugin.core.reports.text import in_words

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# In one line.
MOST_NAMES = 8


class Interrupted(KeyboardInterrupt):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Account(NamedTuple):
    """Where a verb was: `going` goes on by itself, `ahead` was not begun; `then` are commands, each with its reason."""

    done: Collection[str] = ()
    going: Collection[str] = ()
    ahead: Collection[str] = ()
    then: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        parts = [(self.done, "done"), (self.going, "under way, and not stopped by this"), (self.ahead, "not begun")]
        told = [f"{in_words(names, MOST_NAMES)}: {state}" for names, state in parts if names]
        yield "; ".join(told) or "nothing was begun"
        yield from self.then


def listen() -> None:
    """Have these signals raise Interrupted; one that somebody has us ignore (nohup) stays ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        # Whatever is written to a terminal that is gone is an error, which would end the cleaning up as well.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            if _is_terminal(stream):
                os.dup2(nowhere, stream)
    raise Interrupted(number)


def _is_terminal(stream: int) -> bool:
    """Also of one that is gone, which isatty(3) takes for none."""
    try:
        return stat.S_ISCHR(os.fstat(stream).st_mode)
    except OSError:
        return False


@contextmanager
def told(account: Callable[[], Account]) -> Iterator[None]:
    """What `account` says when the block has been interrupted, and has cleaned up, is the last that the verb says."""
    try:
        yield
    except KeyboardInterrupt as error:
        for line in account().lines():
            error.add_note(line)
        raise


def tell(error: click.Abort | KeyboardInterrupt) -> int:
    """Say that the verb was interrupted, and where; its exit status. A question that was answered with no is that."""
    found = error if isinstance(error, KeyboardInterrupt) else error.__context__
    if not isinstance(found, KeyboardInterrupt | EOFError):
        output.info("nothing was changed")
        return 128 + signal.SIGINT
    lines: list[str] = getattr(found, "__notes__", []) or ["run the same command again to go on"]
    first, more = f"interrupted; {lines[0]}", lines[1:]
    output.warning(first)
    for line in more:
        click.echo(f"    {line}", err=True)
    number = found.number if isinstance(found, Interrupted) else signal.SIGINT
    if number != signal.SIGINT:
        syslog.openlog("snow-ha", syslog.LOG_PID)
        syslog.syslog(syslog.LOG_WARNING, " ".join([f"{signal.Signals(number).name}:", *sys.argv[1:], first, *more]))
    return 128 + number
