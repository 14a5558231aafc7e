"""Imports point downwards only; this walks them with `ast`, also those inside functions and `if TYPE_CHECKING`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import snow_ha_plugin

PACKAGE = Path(snow_ha_plugin.__file__).parent
NAME = PACKAGE.name

# What each layer may import of the others. cli, plugin and plugins are one layer, the top.
BELOW = {
    "top": {"top", "guide", "operations", "core", "system", "model", "errors", "watches", "xlcfg", "hookspecs", ""},
    "guide": {"guide", "operations", "core", "system", "model", "errors", "watches", "xlcfg", ""},
    "operations": {"operations", "core", "system", "model", "errors", "watches", "xlcfg", ""},
    "system": {"system", "core", "model", "errors", "watches", "xlcfg"},
    "core": {"core", "model", "errors", "watches", "xlcfg"},
    "model": {"model"},
    "errors": {"errors"},
    "xlcfg": {"xlcfg"},
    "watches": {"watches"},
    "agent": {"agent", "watches", "xlcfg"},
    "hookspecs": {"hookspecs", "model"},
    "": set(),
}
LAYER_OF = {"__main__": "top", "cli": "top", "plugin": "top", "plugins": "top"}

# Third-party modules that only these files may import.
ONLY_IN = {
    "sh": {"system/command.py"},
    # round_program is sent to other servers.
    "subprocess": {"system/command.py", "system/round_program.py"},
    "lxml": {
        "core/cib/document.py",
        "core/cib/probes.py",
        "core/cib/removal.py",
        "system/crm_mon.py",
        "system/fencer.py",
        "system/scheduler.py",
    },
    "pluggy": {"plugins.py", "hookspecs.py"},
    "jinja2": {"cli/page.py"},
    "rich": {"cli/balance_view.py", "cli/output.py", "cli/status.py"},
}
CLICK = ("cli/", "plugin.py", "hookspecs.py")

# Values in, values out: whatever reaches the outside, or a clock, is not among these.
CORE_MAY_IMPORT = {
    "__future__", "collections", "copy", "dataclasses", "difflib", "enum", "functools", "hashlib", "heapq", "ipaddress",
    "itertools", "json", "lxml", "math", "re", "typing", "xml",
}  # fmt: skip

# The agent starts for every domain every few seconds: what it imports costs next to nothing, or is for a watch
# (socket), a migration (signal) or the type checker (collections.abc) alone; tests/unit/agent/test_main.py looks.
AGENT_MAY_IMPORT = {"collections", "os", "select", "signal", "socket", "time"}


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def layer(part: str) -> str:
    return LAYER_OF.get(part, part)


def wrong_arrows(path: str, source: str) -> list[str]:
    """What a file of the package (`path` is relative to it) imports and may not."""
    own = layer(path.split("/")[0].removesuffix(".py").replace("__init__", ""))
    wrong = []
    for name in imported(source):
        first, _, rest = name.partition(".")
        if first == NAME:
            part = rest.split(".")[0]
            # A name of the package itself, such as __version__, belongs to its __init__.py.
            target = layer(part) if layer(part) in BELOW else ""
            bad = target not in BELOW[own]
            # What runs programs is an adapter; the others ask one.
            bad |= rest.startswith("system.command") and own != "system"
        else:
            bad = path not in ONLY_IN.get(first, {path})
            bad |= first == "click" and not path.startswith(CLICK)
            bad |= own == "core" and first not in CORE_MAY_IMPORT
            bad |= own == "agent" and first not in AGENT_MAY_IMPORT
        if bad:
            wrong.append(f"{path}: {name}")
    return wrong


def test_every_import_of_the_package_points_downwards() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 40
    wrong = [arrow for file in files for arrow in wrong_arrows(str(file.relative_to(PACKAGE)), file.read_text())]
    assert wrong == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/cib/edit.py", "from snow_ha_plugin.system import xen"),
        ("core/cib/edit.py", "import snow_ha_plugin.system.xen"),
        ("core/cib/edit.py", "from snow_ha_plugin import operations"),
        ("core/cib/edit.py", "def f():\n    from snow_ha_plugin.cli import output"),
        ("core/cib/edit.py", "import os.path"),
        ("core/cib/edit.py", "from pathlib import Path"),
        ("core/cib/edit.py", "import time"),
        ("core/cib/edit.py", "import logging"),
        ("core/timeouts.py", "from lxml import etree"),
        ("system/xen.py", "from snow_ha_plugin.operations import site"),
        ("system/xen.py", "from snow_ha_plugin import cli"),
        ("system/xen.py", "import sh"),
        ("system/xen.py", "def f():\n    import subprocess"),
        ("system/snowtools.py", "from lxml import etree"),
        ("operations/site.py", "if TYPE_CHECKING:\n    from snow_ha_plugin.cli.options import Workplace"),
        ("operations/site.py", "from snow_ha_plugin import plugin"),
        ("operations/site.py", "import click"),
        ("operations/site.py", "from snow_ha_plugin.system import command, pacemaker"),
        ("cli/main.py", "from snow_ha_plugin.system.command import run"),
        ("operations/site.py", "from snow_ha_plugin.guide import start"),
        ("guide/enable.py", "from snow_ha_plugin.cli import output"),
        ("model.py", "from snow_ha_plugin.core import cib"),
        ("errors.py", "from snow_ha_plugin import model"),
        ("xlcfg.py", "from snow_ha_plugin import errors"),
        ("hookspecs.py", "from snow_ha_plugin.plugins import load"),
        ("agent/host.py", "from snow_ha_plugin import errors"),
        ("agent/host.py", "from snow_ha_plugin.core import cib"),
        ("agent/host.py", "def f():\n    import re"),
        ("agent/host.py", "import dataclasses"),
        ("xlcfg.py", "from snow_ha_plugin.agent import domains"),
        ("cli/status.py", "from snow_ha_plugin.agent import domains"),
        ("__init__.py", "from snow_ha_plugin import plugin"),
    ],
)
def test_a_wrong_arrow_is_found(path: str, source: str) -> None:
    assert len(wrong_arrows(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cli/main.py", "from snow_ha_plugin import __version__, plugin"),
        ("plugin.py", "def f():\n    from snow_ha_plugin.cli import status"),
        (
            "operations/site.py",
            "from snow_ha_plugin.core import cib\nfrom snow_ha_plugin.system import xen\nimport time",
        ),
        ("guide/start.py", "from snow_ha_plugin.operations import site"),
        ("system/crm_mon.py", "from snow_ha_plugin.core import cib\nfrom lxml import etree\nimport os"),
        ("system/command.py", "import sh"),
        ("agent/host.py", "from snow_ha_plugin import xlcfg\nfrom snow_ha_plugin.agent import domains\nimport os"),
    ],
)
def test_a_right_arrow_is_not(path: str, source: str) -> None:
    assert wrong_arrows(path, source) == []


def test_a_relative_import_is_refused() -> None:
    with pytest.raises(AssertionError):
        wrong_arrows("core/cib/edit.py", "from ..system import xen")
