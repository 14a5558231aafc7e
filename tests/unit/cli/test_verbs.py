"""Where the verbs are, and that only the one that is given is imported."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

import snow_ha_plugin.cli
from snow_ha_plugin.cli.verbs import GROUPS, MODULES, Verbs
from tests.unit.cli.conftest import Files


@pytest.mark.parametrize("module", MODULES)
def test_the_table_has_the_verbs_of_each_module(module: str) -> None:
    commands = import_module(f"snow_ha_plugin.cli.{module}").COMMANDS
    assert {command.name for command in commands} == set(MODULES[module])


def test_the_table_has_every_module_with_verbs() -> None:
    files = Path(snow_ha_plugin.cli.__file__).parent.glob("*.py")
    assert {path.stem for path in files if "\nCOMMANDS = " in path.read_text()} == MODULES.keys()


def test_every_verb_that_people_use_is_in_a_group_of_the_help() -> None:
    group = Verbs()
    group.add_ours()
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    shown = {name for name, command in found.items() if command is not None and not command.hidden}
    assert shown == {name for names in GROUPS.values() for name in names}


@pytest.mark.parametrize("verb", [verb for verbs in GROUPS.values() for verb in verbs])
def test_the_help_has_an_example_that_can_be_typed(verb: str, files: Files) -> None:
    group = Verbs()
    group.add_ours()
    command = group.get_command(click.Context(group), verb)
    (_, example), *_ = [verbs[verb] for verbs in GROUPS.values() if verb in verbs]
    name, *words = example.split()
    assert command is not None and name == verb
    assert command.make_context(verb, words)
    shown = files.run(verb, "--help").out
    assert f"Example: snow ha {example}" in " ".join(shown.split())
    assert "RANGE" not in shown


def test_the_help_cuts_no_line(files: Files) -> None:
    shown = files.run("--help").out
    assert "..." not in shown.partition("Look:")[2]
    assert max(map(len, shown.splitlines())) <= 80


def test_a_verb_imports_no_module_of_others() -> None:
    program = (
        "import sys; from snow_ha_plugin.cli.main import main\n"
        "try: main()\n"
        "finally: print(*(name for name in sys.modules if name.startswith('snow_ha_plugin.cli.')))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program, "explain", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    imported = set(shown.splitlines()[-1].split())
    assert "snow_ha_plugin.cli.explain" in imported
    assert "snow_ha_plugin.cli.enable" not in imported
