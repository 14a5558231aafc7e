"""What is done, or would be: every message of a change reads in both forms, `[*] VERB ...` and `[I] would VERB ...`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "snow_ha_plugin"

VERBS = frozenset({
    "add", "boot", "bring", "configure", "copy", "fence", "give", "have", "keep", "leave", "let", "migrate", "note",
    "prefer", "put", "register", "remove", "run", "set", "stop", "take", "try", "unregister",
})  # fmt: skip


def makers() -> Iterator[tuple[str, ast.expr | None, ast.AST]]:
    """Where each Change is made, its message, and the function that it is made in."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
            for call in ast.walk(scope):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Change":
                    if scope is tree and any(
                        call in ast.walk(f) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)
                    ):
                        continue
                    given = {word.arg: word.value for word in call.keywords}
                    message = call.args[2] if len(call.args) > 2 else given.get("message")
                    yield f"{path.relative_to(PACKAGE)}:{call.lineno}", message, scope


def beginnings(message: ast.expr | None, scope: ast.AST) -> Iterator[str]:
    """The first words of all texts that a message may be; an empty one where that is not known."""
    match message:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from beginnings(one, scope)
            yield from beginnings(other, scope)
        case ast.BinOp(left=left):
            yield from beginnings(left, scope)
        case ast.Name(id=name):
            assigned = [
                node.value
                for node in ast.walk(scope)
                if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
            ]
            for value in assigned or [None]:
                yield from beginnings(value, scope)
        case _:
            yield ""


@pytest.mark.parametrize(("where", "message", "scope"), [pytest.param(*made, id=made[0]) for made in makers()])
def test_a_message_begins_with_a_verb(where: str, message: ast.expr | None, scope: ast.AST) -> None:
    for text in beginnings(message, scope):
        assert text.split(" ")[0] in VERBS, f"{where}: {text!r} does not read after 'would'"


def test_the_makers_are_found() -> None:
    assert len(list(makers())) > 30
