"""Pages of the guide, played: their command blocks run in a lab as they stand there, and what is shown must come.

A block is fenced as `console`. In it `snow01# COMMAND` is run by bash on that server, as root; the lines up to the next
command are what it prints, where `...` stands for any text, and alone on a line for any lines. A block that shows no
output takes any. Comments, which readers do not see, hold before the next command:

    <!-- lab: power-off snow02 -->     something is done to the lab: the verbs of tests/lab/lab
    <!-- lab: until-on snow02 -->      wait until a server is up, and answers the others
    <!-- lab: until-reset -->          wait until a server was reset, by its watchdog or because of a pill
    <!-- lab: fault copy fail web01 --> something goes wrong in a migration (World.fault), until `lab: mend`
    <!-- within 120 s -->              the command is run again until it prints that
    <!-- ends with 2 -->               its exit status, by default 0
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.lab import host
from tests.lab.cluster import Lab
from tests.lab.host import LabError
from tests.lab.world import World

COMMAND = re.compile(r"(?P<server>[a-z]+[0-9]+)# (?P<line>.+)")
COMMENT = re.compile(r"<!-- (?:lab: (?P<deed>.+)|within (?P<within>[0-9]+) s|ends with (?P<status>[0-9]+)) -->")
FENCE = "```"
BLOCK = FENCE + "console"

COMMAND_WITHIN_S = 300
UP_WITHIN_S = 120
RESET_WITHIN_S = 120
# How a server ends that is fenced: by its watchdog, or by itself because of a poison pill.
RESETS = ("watchdog", "reboot")
BETWEEN_S = 1


@dataclass(frozen=True)
class Command:
    """What is run on a server, and what it is to print; `number` is its line in the page."""

    number: int
    server: str
    line: str
    shown: tuple[str, ...]
    status: int = 0
    within_s: int = 0


@dataclass(frozen=True)
class Deed:
    """Something that is done to the lab from outside."""

    number: int
    words: tuple[str, ...]


Step = Command | Deed | str


def steps(text: str) -> Iterator[Step]:
    """What a page does, and its other lines as they are; ValueError for a block or comment that is none."""
    status = within = 0
    lines = list(enumerate(text.splitlines(), start=1))
    while lines:
        number, line = lines.pop(0)
        if line == BLOCK:
            block = []
            while lines and lines[0][1] != FENCE:
                block.append(lines.pop(0))
            if not lines:
                raise ValueError(f"line {number}: the block has no end")
            lines.pop(0)
            for command in _commands(block, status, within):
                yield command
                status = within = 0
        elif comment := COMMENT.fullmatch(line.strip()):
            if comment["deed"]:
                yield Deed(number, tuple(comment["deed"].split()))
            within = int(comment["within"] or within)
            status = int(comment["status"] or status)
        elif line.startswith("<!-- "):
            raise ValueError(f"line {number}: not understood: {line}")
        else:
            yield line


def _commands(block: Sequence[tuple[int, str]], status: int, within: int) -> Iterator[Command]:
    """Those of a block; what stands before holds for the first of them."""
    found: list[tuple[int, re.Match[str], list[str]]] = []
    for number, line in block:
        if command := COMMAND.fullmatch(line):
            found.append((number, command, []))
        elif found:
            found[-1][2].append(line)
        else:
            raise ValueError(f"line {number}: no server is named before {line!r}")
    for index, (number, command, shown) in enumerate(found):
        first = (status, within) if index == 0 else (0, 0)
        yield Command(number, command["server"], command["line"], tuple(shown), *first)


def matches(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether a command printed what the page shows."""
    pattern = ""
    for line in shown:
        pattern += (
            "(?:.*\n)*?" if line.strip() == "..." else ".*".join(map(re.escape, line.rstrip().split("..."))) + "\n"
        )
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed)) is not None


def play(page: Path, lab: Lab, tell: Callable[[str], None] = lambda line: None) -> int:
    """Run all of a page; how many commands it had. LabError names the line where it is not as shown."""
    count = 0
    for step in steps(page.read_text()):
        if isinstance(step, str):
            tell(step)
            continue
        try:
            if isinstance(step, Deed):
                _do(step, lab)
            else:
                count += 1
                tell(f"{step.server}# {step.line}")
                _run(step, lab, tell)
        except LabError as error:
            raise LabError(f"{page.name}, line {step.number}: {error}") from error
    return count


def _run(command: Command, lab: Lab, tell: Callable[[str], None]) -> None:
    deadline = time.monotonic() + command.within_s
    while True:
        done = lab.run(
            command.server, ["bash", "-c", f"exec 2>&1; {command.line}"], timeout=COMMAND_WITHIN_S, check=False
        )
        printed = done.stdout.splitlines()
        if done.returncode == command.status and (not command.shown or matches(command.shown, printed)):
            break
        if time.monotonic() > deadline:
            wanted = "\n".join(command.shown)
            raise LabError(
                f"{command.line}: exit status {done.returncode}, expected {command.status}\n"
                f"--- shown\n{wanted}\n--- printed\n{done.stdout}"
            )
        time.sleep(BETWEEN_S)
    for line in printed:
        tell(line)


def _do(deed: Deed, lab: Lab) -> None:
    verb, *words = deed.words
    if verb == "until-on":
        others = [name for name in lab.names if name != words[0]]
        on = partial(_answers, lab, words[0])
        host.wait_until(lambda: all(map(on, others)), UP_WITHIN_S, f"{words[0]} does not come up")
    elif verb == "until-reset":
        host.wait_until(lambda: _resets(lab) > 0, RESET_WITHIN_S, "no server was reset")
    elif verb == "fault":
        World(lab.world_dir).fault(words[0], words[1], domain=words[2], stderr="xc: error: write error\n")
    elif verb == "mend":
        World(lab.world_dir).mend()
    else:
        getattr(lab, verb.replace("-", "_"))(*words)


def _resets(lab: Lab) -> int:
    return sum(event.what in RESETS for event in lab.power_events())


def _answers(lab: Lab, server: str, other: str) -> bool:
    if not (lab.is_on(server) and lab.is_on(other)):
        return False
    return lab.run(other, ["ssh", server, "true"], check=False).returncode == 0
