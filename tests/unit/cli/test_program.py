"""The program as a process of its own: exit statuses, streams, another user, another character set."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Files

ROOT = Path(__file__).parents[3]
NOBODY = 65534


def snow_ha(
    *words: str, cwd: Path = ROOT, env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snow_ha_plugin", *words]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=60, **options
    )


@pytest.fixture(scope="module")
def as_nobody() -> Iterator[dict[str, Any]]:
    """Options that make it another user's process, from a copy: root's own checkout may be root's alone to read."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        shutil.copytree(ROOT / "snow_ha_plugin", Path(directory, "snow_ha_plugin"))
        yield {"cwd": Path(directory), "user": NOBODY, "group": NOBODY, "extra_groups": []}


def on_files(files: Files, *words: str) -> list[str]:
    return [*words, "--cib", str(files.cib), "--domains-dir", str(files.domains)]


def test_statuses_and_streams_of_a_process(files: Files) -> None:
    good = snow_ha(*on_files(files, "add"), "web01")
    assert (good.returncode, good.stdout, good.stderr) == (0, "[*] register web01 (512 MiB, 2 vcpu)\n", "")
    bad = snow_ha(*on_files(files, "add"), "$(id)")
    assert (bad.returncode, bad.stdout) == (64, "")
    assert bad.stderr.startswith("[E] '$(id)' cannot be the name of a domain; ")


def test_the_version_is_one_line() -> None:
    ended = snow_ha("--version")
    assert (ended.returncode, ended.stdout.split()[0], ended.stdout.count("\n")) == (0, "snow-ha", 1)


def test_by_its_own_name_the_command_line_is_the_program_too() -> None:
    command = [sys.executable, "-m", "snow_ha_plugin.cli.main", "--version"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.stdout == snow_ha("--version").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_can_plan_on_a_copy(files: Files, as_nobody: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        copy = replace(files, directory=Path(directory)).fill()
        for path in (copy.directory, copy.cib, copy.domains):
            os.chown(path, NOBODY, NOBODY)
        planned = snow_ha(*on_files(copy, "add"), "web01", **as_nobody, env={"PATH": "/empty"})
        assert (planned.returncode, planned.stderr) == (0, "")
        assert "web01" in copy.registered()
        assert copy.cib.stat().st_uid == NOBODY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_cannot_change_a_file_that_is_not_his(files: Files, as_nobody: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        copy = replace(files, directory=Path(directory)).fill()
        copy.directory.chmod(0o755)
        before = copy.cib.read_bytes()
        refused = snow_ha(*on_files(copy, "add"), "web01", **as_nobody)
        assert (refused.returncode, refused.stdout) == (77, "")
        assert refused.stderr.startswith(f"[E] {copy.cib} cannot be written; Permission denied; ")
        assert copy.cib.read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_cannot_touch_the_cluster(as_nobody: dict[str, Any]) -> None:
    ended = snow_ha("add", "web01", **as_nobody)
    assert (ended.returncode, ended.stdout) == (77, "")
    assert ended.stderr.startswith("[E] this needs root; ")


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_any_character_set_will_do(files: Files, locale: str) -> None:
    env = {"LC_ALL": locale, "LANG": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    shown = snow_ha(*on_files(files, "status"), env=env)
    assert (shown.returncode, shown.stderr) == (1, "")
    assert json.loads(snow_ha(*on_files(files, "status", "--json"), env=env).stdout)["domains"]


def test_a_reader_that_goes_away_leaves_no_traceback(files: Files) -> None:
    words = " ".join(on_files(files, "status"))
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m snow_ha_plugin {words} | head -1"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr


def test_debug_shows_the_commands_on_stderr_only(files: Files) -> None:
    ended = snow_ha("--debug", *on_files(files, "add"), "web01")
    assert ended.stdout == "[*] register web01 (512 MiB, 2 vcpu)\n"
    assert "[D] run: crm_verify" in ended.stderr
    assert shutil.which("crm_verify", path="/usr/sbin")


def test_help_has_each_verb_once_in_its_group() -> None:
    shown = snow_ha("--help").stdout
    titles = [line for line in shown.splitlines() if line.endswith(":")]
    assert titles == ["Options:", "Look:", "Change:", "Set up:"]
    rows = [line.split()[0] for line in shown.partition("Look:")[2].splitlines() if line.startswith("  ")]
    assert len(rows) == len(set(rows))
    assert {"status", "balance", "enable", "images"} <= set(rows)


def test_a_mistyped_verb_is_told_the_nearest() -> None:
    ended = snow_ha("statsu")
    assert ended.returncode == 64
    assert ended.stderr == "[E] there is no verb 'statsu'; did you mean status; see snow-ha --help\n"
