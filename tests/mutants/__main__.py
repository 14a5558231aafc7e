"""Changes the package in small ways, one at a time, and tells which of these changes the unit tests do not see.

python3 -m tests.mutants [--seed S] [-n N | --all] [FILE...]
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
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import hypothesis
import pytest
import pytest_mock

from tests.mutants.coverage import Coverage
from tests.mutants.mutations import Mutant, changed, mutants

ROOT = Path(__file__).parents[2]
DIRECTORIES = ("core", "operations", "guide", "system", "agent")
# A survivor that may live, by its file and the change (lines have other numbers tomorrow), and why, behind ` # `.
EXPECTED = Path(__file__).with_name("survivors.txt")

# One test that takes longer hangs: that has been seen.
TEST_WITHIN_S = 60
POLL_S = 0.05

# Of what is loaded once for all: nothing of the package, and no test.
assert hypothesis and pytest_mock


class End(Enum):
    KILLED = "killed"
    SURVIVED = "survived"
    UNFINISHED = "survived the tests that there was time for"


@dataclass(frozen=True)
class Scratch:
    """A copy of the checkout in which modules are changed; `running` has the test that a child is at."""

    root: Path

    @property
    def running(self) -> Path:
        return self.root / ".running"

    def put(self, mutant: Mutant) -> None:
        (self.root / mutant.path).write_text(changed(mutant, (ROOT / mutant.path).read_text()))

    def take_back(self, mutant: Mutant) -> None:
        shutil.copyfile(ROOT / mutant.path, self.root / mutant.path)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.running.write_text(nodeid)

    def start(self, words: list[str]) -> int:
        """Run tests in a child, which has pytest and the libraries loaded already; its process."""
        self.running.write_text("")
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
            status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *words], plugins=[self]))
        finally:
            os._exit(status)

    def judge(self, tests: list[str], within_s: float) -> End:
        child = self.start(tests)
        began = time.monotonic()
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                return End.SURVIVED if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else End.KILLED
            now = time.time()
            hangs = now - self.running.stat().st_mtime > TEST_WITHIN_S
            if hangs or time.monotonic() - began > within_s:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return End.KILLED if hangs else End.UNFINISHED
            time.sleep(POLL_S)


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
        "--seconds", type=float, default=240, help="when to give up on a mutant's tests (default: %(default)s)"
    )
    parser.add_argument("files", nargs="*", help="modules of the package; by default those that decide and do")
    return parser.parse_args()


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
    return sorted(random.Random(given.seed).sample(found, given.n), key=lambda mutant: (mutant.path, mutant.place))


def main() -> int:
    given = arguments()
    coverage = Coverage(ROOT)
    reasons = expected()
    ends = dict.fromkeys(End, 0)
    unexplained = 0
    with tempfile.TemporaryDirectory(prefix="snow-ha-mutants-") as directory:
        scratch = Scratch(Path(directory))
        copy_checkout(scratch.root)
        if (end := scratch.judge(["--collect-only", "tests/unit"], 600)) != End.SURVIVED:
            sys.exit(f"mutants: the unit tests cannot be collected ({end.value})")
        for mutant in chosen(given):
            scratch.put(mutant)
            tests = coverage.tests(mutant.path)
            end = scratch.judge(tests, given.seconds) if tests else End.SURVIVED
            scratch.take_back(mutant)
            ends[end] += 1
            if end == End.KILLED:
                continue
            reason = reasons.get(f"{mutant.path}: {mutant.what}", "")
            unexplained += not reason
            print(f"{mutant.name} {end.value}{f' (may: {reason})' if reason else ''}", flush=True)
    total = sum(ends.values())
    print(f"{ends[End.KILLED]} of {total} killed, {ends[End.KILLED] / total:.0%}; {unexplained} live without a reason")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
