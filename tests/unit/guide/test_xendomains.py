from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snow_ha_plugin.guide import xendomains
from snow_ha_plugin.guide.xendomains import settled
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import Machines

DEBIAN = """\
# The xen tools support migration
XENDOMAINS_MIGRATE=""
XENDOMAINS_SAVE=/var/lib/xen/save
XENDOMAINS_RESTORE=true
XENDOMAINS_AUTO=/etc/xen/auto
XENDOMAINS_AUTO_ONLY=false
"""

LINES = st.sampled_from(
    [
        "# a comment", "", "XENDOMAINS_SAVE=/var/lib/xen/save", "export XENDOMAINS_RESTORE=true", "XENDOMAINS_AUTO=''",
        "  XENDOMAINS_AUTO=/etc/xen/auto # here", "XENDOMAINS_AUTO_ONLY=true", "#XENDOMAINS_SAVE=x", "OTHER=1",
    ]
)  # fmt: skip


def values(text: str) -> list[str]:
    script = text + '\nprintf "%s\\n" "$XENDOMAINS_SAVE" "$XENDOMAINS_RESTORE" "$XENDOMAINS_AUTO"'
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]


@given(st.lists(LINES, max_size=8))
@settings(max_examples=50)
def test_a_shell_that_reads_the_file_neither_saves_restores_nor_starts(lines: list[str]) -> None:
    text = settled("\n".join(lines))
    assert values(text) == ["", "false", ""]
    assert settled(text) == text


def test_all_else_in_the_file_stays() -> None:
    expected = DEBIAN.replace("=/var/lib/xen/save", '=""').replace("=/etc/xen/auto", '=""')
    assert settled(DEBIAN) == expected.replace("RESTORE=true", "RESTORE=false")


@pytest.mark.skipif(os.geteuid() != 0, reason="the file belongs to root")
def test_only_the_servers_that_need_it_are_changed(site: Site, machines: Machines) -> None:
    machines.file("snow01", xendomains.PATH).write_text(DEBIAN)
    machines.file("snow02", xendomains.PATH).write_text(settled(DEBIAN))
    inode = machines.file("snow02", xendomains.PATH).stat().st_ino
    (found,) = xendomains.check(site)
    assert (found.id, "snow01" in found.message) == ("xendomains", True)
    xendomains.apply(site)
    assert xendomains.check(site) == []
    assert machines.file("snow02", xendomains.PATH).stat().st_ino == inode
