"""Which unit tests are about which module, by what they import: the nearest first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

PACKAGE = "snow_ha_plugin"
PROGRAM = "tests/unit/cli/"


class Coverage:
    """Paths are relative to the checkout. A package counts as what its `__init__` takes from its modules."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def tests(self, module: str) -> list[str]:
        """Its own file, those that import it, those that import what does, and those that run the whole program."""
        inner = Path(module).relative_to(PACKAGE)
        own = str(Path("tests/unit") / inner.parent / f"test_{inner.stem}.py")
        users = {user for user, used in self._modules.items() if module in used}
        direct = [test for test, used in self._tests.items() if module in used and test != own]
        indirect = [test for test, used in self._tests.items() if users & used and module not in used and test != own]
        program = [test for test in self._tests if test.startswith(PROGRAM)]
        nearest = [*([own] if own in self._tests else []), *direct, *indirect, *program]
        return list(dict.fromkeys(nearest))

    @cached_property
    def _modules(self) -> dict[str, set[str]]:
        return {name: self._used(name) for name in self._files(PACKAGE, "*.py")}

    @cached_property
    def _tests(self) -> dict[str, set[str]]:
        return {name: self._used(name) for name in self._files("tests/unit", "test_*.py")}

    def _files(self, directory: str, pattern: str) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in (self.root / directory).rglob(pattern))

    def _used(self, name: str) -> set[str]:
        tree = ast.parse((self.root / name).read_text())
        attributes = {
            (node.value.id, node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        found = set()
        for module, imported, local in _imports(tree):
            for file in self._files_of(module, imported):
                found.add(file)
                if file.endswith("__init__.py"):
                    inner = self._exports(file)
                    wanted = {attribute for owner, attribute in attributes if owner == local} | {imported}
                    found |= {inner[attribute] for attribute in wanted & inner.keys()}
        return found

    def _exports(self, init: str) -> dict[str, str]:
        """By name: the module that an `__init__` has it from."""
        tree = ast.parse((self.root / init).read_text())
        return {local: file for module, name, local in _imports(tree) for file in self._files_of(module, name)}

    def _files_of(self, module: str, name: str) -> list[str]:
        """The file of `from MODULE import NAME`, where NAME may be a module itself."""
        for dotted in (f"{module}.{name}", module):
            for path in (f"{dotted.replace('.', '/')}.py", f"{dotted.replace('.', '/')}/__init__.py"):
                if (self.root / path).exists():
                    return [path]
        return []


def _imports(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Module, name, and how it is called here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PACKAGE):
            for alias in node.names:
                yield node.module, alias.name, alias.asname or alias.name
