"""The Debian package and setup.cfg speak of the same thing."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from snow_ha_plugin import __version__

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "packaging/debian"


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    assert (DEBIAN / "changelog").read_text().startswith(f"snow-ha ({__version__}) ")


def test_the_tests_of_the_build_are_those_of_make_unit() -> None:
    def unit(file: Path) -> str:
        found = re.search(r"^UNIT = (.*)$", file.read_text(), flags=re.MULTILINE)
        assert found
        return found[1]

    assert unit(DEBIAN / "rules") == unit(ROOT / "Makefile")


def test_what_python_needs_is_there_for_the_tests_of_the_build() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    source = (DEBIAN / "control").read_text().partition("\nPackage:")[0]
    for name in setup["options"]["install_requires"].split():
        assert f" python3-{name} <!nocheck>,\n" in source


def test_licence_is_the_hosts() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["license"] == "GPL-3.0-or-later"
    assert "\nLicense: GPL-3+\n" in (DEBIAN / "copyright").read_text()
