"""What is changed and what is not, and which tests are taken to be about a module."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutants.coverage import Coverage
from tests.mutants.mutations import changed, mutants

SOURCE = '''
"""A text."""
LIMIT = 3

def run(servers: list[str] = [], *, dry_run: bool = False) -> int:
    """Another text."""
    if servers and not dry_run:
        stop(servers, LIMIT, force=True)
    elif len(servers) >= LIMIT:
        raise ValueError("too many of them")
    return max(x for x in servers if x)
'''
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
    "11: return max((x for x in servers if x)): None",
    "11: without if x",
]


def test_each_small_change_is_made_once_and_texts_are_left_alone() -> None:
    found = mutants("a.py", SOURCE)
    assert sorted(mutant.name for mutant in found) == sorted(f"a.py:{change}" for change in CHANGES)
    sources = {changed(mutant, SOURCE) for mutant in found}
    assert len(sources) == len(CHANGES)
    assert ast.unparse(ast.parse(SOURCE)) not in sources
    assert all('"""Another text."""' in source for source in sources)


def test_the_nearest_tests_come_first() -> None:
    tests = Coverage(Path(__file__).parents[2]).tests("snow_ha_plugin/operations/transaction.py")
    assert tests[0] == "tests/unit/operations/test_transaction.py"
    assert "tests/unit/cli/test_domains.py" in tests


def test_a_module_of_a_package_is_what_the_tests_use_of_it() -> None:
    tests = Coverage(Path(__file__).parents[2]).tests("snow_ha_plugin/core/cib/removal.py")
    assert "tests/unit/core/test_cib_removal.py" in tests[:4]
    assert "tests/unit/core/test_timeouts.py" not in tests
