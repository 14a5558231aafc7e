"""Pacemaker's files of configurations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.system import written
from tests.captures import guide_cluster


def write(directory: Path, name: str, at: int) -> None:
    tree = guide_cluster()
    tree.set("epoch", str(at))
    path = directory / name
    path.write_bytes(cib.serialize(tree))
    os.utime(path, (at, at))


def test_those_since_a_time_are_read_with_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "DIRECTORY", tmp_path)
    assert written.configurations(0) == []
    for name, at in (("cib-9.raw", 100), ("cib-10.raw", 200), ("cib-1.raw", 300), ("cib.xml", 400)):
        write(tmp_path, name, at)
    (tmp_path / "cib-9.raw.sig").write_text("no configuration")
    assert [each.at for each in written.configurations(0)] == [100, 200, 300, 400]
    for since in (201, 250, 300):
        assert [int(each.tree.get("epoch", "0")) for each in written.configurations(since)] == [200, 300, 400]
    (tmp_path / "cib-1.raw").write_text("<cib")
    assert [each.at for each in written.configurations(250)] == [200, 400]
    assert [each.at for each in written.configurations(999)] == [400]
