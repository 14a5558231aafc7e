"""snow-ha on files: a CIB, a directory of domain files, and the program as a user starts it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from snow_ha_plugin.cli import main
from snow_ha_plugin.core import cib
from tests.captures import capture


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Files:
    """A CIB of the guide's cluster, without web01 and web02, which have domain files."""

    directory: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def cib(self) -> Path:
        return self.directory / "cib.xml"

    @property
    def domains(self) -> Path:
        return self.directory / "domains"

    def fill(self) -> Files:
        self.domains.mkdir()
        self.cib.write_bytes(capture("cibadmin-2.1.5-guide-domains.xml"))
        self.write_domain("web01")
        self.write_domain("web02")
        return self

    def write_domain(self, name: str, text: str | None = None) -> Path:
        path = self.domains / f"{name}.cfg"
        path.write_text(f"name = '{name}'\nmemory = '512'\nvcpus = '2'\n" if text is None else text)
        return path

    def run(self, *words: str) -> Ended:
        """The program with these words, in this process."""
        self.capsys.readouterr()
        self.monkeypatch.setattr(sys, "argv", ["snow-ha", *words])
        with pytest.raises(SystemExit) as caught:
            main.main()
        captured = self.capsys.readouterr()
        return Ended(int(caught.value.code or 0), captured.out, captured.err)

    def add(self, *words: str) -> Ended:
        return self.run("add", "--cib", str(self.cib), "--domains-dir", str(self.domains), *words)

    def sync(self, *words: str) -> Ended:
        return self.run("sync", "--cib", str(self.cib), "--domains-dir", str(self.domains), *words)

    def registered(self) -> set[str]:
        return set(cib.domains(cib.parse(self.cib.read_bytes())))

    def refused(self, ended: Ended, status: int, before: bytes) -> str:
        """What was said, where a command must end with one line and that status, and must have changed nothing."""
        assert (ended.status, ended.out) == (status, "")
        assert self.cib.read_bytes() == before
        assert ended.err.startswith("[E] ")
        assert ended.err.count("\n") == 1
        assert {path.name for path in self.directory.iterdir()} <= {"cib.xml", "domains", "snow.conf"}
        return ended.err


@pytest.fixture
def files(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Files:
    for name in ("SNOW_ROOT", "SNOW_ETC", "SNOW_SRV", "SNOW_LIB"):
        monkeypatch.delenv(name, raising=False)
    return Files(tmp_path, capsys, monkeypatch).fill()
