"""What the package's scripts do about the hook never fails, and never takes longer than it may."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "packaging/tend-hook"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def stand_in(programs: Path, name: str, script: str) -> None:
    path = programs / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def tend(within_s: int = 60) -> str:
    done = subprocess.run(
        [PROGRAM, "refresh", str(within_s)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90
    )
    assert done.returncode == 0
    return done.stdout


def test_what_snow_ha_says_is_shown(programs: Path) -> None:
    stand_in(programs, "snow-ha", 'echo "[I] $*"')
    assert tend() == "[I] tend-hook refresh\n"


def test_a_failure_is_a_warning_with_the_reason(programs: Path) -> None:
    stand_in(programs, "snow-ha", 'echo "[E] no snow.conf" >&2; exit 66')
    assert tend().splitlines() == [
        "[W] the hook of `snow` was left as it is; to repair: snow ha enable",
        "[E] no snow.conf",
    ]


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("snow-ha", "trap '' TERM; while :; do sleep 0.1; done"),
        # As one that not even SIGKILL gets out of a read from a file server: whoever waits for it hangs too.
        ("timeout", "trap '' TERM; exec sleep 20"),
    ],
)
def test_one_that_hangs_is_not_waited_for(programs: Path, name: str, script: str) -> None:
    stand_in(programs, name, script)
    began = time.monotonic()
    assert tend(within_s=1).startswith("[W] the hook of `snow` was left as it is; ")
    assert time.monotonic() - began < 15
