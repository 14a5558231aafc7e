"""What is changed and what is not, and which tests judge a change."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from coverage import CoverageData

from tests.lab.base import forget_oldest
from tests.mutants.coverage import KEPT, NEAR, Coverage, lines_of_statement
from tests.mutants.mutations import changed, mutants

SOURCE = '''
"""A text."""
LIMIT = 3
__all__ = ["LIMIT", "run"]
def run(servers: list[str] = [], *, dry_run: bool = False) -> int:
    """Another text."""
    if servers and not dry_run:
        stop(servers, LIMIT, force=True)
    elif len(servers) >= LIMIT:
        raise ValueError("too many of them")
    return max(x for x in ["sh", "-c", stop, "sh"] if x), min(servers, zip(servers, strict=True))
'''
MODULE = "snow_ha_plugin/core/limits.py"
OWN = ["tests/unit/core/test_limits.py::test_a", "tests/unit/core/test_limits.py::test_b[x|y]"]
OTHER = "tests/unit/core/test_a.py::test_a"
CHANGES = [
    "3: 3 -> 4",
    "5: False -> True",
    "7: not dry_run: without not",
    "7: servers and (not dry_run): or",
    "8: True -> False",
    "8: stop(servers, LIMIT, force=True): first two arguments swapped",
    "8: stop(servers, LIMIT, force=True): without force",
    "8: without stop(servers, LIMIT, force=True)",
    "9: len(servers) >= LIMIT: Gt",
    "10: without raise ValueError('too many of them')",
    "11: return (max((x for x in ['sh', '-c', stop, 'sh'] if x)), min(server...: None",
    "11: 'sh' -> 'shx'",
    "11: '-c' -> '-cx'",
    "11: without if x",
]


def test_each_small_change_is_made_once_and_texts_are_left_alone() -> None:
    found = mutants("a.py", SOURCE)
    assert sorted(mutant.name for mutant in found) == sorted(f"a.py:{change}" for change in CHANGES)
    sources = {changed(mutant, SOURCE) for mutant in found}
    assert len(sources) == len(CHANGES)
    assert ast.unparse(ast.parse(SOURCE)) not in sources
    assert all('"""Another text."""' in source for source in sources)


@pytest.fixture
def covered(tmp_path: Path) -> Coverage:
    """Two tests of a module's own file, one of another; each runs some of SOURCE's lines."""
    (tmp_path / "snow_ha_plugin/core").mkdir(parents=True)
    (tmp_path / MODULE).write_text(SOURCE)
    data = CoverageData(no_disk=True)
    runs = {"": [3, 5], OWN[0]: [7, 8], OWN[1]: [7, 9], OTHER: [7, 9, 11]}
    for test, lines in runs.items():
        data.set_context(test)
        data.add_lines({MODULE: lines})
    return Coverage(tmp_path, [data])


@pytest.mark.parametrize(
    ("line", "stages"),
    [
        # What runs at the import: each that runs anything of the module.
        (3, [OWN, [OTHER]]),
        (5, [OWN, [OTHER]]),
        (7, [OWN, [OTHER]]),
        # The own file's come first, and all of them; of the others those that run the line.
        (8, [OWN]),
        (11, [OWN, [OTHER]]),
    ],
)
def test_who_runs_a_line_judges_a_change_of_it(covered: Coverage, line: int, stages: list[list[str]]) -> None:
    assert covered.stages(MODULE, line) == stages


def test_files_that_are_most_about_a_line_judge_it_before_the_others(covered: Coverage) -> None:
    data = covered.data[0]
    files = [f"tests/unit/test_{name}.py" for name in "bcdefg"]
    for number, file in enumerate(files):
        # The first has the line in one of its tests, the second in one of two ...
        for test in range(number + 1):
            data.set_context(f"{file}::test_{test}")
            data.add_lines({MODULE: [8] if test == 0 else [9]})
    own, near, far = covered.stages(MODULE, 8)
    assert [test.partition("::")[0] for test in (*near, *far)] == files
    assert own == OWN
    assert len(near) == NEAR


@pytest.mark.parametrize(
    ("line", "lines"), [(2, set()), (3, set()), (5, set()), (7, {7}), (9, {9}), (11, {11, 12, 13}), (13, {11, 12, 13})]
)
def test_a_statement_is_all_its_lines_without_its_body(line: int, lines: set[int]) -> None:
    source = SOURCE.replace("max(x for x in", "max(\n        x\n        for x in")
    assert lines_of_statement(source, line) == lines


def test_a_table_is_judged_by_all_tests(covered: Coverage) -> None:
    table = "snow_ha_plugin/core/table.py"
    (covered.root / table).write_text("LIMITS = (3, 4)\n")
    assert covered.tests(table, 1) == {*OWN, OTHER}


def test_of_what_was_measured_the_last_ones_are_kept(tmp_path: Path) -> None:
    for age in range(KEPT + 2):
        (tmp_path / f"coverage-{age}").mkdir()
        os.utime(tmp_path / f"coverage-{age}", (1000 - age, 1000 - age))
    (tmp_path / "base-bookworm").mkdir()
    forget_oldest(tmp_path.glob("coverage-*"), KEPT - 1)
    # There is a new one to come.
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "base-bookworm", *(f"coverage-{age}" for age in range(KEPT - 1))
    ]  # fmt: skip
