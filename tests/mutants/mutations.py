"""Small changes of a module that a test should see, made in its syntax tree; texts for readers stay as they are."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip

# What is in there is told, and steers nothing.
TELLING = {"debug", "info", "log", "warning", "echo", "Change", "dataclass", "getLogger", "TypeVar"}

# zip's: against what cannot be.
GUARD = "strict"
# Of these the first two arguments may be swapped, and nothing is another one.
UNORDERED = {"max", "min"}

Edit = Callable[[ast.AST], None]


@dataclass(frozen=True)
class Mutant:
    """`place` is the number of the node that is changed, `choice` which of the changes that there are for it."""

    path: str
    line: int
    what: str
    place: int
    choice: int

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def mutants(path: str, source: str) -> list[Mutant]:
    """All of a module."""
    return [
        Mutant(path, _line(node), what, place, choice)
        for place, node in enumerate(_places(ast.parse(source)))
        for choice, (what, _) in enumerate(_edits(node))
    ]


def changed(mutant: Mutant, source: str) -> str:
    """The whole module with the change in it."""
    tree = ast.parse(source)
    node = list(_places(tree))[mutant.place]
    _, edit = list(_edits(node))[mutant.choice]
    edit(node)
    return ast.unparse(ast.fix_missing_locations(tree))


def _places(tree: ast.AST) -> Iterator[Any]:
    """Each node that may be changed, in the order of the text."""
    for child in _children(tree):
        if hasattr(child, "lineno") or isinstance(child, ast.comprehension):
            yield child
        yield from _places(child)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What is inside, without annotations, docstrings, imports, and what is only told."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Raise)):
        return
    if isinstance(node, ast.keyword) and node.arg == GUARD:
        return
    if isinstance(node, ast.Assign) and _called_or_name(node.targets[0]) == "__all__":
        return
    if isinstance(node, ast.Call) and _called(node) in TELLING:
        return
    if isinstance(node, ast.If) and _called_or_name(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.arguments):
        yield from [*node.defaults, *(default for default in node.kw_defaults if default)]
        return
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_text(child) and not _is_own_name(child, node):
                yield child


def _line(node: Any) -> int:
    return int(node.target.lineno if isinstance(node, ast.comprehension) else node.lineno)


def _is_text(node: ast.AST) -> bool:
    """A docstring, or words for a reader."""
    if isinstance(node, ast.Expr):
        node = node.value
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and " " in str(node.value))


def _is_own_name(child: ast.AST, node: ast.AST) -> bool:
    """The name by which a shell's script calls itself in what it complains of: sh -c SCRIPT NAME."""
    match node:
        case ast.List(elts=[ast.Constant(value="sh" | "bash"), ast.Constant(value="-c"), _, name, *_]):
            return child is name
    return False


def _called(node: ast.Call) -> str:
    return _called_or_name(node.func)


def _called_or_name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _edits(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    yield from _of_expressions(node)
    yield from _of_statements(node)


def _of_expressions(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    match node:
        case ast.Compare():
            for number, operator in enumerate(node.ops):
                other = COMPARISONS[type(operator)]
                yield f"{ast.unparse(node)}: {other.__name__}", _set_item("ops", number, other())
        case ast.BoolOp():
            other_word = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield f"{ast.unparse(node)}: {type(other_word).__name__.lower()}", _set("op", other_word)
        case ast.UnaryOp(op=ast.Not()):
            yield f"{ast.unparse(node)}: without not", _become(node.operand)
        case ast.BinOp() if type(node.op) in OPERATORS:
            yield f"{ast.unparse(node)}: {OPERATORS[type(node.op)].__name__}", _set("op", OPERATORS[type(node.op)]())
        case ast.Constant(value=bool(value)):
            yield f"{value} -> {not value}", _set("value", not value)
        case ast.Constant(value=int(value)) | ast.Constant(value=float(value)):
            yield f"{value} -> {value + 1}", _set("value", value + 1)
        case ast.Constant(value=str(value)):
            yield f"{value!r} -> {value + 'x'!r}", _set("value", value + "x")
        case ast.IfExp() if not isinstance(node.test, ast.Compare):
            yield f"if {ast.unparse(node.test)}: not", _set("test", _negated(node.test))
        case ast.comprehension(ifs=[_, *_]):
            yield f"without if {ast.unparse(node.ifs[0])}", _set("ifs", node.ifs[1:])
        case ast.Call() if _called(node) not in TELLING:
            is_ordered = _called(node) not in UNORDERED and not any(isinstance(w, ast.Starred) for w in node.args[:2])
            if len(node.args) >= 2 and is_ordered:
                swapped = [node.args[1], node.args[0], *node.args[2:]]
                yield f"{_short(node)}: first two arguments swapped", _set("args", swapped)
            for number, keyword in enumerate(node.keywords):
                if keyword.arg and keyword.arg != GUARD:
                    rest = node.keywords[:number] + node.keywords[number + 1 :]
                    yield f"{_short(node)}: without {keyword.arg}", _set("keywords", rest)


def _of_statements(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    match node:
        case ast.If() | ast.While() if not isinstance(node.test, (ast.Compare, ast.UnaryOp, ast.BoolOp)):
            yield f"if {ast.unparse(node.test)}: not", _set("test", _negated(node.test))
        case ast.Return(value=ast.Call() as call) if _called(call) in TELLING:
            return
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield f"{_short(node)}: None", _set("value", ast.Constant(None))
        case ast.Expr(value=ast.Call() as call) if _called(call) not in TELLING:
            yield f"without {_short(node)}", _become(ast.Pass())
        case ast.AugAssign() | ast.Raise() | ast.Delete():
            yield f"without {_short(node)}", _become(ast.Pass())
        case ast.Break():
            yield "break -> continue", _become(ast.Continue())
        case ast.Continue():
            yield "continue -> break", _become(ast.Break())
        case ast.With(body=body) if len(body) == 1:
            yield f"without {_short(node)}", _become(body[0])


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _short(node: ast.AST) -> str:
    line = ast.unparse(node).splitlines()[0]
    return line if len(line) <= 70 else f"{line[:67]}..."


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), copy.deepcopy(test))


def _set(field: str, value: object) -> Edit:
    return lambda node: setattr(node, field, copy.deepcopy(value))


def _set_item(field: str, number: int, value: object) -> Edit:
    return lambda node: getattr(node, field).__setitem__(number, value)


def _become(other: ast.AST) -> Edit:
    """Turn a node into another kind, in its place."""

    def edit(node: ast.AST) -> None:
        node.__class__ = type(other)
        node.__dict__.clear()
        node.__dict__.update(copy.deepcopy(other).__dict__)

    return edit
