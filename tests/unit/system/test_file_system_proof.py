"""What is written on one server is read on the other: really, in two directories that are one or two."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from snow_ha_plugin.core.images.kinds import Shared, images_of
from snow_ha_plugin.errors import TimedOutError
from snow_ha_plugin.model import Disk, Domain
from snow_ha_plugin.system import file_system_proof, images
from snow_ha_plugin.system.command import Result
from tests.unit.conftest import Machines

IMAGE = "/sNow/domains/web01/disk.img"
WEB = Domain("web01", "/d/web01.cfg", 512, 1, (Disk("xvda", IMAGE, IMAGE),))


@pytest.fixture
def cloned(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Servers with a file each, of the same numbers: also what the first one has written is looked for on each."""
    real = machines._reach
    here = str(machines.root / "snow01")

    def reach(server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        return real(server, [word.replace(here, str(machines.root / server)) for word in argv], stdin, timeout_s)

    monkeypatch.setattr(machines, "_reach", reach)
    numbers = (
        'case $* in *%d*) /usr/bin/stat "$@" | sed "s/^[0-9]* /7 /" ;; *--file-system*) echo 7 xfs ;; *) echo 7 ;; esac'
    )
    machines.stand_in("stat", numbers)
    machines.file("snow01", IMAGE).write_text("image")
    return machines


def left(machines: Machines) -> list[str]:
    return [str(path) for path in machines.root.rglob(f"{file_system_proof._NAME}*")]


def test_a_file_is_the_same_where_what_is_written_beside_it_is_read(cloned: Machines) -> None:
    cloned.file("snow02", "/sNow").symlink_to(cloned.root / "snow01/sNow")
    looks, _ = images.look(cloned, [WEB])
    assert [seen[IMAGE].proof for seen in looks.values()] == ["yes", "yes"]
    assert left(cloned) == []


def test_a_file_on_a_clone_of_the_disk_is_another_one(cloned: Machines) -> None:
    cloned.file("snow02", IMAGE).write_text("image")
    looks, _ = images.look(cloned, [WEB])
    assert [seen[IMAGE].proof for seen in looks.values()] == ["yes", "no"]
    (image,) = images_of(WEB, looks)
    assert image.shared == Shared.NO
    assert left(cloned) == []


def test_a_token_says_nothing_of_another_file_system(cloned: Machines) -> None:
    """As where one server has mounted a directory of images by itself."""
    cloned.file("snow02", IMAGE).write_text("image")
    stat = (cloned.root / "bin/stat").read_text()
    of_image = '[ $SERVER = snow01 ] && device= || device="; 1s/[0-9]*$/99/"\n'
    told = stat.replace("case ", f"{of_image}case ", 1).replace('/7 /"', '/7 /$device"')
    (cloned.root / "bin/stat").write_text(told)
    looks, _ = images.look(cloned, [WEB])
    assert [seen[IMAGE].proof for seen in looks.values()] == ["yes", "-"]


def test_where_an_image_cannot_be_read_nothing_is_proved(cloned: Machines) -> None:
    """As where a file server takes root for nobody: that is told as what it is."""
    cloned.file("snow02", IMAGE).write_text("image")
    cloned.stand_in("head", "exit 1")
    looks, _ = images.look(cloned, [WEB])
    assert [seen[IMAGE].proof for seen in looks.values()] == ["-", "-"]


def test_there_is_one_token_for_each_file_system_beside_what_a_link_leads_to(machines: Machines) -> None:
    first, second = machines.file("snow01", "/sNow/real/a.img"), machines.file("snow01", "/sNow/b.img")
    first.write_text("image")
    second.write_text("image")
    link = machines.file("snow01", "/sNow/links/a.img")
    link.symlink_to(first)
    paths = ["/sNow/links/a.img", "/sNow/b.img", "/sNow/none.img", "/dev/null"]
    with file_system_proof.written(machines, paths) as tokens:
        (written,) = left(machines)
        assert Path(written).parent == first.parent
        assert Path(written).read_text().strip() == written.rpartition("-")[2]
        assert [tokens[path] for path in paths] == [written, written, "", ""]
    assert left(machines) == []


def test_where_nothing_can_be_written_there_is_no_token(machines: Machines) -> None:
    machines.file("snow01", IMAGE).write_text("image")
    machines.stand_in("realpath", "echo /proc/1/none")
    with file_system_proof.written(machines, [IMAGE]) as tokens:
        assert tokens == {IMAGE: ""}
    looks, _ = images.look(machines, [WEB])
    assert looks["snow01"][IMAGE].proof == "-"


def test_what_a_killed_run_has_left_is_removed_later(machines: Machines) -> None:
    image = machines.file("snow01", IMAGE)
    image.write_text("image")
    names = ("snow01-4194305-0a", f"snow01-{os.getpid()}-0b", "snow02-4194305-0c", "snow02-1-0d")
    dead_here, here, dead_there, there = paths = [image.parent / f"{file_system_proof._NAME}{name}" for name in names]
    for path in paths:
        path.write_text("")
    os.utime(dead_there, (time.time() - 7200,) * 2)
    with file_system_proof.written(machines, [IMAGE]):
        pass
    assert sorted(left(machines)) == [str(here), str(there)]
    assert not dead_here.exists()


def test_a_server_that_hangs_has_no_token_and_no_error(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        raise TimedOutError("sh did not end within 15 s")

    monkeypatch.setattr(machines, "_reach", hang)
    with file_system_proof.written(machines, [IMAGE]) as tokens:
        assert tokens == {}
