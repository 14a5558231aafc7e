"""What is imported and when, and how an action comes to its exit status."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import snow_ha_plugin
from snow_ha_plugin.agent import main
from snow_ha_plugin.agent.metadata import meta_data
from snow_ha_plugin.agent.operation import ARGS, CONFIGURED, GENERIC, PERM, SUCCESS, UNIMPLEMENTED, Operation

PACKAGE = Path(snow_ha_plugin.__file__).parent
FILES = sorted((PACKAGE / "agent").glob("*.py"))
# Each of them takes longer than all of the agent's own modules together, or a good part of it.
COSTLY = {"collections", "dataclasses", "enum", "functools", "pathlib", "re", "signal", "subprocess", "typing"}


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files have not changed for long."""
    monkeypatch.setattr(main, "_last_change", lambda: 1.0)


def loaded_for(action: str) -> set[str]:
    """The modules that Python has loaded when the action begins, started as ocf/Xen starts it."""
    script = (
        f"import sys; sys.path.append({str(PACKAGE.parent)!r})\n"
        "from snow_ha_plugin.agent import main\n"
        f"main._runner({action!r}); print(*sys.modules)"
    )
    return set(
        subprocess.run([sys.executable, "-ISc", script], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize("action", ["monitor", "start", "stop", "validate-all"])
def test_nothing_costly_is_imported(action: str) -> None:
    loaded = loaded_for(action)
    assert "snow_ha_plugin.xlcfg" in loaded
    assert loaded & COSTLY == set()


def test_a_probe_imports_nothing_of_what_others_do() -> None:
    ours = {name.rpartition(".")[2] for name in loaded_for("monitor") if name.startswith("snow_ha_plugin.agent")}
    assert ours == {
        "agent", "decisions", "domain_file", "domains", "host", "main", "monitor", "naming", "operation", "process",
        "watch",
    }  # fmt: skip


def test_an_action_that_has_begun_imports_nothing_of_ours() -> None:
    """An upgrade may have replaced or removed it meanwhile."""
    for file in FILES:
        if file.stem == "main":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                inside = [each for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom)]
                assert [ast.unparse(each) for each in inside] in ([], ["import socket"])


@pytest.mark.parametrize("ago_s", [0.0, 0.5])
def test_files_that_have_just_changed_are_not_trusted(monkeypatch: pytest.MonkeyPatch, ago_s: float) -> None:
    changed = time.time() - ago_s
    monkeypatch.setattr(main, "_last_change", lambda: changed)
    with pytest.raises(ImportError, match="being replaced"):
        main.load("usage")


@pytest.mark.parametrize("ago_s", [60, -3600])
def test_files_at_rest_are_trusted_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch, ago_s: float) -> None:
    changed = time.time() - ago_s
    monkeypatch.setattr(main, "_last_change", lambda: changed)
    main.load("usage")


def test_files_that_change_during_the_import_are_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = iter([1.0, 2.0])
    monkeypatch.setattr(main, "_last_change", lambda: next(changes))
    with pytest.raises(ImportError, match="being replaced"):
        main.load("usage")


def test_a_file_that_comes_to_either_directory_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = tmp_path / "package/agent"
    agent.mkdir(parents=True)
    monkeypatch.setattr(main, "__file__", str(agent / "main.py"))
    for directory in (agent, agent.parent):
        os.utime(agent, (5, 5))
        os.utime(agent.parent, (5, 5))
        os.utime(directory, (9, 9))
        assert main._last_change() == 9


@pytest.mark.parametrize(("action", "status"), [("promote", UNIMPLEMENTED), ("", ARGS), ("usage", SUCCESS)])
@pytest.mark.usefixtures("at_rest")
def test_what_is_no_action_is_told_so(capfd: pytest.CaptureFixture[str], action: str, status: int) -> None:
    assert main.load(action)(0.0, 1.0) == status
    printed = capfd.readouterr()
    assert (printed.out if status == SUCCESS else printed.err) == main.USAGE + "\n"


@pytest.mark.usefixtures("at_rest")
def test_a_defect_is_an_error_with_a_reason(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(main, "_on_domain", lambda action: lambda began, deadline: [][0])
    assert main.load("monitor")(0.0, 1.0) == GENERIC
    assert capfd.readouterr().err.startswith("ocf-exit-reason:a defect of the agent in monitor: IndexError")


@pytest.mark.usefixtures("at_rest")
def test_only_root_is_let_in_but_to_look_at_parameters(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(main, "_implementation", lambda action: lambda operation: 42)
    monkeypatch.setenv("OCF_RESKEY_name", "web01")
    for action in main.ACTIONS:
        assert main.load(action)(0.0, 1.0) == (42 if action == "validate-all" else PERM)
    assert "only root" in capfd.readouterr().err


@pytest.mark.parametrize("action", main.ACTIONS)
@pytest.mark.usefixtures("at_rest")
def test_every_action_is_done_by_something(monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    name = {"status": "monitor", "validate-all": "validate", "reload": "validate", "reload-agent": "validate"}
    assert main._implementation(action).__name__ == name.get(action, action)


def test_files_are_trusted_again_a_second_after_they_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "_last_change", lambda: 5000.0)
    monkeypatch.setattr(main, "time", SimpleNamespace(time=lambda: 5001.0))
    main.load("usage")
    monkeypatch.setattr(main, "time", SimpleNamespace(time=lambda: 5000.9))
    with pytest.raises(ImportError):
        main.load("usage")


@pytest.mark.usefixtures("at_rest")
def test_an_action_knows_its_domain_and_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("OCF_RESKEY_name", "web01")
    seen: list[Operation] = []
    monkeypatch.setattr(main, "_implementation", lambda action: lambda operation: seen.append(operation) or 42)
    assert main.load("monitor")(3.0, 9.0) == 42
    assert [(each.domain, each.began, each.deadline) for each in seen] == [("web01", 3.0, 9.0)]


@pytest.mark.usefixtures("at_rest")
def test_the_agent_describes_itself(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.load("meta-data")(0.0, 1.0) == SUCCESS
    assert capfd.readouterr().out == meta_data()
    assert {word for word in main.USAGE.partition("{")[2][:-1].split("|")} == {
        "start", "stop", "monitor", "status", "migrate_to", "migrate_from", "validate-all", "reload", "reload-agent",
        "meta-data", "usage",
    }  # fmt: skip


@pytest.mark.usefixtures("at_rest")
def test_without_a_name_an_action_ends_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("OCF_RESKEY_name", "OCF_RESKEY_xmfile", "OCF_RESOURCE_INSTANCE"):
        monkeypatch.delenv(name, raising=False)
    assert main.load("validate-all")(0.0, 1.0) == CONFIGURED
    assert capfd.readouterr().err == "ocf-exit-reason:no usable domain name: ''\n"
