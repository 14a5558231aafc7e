"""What speaks against an image: how severe it is, whose it is, which servers it is of, and what to do about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from snow_ha_plugin.core.images import kinds
from snow_ha_plugin.core.images.kinds import AIO, Image, Kind, Look, Shared
from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.model import Disk, Domain, Finding, Severity
from tests.captures import domain

PATH = "/dev/snow_vg/web01-disk"
FILE = Look(Kind.FILE, 100, 50, True, "1 2")
VOLUME = Look(Kind.DEVICE, 100, 100, True, "0x5000c500a1b2c3d4 LVM-1")
DRBD = Look(Kind.DRBD, 100, 100, True, "r0")
NOTHING = Look(Kind.NOTHING)


def image(*looks: Look, path: str = PATH, **fields: Any) -> Image:
    """That of web01 as snow01, snow02 and so on see it."""
    seen = {f"snow{number:02}": look for number, look in enumerate(looks, start=1)}
    return Image("web01", Disk("xvda", fields.get("drbd") or path, path, **fields), seen)


def only(findings: list[Finding]) -> Finding:
    (found,) = findings
    return found


@pytest.mark.parametrize(
    ("of", "silent"),
    [
        (image(NOTHING, NOTHING), ()),
        (image(VOLUME, NOTHING), ()),
        (image(DRBD, NOTHING, path="", drbd="r0"), ()),
        (image(VOLUME), ("snow02",)),
        (image(FILE, FILE._replace(readable=False)), ()),
        (image(*[VOLUME._replace(is_written=True)] * 2), ()),
    ],
)
def test_what_ends_a_domain_on_another_server_is_an_error_of_the_configuration(
    of: Image, silent: tuple[str, ...]
) -> None:
    found = only(kinds.findings(of, silent))
    assert (found.severity, found.subject) == (Severity.ERROR, "web01")
    assert found.exit_code == ConfigurationError.exit_code


@pytest.mark.parametrize(
    "of",
    [
        Image("web01", Disk("xvda", "rbd:pool/web01", ""), {"snow01": FILE}),
        image(*[VOLUME._replace(identity="")] * 2),
        image(DRBD, DRBD._replace(migrates=False), path="", drbd="r0"),
    ],
)
def test_what_cannot_be_told_or_costs_a_restart_is_a_warning(of: Image) -> None:
    found = only(kinds.findings(of))
    assert (found.severity, found.subject) == (Severity.WARNING, "web01")


@pytest.mark.parametrize(
    ("of", "silent", "message"),
    [
        (image(NOTHING, NOTHING), (), f"the image of web01, {PATH}, is not there on snow01 and snow02"),
        (image(FILE, NOTHING, path="/a"), (), "the image of web01, /a, is a file of snow01 only"),
        (image(VOLUME), ("snow02", "snow03"), "whether snow02 and snow03 has it too cannot be seen"),
        (image(*[VOLUME._replace(identity="")] * 2), (), "is a device on snow01 and snow02, and nothing tells"),
        (image(FILE, FILE._replace(readable=False), path="/a"), (), "the image of web01, /a, cannot be read on snow02"),
        (
            image(VOLUME, *[VOLUME._replace(is_written=True)] * 2),
            (),
            "is open for writing on snow02 and snow03 at once",
        ),
        (
            image(DRBD, NOTHING, path="", drbd="r0"),
            (),
            "the image of web01, r0, is no DRBD resource of snow02",
        ),
        (
            image(DRBD, DRBD._replace(identity="r1"), path="", drbd="r0"),
            (),
            "is no DRBD resource of snow01 and snow02",
        ),
    ],
)
def test_a_finding_names_the_image_and_the_servers_that_it_is_of(
    of: Image, silent: tuple[str, ...], message: str
) -> None:
    assert message in only(kinds.findings(of, silent)).message


def test_a_resource_that_servers_do_not_share_is_to_be_described_on_all_of_them() -> None:
    found = only(kinds.findings(image(DRBD, NOTHING, path="", drbd="r0")))
    assert found.remedy.endswith("/etc/drbd.d/r0.res")


def test_a_file_is_no_device_of_one_server_while_others_do_not_answer() -> None:
    assert kinds.findings(image(FILE, path="/a"), ("snow02",)) == []
    assert only(kinds.findings(image(VOLUME, NOTHING), ("snow03",))).message.endswith("is a volume of snow01 only")


def test_one_image_may_have_several_faults() -> None:
    unreadable = VOLUME._replace(readable=False, is_written=True)
    assert [finding.id for finding in kinds.findings(image(unreadable, unreadable))] == [
        "image-unreadable",
        "image-written-twice",
    ]


def test_an_image_is_as_large_as_the_server_says_that_sees_most_of_it() -> None:
    of = image(VOLUME._replace(size=200, used=20), VOLUME._replace(size=100, used=70), NOTHING)
    assert (of.size, of.used) == (200, 70)
    assert (image().size, image().used) == (0, 0)


def test_a_server_that_sees_nothing_holds_and_writes_nothing() -> None:
    """What a look does not tell is as of an image that is not there."""
    of = image(NOTHING, VOLUME)
    assert of.holders == ("snow02",)
    assert (of.writers, of.size, of.unreadable) == ((), 100, ())
    assert not NOTHING.readable
    assert NOTHING.migrates and not NOTHING.is_nfs
    assert (NOTHING.identity, NOTHING.place, NOTHING.proof, NOTHING.size, NOTHING.used) == ("", "", "", 0, 0)


def test_an_image_is_called_by_its_path_or_what_its_line_names() -> None:
    assert image(path="/a").name == "/a"
    assert image(path="", drbd="r0").name == "r0"


def test_a_file_system_of_one_server_beside_one_of_all_is_no_other_place() -> None:
    places = [FILE._replace(place=place) for place in ("", "a", "a")]
    assert image(*places).shared == Shared.YES
    assert image(*places, FILE._replace(place="b")).shared == Shared.NO


def test_the_image_of_a_script_is_fit_as_far_as_anybody_knows() -> None:
    of = Image("web01", Disk("xvda", "rbd:pool/web01", ""), {"snow01": NOTHING})
    assert (of.kind, of.shared, of.fit) == (Kind.SCRIPT, Shared.UNKNOWN, True)


def served(wants_aio: bool, **qemu: bool) -> tuple[str, ...]:
    of = domain()._replace(disks=(Disk("xvda", "/a", "/a", wants_aio=wants_aio),))
    seen = {server: {"/a": FILE, AIO: FILE._replace(readable=can)} for server, can in qemu.items()}
    return only_image(kinds.images_of(of, {**seen, "snow09": {"/a": FILE}})).without_aio


def only_image(found: list[Image]) -> Image:
    (image,) = found
    assert image.looks["snow09"] == FILE
    return image


def test_only_a_disk_that_wants_it_lacks_what_a_qemu_cannot() -> None:
    assert served(True, snow01=True, snow02=False) == ("snow02",)
    assert served(False, snow01=True, snow02=False) == ()


def test_an_image_has_the_looks_of_the_servers_that_answered() -> None:
    of = domain()._replace(disks=(Disk("xvda", "/a", "/a"), Disk("xvdb", "r0", "", drbd="r0")))
    looks = {"snow01": {"/a": FILE, "drbd:r0": DRBD}, "snow02": {"drbd:r0": DRBD}}
    first, second = kinds.images_of(of, looks)
    assert (dict(first.looks), first.disk.vdev, first.domain) == ({"snow01": FILE}, "xvda", "web01")
    assert (dict(second.looks), second.disk.vdev) == ({"snow01": DRBD, "snow02": DRBD}, "xvdb")


def volumes(*paths: str) -> Domain:
    return domain()._replace(disks=tuple(Disk("xvda", path, path) for path in paths))


def test_where_no_server_can_be_asked_only_devices_are_in_doubt() -> None:
    found = only(kinds.on_devices(volumes("/sNow/domains/web01/disk.img", PATH)))
    assert (found.id, found.severity, found.subject) == ("image-unknown", Severity.WARNING, "web01")
    assert f"the image of web01, {PATH}, is a device" in found.message
    assert kinds.on_devices(volumes("/srv/dev/a.img")) == []


def test_each_kernel_and_ramdisk_that_a_server_lacks_is_an_error() -> None:
    boots = domain()._replace(boot=("/boot/vmlinuz", "/boot/initrd"))
    looks = {"snow01": {"/boot/vmlinuz": NOTHING, "/boot/initrd": NOTHING}, "snow02": {"/boot/vmlinuz": NOTHING}}
    kernel, ramdisk = kinds.boot_findings(boots, looks)
    assert kernel.message.endswith("cannot be read on snow01 and snow02")
    assert ramdisk.message == "/boot/initrd, which web01 boots from, cannot be read on snow01"
    assert (kernel.severity, kernel.exit_code, kernel.subject) == (Severity.ERROR, 78, "web01")


def tree(*tops: dict[str, object]) -> str:
    return json.dumps({"blockdevices": list(tops)})


@pytest.mark.parametrize(
    ("devices", "identity"),
    [
        # of two disks, in one order; one without a number is enough for nothing
        (({"children": [{"wwn": "0x6"}, {"wwn": "0x5"}]},), "0x5 0x6 LVM-1"),
        (({"children": [{"wwn": "0x6"}, {"name": "sdb"}]},), ""),
        (({"wwn": "0x6"}, {"wwn": "0x5"}), "0x5 0x6 LVM-1"),
        # a serial number alone, or a model alone, is of many disks
        (({"serial": "Z1"},), ""),
        (({"model": "ST4000"},), ""),
        (({"serial": " Z1 ", "model": " ST4000"},), "ST4000 Z1 LVM-1"),
        (({"serial": "QM1", "model": "QEMU HARDDISK", "wwn": "0x7"},), "0x7 LVM-1"),
        ((), ""),
    ],
)
def test_a_device_is_known_by_all_of_its_disks_or_not_at_all(
    devices: tuple[dict[str, object], ...], identity: str
) -> None:
    assert kinds.devices_identity(tree(*devices), "LVM-1", "3") == identity


def test_a_partition_of_a_disk_is_known_by_its_number() -> None:
    assert kinds.devices_identity(tree({"wwn": "0x5"}), "", "3") == "0x5 partition 3"


def test_what_an_image_is_is_told_in_words_that_scripts_may_know() -> None:
    """The columns of `images`, and "what" and "shared" of its --json."""
    assert [*map(str, Kind)] == ["file", "device", "DRBD", "script", "missing"]
    assert [*map(str, Shared)] == ["yes", "no", "?"]
