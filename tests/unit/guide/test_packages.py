from __future__ import annotations

import re
from pathlib import Path

import pytest

from snow_ha_plugin.guide import packages
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import Machines


@pytest.mark.parametrize(
    ("program", "version", "told"),
    [
        ("sh", packages.__version__, []),
        ("no-such-program", packages.__version__, ["package-missing"] * 2),
        ("sh", "0.0.1", ["version-differs"] * 2),
    ],
)
def test_a_server_without_a_package_or_with_another_version_is_found(
    site: Site, machines: Machines, monkeypatch: pytest.MonkeyPatch, program: str, version: str, told: list[str]
) -> None:
    monkeypatch.setattr(packages, "PROGRAMS", {program: "a-package"})
    machines.stand_in("python3", f"echo snow-ha {version}")
    assert [finding.id for finding in packages.check(site)] == told


def test_what_is_asked_for_comes_with_the_package() -> None:
    """xen-utils is recommended alone: the package can be looked at on a machine without Xen."""
    control = Path(__file__).parents[3].joinpath("packaging/debian/control").read_text()
    named = set(re.findall(r"[a-z][\w.+-]+", control.partition("\nPackage: ")[2].partition("Description:")[0]))
    assert set(packages.PROGRAMS.values()) - {"snow-ha"} <= named


def test_what_must_be_there_is_what_is_run() -> None:
    root = Path(__file__).parents[3]
    sources = [
        path
        for part in ("snow_ha_plugin", "ocf", "packaging")
        for path in (root / part).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path != Path(packages.__file__)
    ]
    text = "".join(path.read_text(errors="replace") for path in sources)
    programs = {Path(name).name for name in packages.PROGRAMS}
    assert {name for name in programs if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)} == set()
