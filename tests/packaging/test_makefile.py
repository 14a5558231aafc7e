"""`make` alone says what there is to make."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Parts of other targets.
INNER = {"dependencies", "venv", "lab-bases", "bench-in-labs", "bench-alone"}


def test_make_alone_lists_every_target() -> None:
    shown = subprocess.run(
        ["make", "--silent", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {line.split()[0] for line in shown.splitlines()} == set(phony.split()) - INNER
