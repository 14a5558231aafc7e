from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_findings_is_that_of_the_table() -> None:
    made = subprocess.run(
        [ROOT / "packaging/findings-page"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert (ROOT / "docs/findings.md").read_text() == made, "make findings"
