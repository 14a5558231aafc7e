"""Which unit tests run which lines of the package: measured, once for each state of the code and of its tests."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

from coverage import CoverageData

from tests.lab.base import cache, forget_oldest
from tests.mutants import recorder

PACKAGE = "snow_ha_plugin"
OWN = "tests/unit"
UNIT = (OWN, "tests/packaging", "tests/scenarios")
# They take twice as long under coverage as they do without.
MEASURED_WITHIN_S = 3600
# Of states of the code, 30 MB each.
KEPT = 4
# Files of tests that are asked before all the others: most of what the own file does not see, they do.
NEAR = 4


class Coverage:
    """Paths are relative to `root`, a checkout in which the tests were run; tests are pytest's node ids."""

    def __init__(self, root: Path, data: Sequence[CoverageData]) -> None:
        self.root, self.data = root, data

    def stages(self, module: str, line: int) -> list[list[str]]:
        """The tests that judge a line, in the order to ask them: its own file's, those of the files that are most about
        it, the others."""
        by_file: dict[str, list[str]] = defaultdict(list)
        for test in sorted(self.tests(module, line)):
            by_file[test.partition("::")[0]].append(test)
        own = by_file.pop(own_file(module), [])
        files = sorted(by_file, key=lambda file: (-len(by_file[file]) / self._in_file[file], file))
        parts = [own, *([test for file in part for test in by_file[file]] for part in (files[:NEAR], files[NEAR:]))]
        return [part for part in parts if part]

    def tests(self, module: str, line: int) -> set[str]:
        """Those that run the statement in this line.

        What runs when the module is imported, and what is cached, has its effect in other tests: the whole of the own
        file counts, and of a line outside of functions each test that runs any of the module's functions, or, where
        it is a table without any, each there is.
        """
        by_line = self._by_line(module)
        everything = set().union(*by_line.values())
        if not everything:
            return {test for data in self.data for test in data.measured_contexts() if test}
        if not (lines := lines_of_statement((self.root / module).read_text(), line)):
            return everything
        own = f"{own_file(module)}::"
        found = {test for number in lines for test in by_line.get(number, ())}
        return found | {test for test in everything if test.startswith(own)}

    @cached_property
    def _in_file(self) -> Counter[str]:
        """How many tests a file has."""
        return Counter(test.partition("::")[0] for data in self.data for test in data.measured_contexts())

    @lru_cache(20)  # noqa: B019 - there is one
    def _by_line(self, module: str) -> dict[int, set[str]]:
        found: dict[int, set[str]] = defaultdict(set)
        for data in self.data:
            for number, tests in data.contexts_by_lineno(module).items():
                # What runs outside of tests has an empty one.
                found[number] |= set(filter(None, tests))
        return found


def own_file(module: str) -> str:
    inner = Path(module).relative_to(PACKAGE)
    return str(Path(OWN) / inner.parent / f"test_{inner.stem}.py")


def lines_of_statement(source: str, line: int) -> set[int]:
    """The lines of the innermost statement around one, without its body; none where it is run by an import."""
    inside = [node for node in _statements(ast.parse(source)) if node.lineno <= line <= (node.end_lineno or 0)]
    functions = [node for node in inside if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if not any(node.body[0].lineno <= line for node in functions):
        return set()
    statement = max(inside, key=lambda node: node.lineno)
    body = getattr(statement, "body", None)
    return {line, *range(statement.lineno, body[0].lineno if body else (statement.end_lineno or line) + 1)}


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.stmt))


def measured(root: Path) -> Coverage:
    """By all unit tests in a checkout, which takes minutes; of the same files before, what was found then."""
    digest = hashlib.sha256()
    for path in sorted(path for directory in (PACKAGE, *UNIT) for path in (root / directory).rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    kept = cache() / f"coverage-{digest.hexdigest()[:12]}"
    if not kept.exists():
        forget_oldest(kept.parent.glob("coverage-*"), KEPT - 1)
        _measure(root, kept)
    os.utime(kept)
    data = [CoverageData(str(file)) for file in kept.iterdir()]
    for each in data:
        each.read()
    return Coverage(root, data)


def _measure(root: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix="coverage-new-", dir=kept.parent))
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", recorder.__name__]
    env = {**os.environ, "CI": "1", recorder.FILES: str(new)}
    ended = subprocess.run(
        [*argv, "--numprocesses=auto", *UNIT], cwd=root, env=env, timeout=MEASURED_WITHIN_S, check=False
    )
    if ended.returncode:
        shutil.rmtree(new)
        sys.exit("mutants: the unit tests fail as the code is")
    new.rename(kept)
