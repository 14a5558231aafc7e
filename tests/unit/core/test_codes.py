"""The table of findings against the code that makes them: by its source here, as it runs in tests/unit/conftest.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import snow_ha_plugin
from snow_ha_plugin.core.codes import CHAPTERS, TABLE

PACKAGE = Path(snow_ha_plugin.__file__).parent


def made(source: str) -> Iterator[str]:
    """The codes of the findings that a module makes; a function that is given one is looked up where it is called."""
    tree = ast.parse(source)
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        parameters = [argument.arg for argument in function.args.args]
        for code in codes_of(function, "Finding", 1):
            if isinstance(code, ast.Constant):
                yield str(code.value)
                continue
            assert isinstance(code, ast.Name) and code.id in parameters, f"line {code.lineno}: {ast.unparse(code)}"
            for given in codes_of(tree, function.name, parameters.index(code.id)):
                assert isinstance(given, ast.Constant), f"line {given.lineno}: {ast.unparse(given)}"
                yield str(given.value)


def codes_of(tree: ast.AST, name: str, position: int) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node.args[position]


def test_every_finding_that_is_made_is_in_the_table_and_no_other() -> None:
    found = {code for file in sorted(PACKAGE.rglob("*.py")) for code in made(file.read_text())}
    assert found == set(TABLE)


def test_every_code_is_looked_for_in_a_test() -> None:
    tests = Path(__file__).parents[2]
    sources = "".join(file.read_text() for file in tests.rglob("*.py") if file != Path(__file__))
    scenarios = {word for file in tests.rglob("*.scenario") for word in file.read_text().split()}
    assert [code for code in TABLE if f'"{code}"' not in sources and code not in scenarios] == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(x): return Finding(S, f'server-{x}', x)",
        "def f(x):\n    y = x\n    return Finding(S, y, x)",
        "def f(code): return Finding(S, code, '')\ndef g(x): return f(x + 'y')",
    ],
)
def test_a_code_that_cannot_be_seen_in_the_source_is_refused(source: str) -> None:
    with pytest.raises(AssertionError):
        list(made(source))


def test_no_code_stands_in_two_chapters() -> None:
    assert sum(map(len, CHAPTERS.values())) == len(TABLE)


@pytest.mark.parametrize("entry", TABLE.values(), ids=TABLE.keys())
def test_each_page_says_what_it_means_and_what_to_do(entry) -> None:  # type: ignore[no-untyped-def]
    assert entry.title and not entry.title.endswith(".")
    assert len(entry.title) <= 55  # so that a line of `explain` has 80 columns
    assert entry.cause.endswith(".") and entry.remedy.endswith(".")
