from __future__ import annotations

from typing import Any

import pytest

from snow_ha_plugin.core.images import disk_lines
from snow_ha_plugin.core.images.kinds import AIO, Image, Kind, Look, images_of
from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.model import Disk, Severity
from tests.captures import domain

FILE = Look(Kind.FILE, 100, 50, True, "1 2")
ON_NFS = FILE._replace(is_nfs=True)
VOLUME = Look(Kind.DEVICE, 100, 100, True, "0x5000c500a1b2c3d4 LVM-1")
WITH_AIO, WITHOUT = Look(Kind.FILE, readable=True), Look(Kind.NOTHING)


def seen(look: Look, name: str = "web01", qemu: tuple[Look, Look] = (WITHOUT, WITHOUT), **fields: Any) -> Image:
    """The image of a domain as two servers see it, and what their QEMU can."""
    of = domain(name)._replace(disks=(Disk("xvda", "/a", "/a", **fields),))
    looks = {server: {"/a": look, AIO: of_qemu} for server, of_qemu in zip(("snow01", "snow02"), qemu, strict=True)}
    (image,) = images_of(of, looks)
    return image


def test_files_on_nfs_that_are_written_through_a_cache_are_told_of_at_once() -> None:
    late = [seen(ON_NFS, name) for name in ("web01", "web01", "web02")]
    (found,) = disk_lines.findings([*late, seen(ON_NFS, "web03", is_direct=True), seen(FILE), seen(VOLUME)])
    assert (found.id, found.subject) == ("image-buffered", "web01 web02")
    assert "the images of web01 and web02: on NFS" in found.message
    assert found.remedy.startswith("in those disk lines `script=block-snow,`")


def test_what_only_qemu_reads_is_to_be_raw_first() -> None:
    (found,) = disk_lines.findings([seen(ON_NFS, is_raw=False)])
    assert (found.id, "qemu-img convert -O raw" in found.remedy) == ("image-buffered", True)


@pytest.mark.parametrize(
    ("look", "is_raw", "remedy"),
    [
        (FILE, True, "in its disk line `script=block-snow,` before all else"),
        (FILE, False, "make it a raw file"),
        (VOLUME, True, "take backendtype and direct-io-safe out of its disk line"),
    ],
)
def test_a_disk_that_qemu_cannot_open_is_told_with_the_line_to_put(look: Look, is_raw: bool, remedy: str) -> None:
    image = seen(look, is_direct=True, wants_aio=True, is_raw=is_raw, qemu=(WITH_AIO, WITHOUT))
    (found,) = disk_lines.findings([image])
    assert (found.id, found.subject, image.fit) == ("image-not-served", "web01", False)
    assert found.message.startswith("web01 starts without its disk xvda:")
    assert "that of snow02 lacks" in found.message
    assert found.remedy.startswith(remedy)


def test_qemu_is_no_matter_to_others() -> None:
    able = seen(FILE, is_direct=True, wants_aio=True, qemu=(WITH_AIO, WITH_AIO))
    assert disk_lines.findings([able, seen(FILE, is_direct=True)]) == []
    assert able.fit


def test_a_disk_that_is_not_served_is_an_error_of_the_configuration_and_a_late_one_a_warning() -> None:
    (served,) = disk_lines.findings([seen(FILE, is_direct=True, wants_aio=True)])
    assert (served.severity, served.exit_code) == (Severity.ERROR, ConfigurationError.exit_code)
    assert "that of snow01 and snow02 lacks" in served.message
    (late,) = disk_lines.findings([seen(ON_NFS)])
    assert late.severity == Severity.WARNING


def test_of_many_domains_eight_are_named_and_the_others_counted() -> None:
    names = [f"web{number:02}" for number in range(1, 11)]
    (found,) = disk_lines.findings([seen(ON_NFS, name) for name in names])
    assert "web08 and 2 more:" in found.message
    assert found.subject.split() == names


def test_a_file_that_one_server_has_by_nfs_is_late_and_a_device_never() -> None:
    """The file server has it on a disk of its own."""
    of = seen(FILE)
    mixed = of._replace(looks={"snow01": FILE, "snow02": ON_NFS})
    assert [finding.id for finding in disk_lines.findings([mixed])] == ["image-buffered"]
    assert disk_lines.findings([seen(VOLUME._replace(is_nfs=True))]) == []


def test_raw_files_and_others_are_told_of_apart() -> None:
    raw, other = disk_lines.findings([seen(ON_NFS, "web02", is_raw=False), seen(ON_NFS, "web01")])
    assert (raw.subject, other.subject) == ("web01", "web02")
    assert "qemu-img" not in raw.remedy and "qemu-img" in other.remedy
