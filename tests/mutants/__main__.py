"""Changes the package in small ways, one at a time, and tells which of these changes the unit tests do not see.

A change is judged by the tests that run its line, or, while some are being written, by these alone.

python3 -m tests.mutants [--seed S] [-n N | --all] [--tests FILE]... [FILE...]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import hypothesis
import pytest
import pytest_mock

from tests.mutants import coverage
from tests.mutants.mutations import Mutant, changed, mutants

ROOT = Path(__file__).parents[2]
DIRECTORIES = ("core", "operations", "guide", "system", "agent")
# A survivor that may live, by its file and the change (lines have other numbers tomorrow), and why, behind ` # `.
EXPECTED = Path(__file__).with_name("survivors.txt")

# A test that takes longer hangs.
TEST_WITHIN_S = 60
# Seconds that all tests of a mutant may take for each one of processor time that they are granted.
WAIT_FACTOR = 20
POLL_S = 0.05

# Of what is loaded once for all: nothing of the package, and no test.
assert hypothesis and pytest_mock


class End(Enum):
    KILLED = "killed"
    SURVIVED = "survived"
    HANGS = "one of its tests hangs"
    UNFINISHED = "survived the tests that there was time for"


@dataclass(eq=False)
class Scratch:
    """A copy of the checkout in which modules are changed; `running` has the test that a child is at.

    wanted: what a child runs, by place; pytest collects whole files. passing, failing: without any change, what passes
    in this order, and what does not.
    """

    root: Path
    wanted: dict[str, int] = field(default_factory=dict)
    passing: set[tuple[str, ...]] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)

    @property
    def running(self) -> Path:
        return self.root / ".running"

    def put(self, mutant: Mutant) -> None:
        (self.root / mutant.path).write_text(changed(mutant, (ROOT / mutant.path).read_text()))

    def take_back(self, mutant: Mutant) -> None:
        shutil.copyfile(ROOT / mutant.path, self.root / mutant.path)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.running.write_text(nodeid)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((item for item in items if item.nodeid in self.wanted), key=lambda i: self.wanted[i.nodeid])

    def start(self, tests: list[str]) -> int:
        """Run tests in a child, which has pytest and the libraries loaded already; its process."""
        self.running.write_text("")
        self.wanted.clear()
        self.wanted.update((test, place) for place, test in enumerate(tests))
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        child = os.fork()
        if child:
            return child
        status = 3
        try:
            os.setsid()
            os.chdir(self.root)
            quiet = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(quiet, descriptor)
            sys.path[:] = [str(self.root), *(path for path in sys.path if path not in ("", str(ROOT)))]
            for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
                del sys.modules[name]
            # The same examples each time, and no file that is older than the second that it was changed in.
            os.environ["CI"] = "1"
            sys.dont_write_bytecode = True
            status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files], plugins=[self]))
        finally:
            os._exit(status)

    def judge(self, tests: list[str], processor_s: float) -> tuple[End, str]:
        """How the tests end, and the one that they were at. What they may take is processor time, so that it ends the
        same on a busy machine."""
        child = self.start(tests)
        began = time.monotonic()
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            test = self.running.read_text()
            if done:
                code = os.waitstatus_to_exitcode(status)
                survived = code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
                return (End.SURVIVED if survived else End.KILLED), test
            hangs = bool(test) and time.time() - self.running.stat().st_mtime > TEST_WITHIN_S
            late = time.monotonic() - began > WAIT_FACTOR * processor_s
            if hangs or late or used_s(child) > processor_s:
                kill(child)
                return (End.HANGS if hangs else End.UNFINISHED), test
            try:
                time.sleep(POLL_S)
            except KeyboardInterrupt:
                # It would go on writing into what is about to be removed.
                kill(child)
                raise

    def try_out(self, mutant: Mutant, stages: list[list[str]], processor_s: float) -> End:
        """What fails or hangs without the change too, as some tests do on a busy machine, kills nothing."""
        for stage in stages:
            left = [test for test in stage if test not in self.failing]
            while left:
                self.put(mutant)
                end, test = self.judge(left, processor_s)
                self.take_back(mutant)
                if end == End.UNFINISHED:
                    return end
                if end == End.SURVIVED:
                    break
                # Those before it too: it may need what they leave behind, or not bear it.
                culprit = self.fails_as_it_is(left[: left.index(test) + 1] if test else left[:1], processor_s)
                if culprit is None:
                    return End.KILLED
                left.remove(culprit)
        return End.SURVIVED

    def fails_as_it_is(self, tests: list[str], processor_s: float) -> str | None:
        """The first of the tests that does not pass without any change, run after those before it."""
        if tuple(tests) in self.passing:
            return None
        # A change may have let some of them end early.
        end, culprit = self.judge(tests, 2 * processor_s)
        if end == End.SURVIVED:
            self.passing.update(tuple(tests[: number + 1]) for number in range(len(tests)))
            return None
        if not culprit:
            sys.exit(f"mutants: these tests do not even begin as the code is: {tests[0]} ...")
        print(f"left out, since it fails as the code is: {culprit}", flush=True)
        self.failing.add(culprit)
        return culprit


def kill(group: int) -> None:
    os.killpg(group, signal.SIGKILL)
    os.waitpid(group, 0)


def used_s(process: int) -> float:
    """Processor time of a process and of what it has started and waited for."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def copy_checkout(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def expected() -> dict[str, str]:
    """By file and change: why it may live."""
    lines = [line for line in EXPECTED.read_text().splitlines() if line and not line.startswith("#")]
    return {name: reason for name, _, reason in (line.rpartition(" # ") for line in lines)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-n", type=int, default=60, help="how many, by chance (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="every one: hours")
    parser.add_argument(
        "--seconds", type=float, default=240, help="of processor time for a mutant's tests (default: %(default)s)"
    )
    parser.add_argument(
        "--tests", action="append", default=[], metavar="FILE", help="judge by what is in there, and measure nothing"
    )
    parser.add_argument("files", nargs="*", help="modules of the package; by default those that decide and do")
    return parser.parse_args()


def tests_in(files: list[str]) -> list[str]:
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout if files else ""
    return [line for line in listed.splitlines() if "::" in line]


def chosen(given: argparse.Namespace) -> list[Mutant]:
    files = given.files or [
        str(path.relative_to(ROOT))
        for directory in DIRECTORIES
        for path in sorted((ROOT / "snow_ha_plugin" / directory).rglob("*.py"))
    ]
    found = [mutant for file in files for mutant in mutants(file, (ROOT / file).read_text())]
    print(f"{len(found)} mutants", flush=True)
    if given.all or given.n >= len(found):
        return found
    # In the order of chance: also what an interrupted run has seen is a sample of all.
    return random.Random(given.seed).sample(found, given.n)


def main() -> int:
    given = arguments()
    reasons = expected()
    ends = dict.fromkeys(End, 0)
    unexplained = 0
    with tempfile.TemporaryDirectory(prefix="snow-ha-mutants-") as directory:
        scratch = Scratch(Path(directory))
        copy_checkout(scratch.root)
        covered = None if given.tests else coverage.measured(scratch.root)
        told = tests_in(given.tests)
        try:
            for mutant in chosen(given):
                stages = covered.stages(mutant.path, mutant.line) if covered else [told]
                end = scratch.try_out(mutant, stages, given.seconds)
                ends[end] += 1
                reason = "" if end == End.KILLED else reasons.get(f"{mutant.path}: {mutant.what}", "")
                unexplained += end != End.KILLED and not reason
                print(f"{mutant.name} {end.value}{f' (may: {reason})' if reason else ''}", flush=True)
        except KeyboardInterrupt:
            print("interrupted")
    killed, total = ends[End.KILLED], sum(ends.values())
    print(f"{killed} of {total} killed, {killed / (total or 1):.0%}; {unexplained} live without a reason")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
