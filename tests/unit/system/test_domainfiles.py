"""Domain files put in place, kept and put back."""

from __future__ import annotations

from pathlib import Path

from snow_ha_plugin.system import domainfiles


def test_a_file_is_put_in_place_with_owner_and_mode_also_behind_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "web01.cfg", tmp_path / "link.cfg"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    domainfiles.keep(str(path))
    domainfiles.put(str(link), b"new", like=str(link))
    assert (path.read_bytes(), path.stat().st_mode & 0o777, link.is_symlink()) == (b"new", 0o640, True)
    domainfiles.put_back(str(path))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"old", 0o640)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["link.cfg", "web01.cfg"]
