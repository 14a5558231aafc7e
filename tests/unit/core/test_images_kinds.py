from __future__ import annotations

import json
from typing import Any

import pytest

from snow_ha_plugin.core import codes
from snow_ha_plugin.core.images import kinds
from snow_ha_plugin.core.images.kinds import Kind, Look, Shared
from snow_ha_plugin.model import Disk, Domain
from tests.captures import domain

FILE = Look(Kind.FILE, 100, 50, True, "1 2")
VOLUME = Look(Kind.DEVICE, 100, 100, True, "0x5000c500a1b2c3d4 LVM-1")
WRITTEN = VOLUME._replace(is_written=True)
NAMELESS = VOLUME._replace(identity="")
DRBD = Look(Kind.DRBD, 100, 100, True, "r0")
NOTHING = Look(Kind.NOTHING)
PATH = "/dev/snow_vg/web01-disk"


def with_disk(path: str = PATH, **fields: Any) -> Domain:
    return domain()._replace(disks=(Disk("xvda", fields.get("drbd") or path, path, **fields),))


def seen(*looks: Look, of: Domain | None = None) -> kinds.Image:
    """The image of web01 as snow01, snow02 and so on see it."""
    of = of or with_disk()
    key = of.disks[0].path or f"drbd:{of.disks[0].drbd}"
    (image,) = kinds.images_of(of, {f"snow{n:02}": {key: look} for n, look in enumerate(looks, start=1)})
    return image


@pytest.mark.parametrize(
    ("looks", "shared", "codes"),
    [
        ((FILE, FILE), Shared.YES, []),
        # On the file server it is a file of its own, elsewhere one of the network.
        ((FILE._replace(place="a"), FILE, FILE), Shared.YES, []),
        ((FILE._replace(place="a"), FILE._replace(place="b")), Shared.NO, ["image-not-shared"]),
        ((FILE, FILE._replace(identity="1 3")), Shared.NO, ["image-not-shared"]),
        ((FILE, NOTHING), Shared.NO, ["image-not-shared"]),
        ((FILE, FILE._replace(readable=False)), Shared.YES, ["image-unreadable"]),
        ((VOLUME, VOLUME), Shared.YES, []),
        ((VOLUME, VOLUME._replace(identity="0x5000c500ffffffff LVM-1")), Shared.NO, ["image-not-shared"]),
        ((VOLUME, NOTHING), Shared.NO, ["image-not-shared"]),
        ((VOLUME, FILE), Shared.NO, ["image-not-shared"]),
        ((VOLUME, NAMELESS), Shared.NO, ["image-not-shared"]),
        ((NAMELESS, NAMELESS), Shared.UNKNOWN, ["image-unknown"]),
        ((NOTHING, NOTHING), Shared.NO, ["image-missing"]),
    ],
)
def test_shared_is_what_is_seen_to_be_shared(looks: tuple[Look, ...], shared: Shared, codes: list[str]) -> None:
    image = seen(*looks)
    assert image.shared == shared
    assert [finding.id for finding in kinds.findings(image)] == codes
    assert image.fit == (codes in ([], ["image-unknown"]))


def test_a_volume_of_one_server_is_told_with_the_way_out() -> None:
    (found,) = kinds.findings(seen(NOTHING, VOLUME))
    assert found.message == f"the image of web01, {PATH}, is a volume of snow02 only"
    assert found.remedy == "copy it to where all have it: snow-ha images migrate web01"


def test_volumes_of_one_name_on_each_server_are_not_one() -> None:
    (found,) = kinds.findings(seen(VOLUME, VOLUME._replace(identity="other")))
    assert "is another one on each of snow01 and snow02" in found.message


def test_a_device_is_not_shared_with_servers_that_do_not_answer() -> None:
    (found,) = kinds.findings(seen(VOLUME), ("snow02",))
    assert found.id == "image-not-shared"
    assert "whether snow02 has it too cannot be seen" in found.message
    assert kinds.findings(seen(FILE), ("snow02",)) == []


@pytest.mark.parametrize(
    ("looks", "codes"),
    [
        ((DRBD, DRBD), []),
        ((DRBD, DRBD._replace(migrates=False)), ["drbd-one-primary"]),
        ((DRBD, DRBD._replace(identity="r1")), ["image-not-shared"]),
        ((DRBD, NOTHING), ["image-not-shared"]),
        ((NOTHING, NOTHING), ["image-missing"]),
        # It cannot be read where it is secondary.
        ((DRBD, DRBD._replace(readable=False)), []),
    ],
)
def test_a_drbd_resource_is_shared_by_the_servers_that_have_it(looks: tuple[Look, ...], codes: list[str]) -> None:
    image = seen(*looks, of=with_disk("", drbd="r0"))
    assert [finding.id for finding in kinds.findings(image)] == codes


def test_what_a_script_makes_of_a_target_cannot_be_told() -> None:
    image = kinds.Image("web01", Disk("xvda", "rbd:pool/web01", ""), {})
    assert (image.kind, image.shared) == (Kind.SCRIPT, Shared.UNKNOWN)
    assert [finding.id for finding in kinds.findings(image)] == ["image-unknown"]


@pytest.mark.parametrize(
    "image", [seen(NAMELESS, NAMELESS), kinds.Image("web01", Disk("xvda", "rbd:pool/web01", ""), {})]
)
def test_nobody_is_told_to_migrate_a_domain_onto_what_may_be_another_disk(image: kinds.Image) -> None:
    (finding,) = kinds.findings(image)
    assert "do not migrate" in finding.remedy
    assert "snow ha move" not in finding.remedy + codes.TABLE["image-unknown"].remedy


def test_a_domain_without_disks_has_no_images() -> None:
    assert kinds.images_of(domain(), {"snow01": {}, "snow02": {}}) == []


def test_an_image_whose_path_is_no_utf8_can_be_told_of() -> None:
    (found,) = kinds.findings(seen(VOLUME, NOTHING, of=with_disk("/dev/vg/caf\udce9")))
    assert "/dev/vg/caf\ufffd" in found.message


def test_a_kernel_must_be_readable_on_every_server() -> None:
    boots = domain()._replace(boot=("/boot/vmlinuz",))
    looks = {"snow01": {"/boot/vmlinuz": FILE}, "snow02": {"/boot/vmlinuz": NOTHING}}
    (found,) = kinds.boot_findings(boots, looks)
    assert (found.id, found.message) == (
        "boot-file-missing",
        "/boot/vmlinuz, which web01 boots from, cannot be read on snow02",
    )
    # Each server may have its own.
    looks["snow02"] = {"/boot/vmlinuz": FILE._replace(identity="3 4", place="b")}
    assert kinds.boot_findings(boots, looks) == []


@pytest.mark.parametrize(
    ("looks", "codes"),
    [
        ((WRITTEN, VOLUME), []),
        ((WRITTEN, WRITTEN), ["image-written-twice"]),
        # Each is its own.
        ((WRITTEN, WRITTEN._replace(identity="other")), ["image-not-shared"]),
    ],
)
def test_a_volume_that_two_servers_write_to_is_told(looks: tuple[Look, ...], codes: list[str]) -> None:
    image = seen(*looks)
    assert [finding.id for finding in kinds.findings(image)] == codes
    assert image.fit == (not codes)


def test_a_volume_that_a_domain_only_reads_may_be_open_twice() -> None:
    assert kinds.findings(seen(WRITTEN, WRITTEN, of=with_disk(is_read_only=True))) == []


def test_a_file_of_one_number_is_another_where_a_probe_is_not_found() -> None:
    """As of two servers whose disks were cloned: everything on them has the same numbers."""
    proved, cloned = FILE._replace(proof="yes"), FILE._replace(proof="no")
    assert seen(proved, proved).shared == Shared.YES
    assert seen(proved, cloned).shared == Shared.NO
    (found,) = kinds.findings(seen(proved, cloned))
    assert "is another one on each of snow01 and snow02" in found.message


def lsblk(*chain: dict[str, str | None]) -> str:
    """What `lsblk --json --inverse` says of a device that is on one that is on one."""
    device: dict[str, object] = {}
    for each in reversed(chain):
        device = {**each, **({"children": [device]} if device else {})}
    return json.dumps({"blockdevices": [device]})


@pytest.mark.parametrize(
    ("disk", "identity"),
    [
        ({"wwn": "0x5000c500a1b2c3d4", "serial": "Z1", "model": "ST4000"}, "0x5000c500a1b2c3d4 LVM-1"),
        ({"wwn": None, "serial": "Z1", "model": "ST4000 "}, "ST4000 Z1 LVM-1"),
        ({"wwn": None, "serial": "QM00001", "model": "QEMU HARDDISK"}, ""),
        ({"wwn": None, "serial": None, "model": None}, ""),
    ],
)
def test_a_volume_is_known_by_the_disks_that_it_is_on(disk: dict[str, str | None], identity: str) -> None:
    tree = lsblk({"name": "snow_vg-web01--disk", "wwn": None}, {"name": "sda3", "wwn": "0x5"}, {"name": "sda", **disk})
    assert kinds.devices_identity(tree, "LVM-1", "") == identity


def test_two_paths_to_one_disk_are_one() -> None:
    path = {"name": "sda", "wwn": "0x5", "serial": "Z1", "model": "LUN"}
    tree = json.dumps({"blockdevices": [{"name": "mpatha", "children": [path, {**path, "name": "sdb"}]}]})
    assert kinds.devices_identity(tree, "mpath-35", "") == "0x5 mpath-35"


def test_partitions_of_one_disk_are_several() -> None:
    tree = lsblk({"name": "sda1"}, {"name": "sda", "wwn": "0x5"})
    assert kinds.devices_identity(tree, "", "1") != kinds.devices_identity(tree, "", "2")


@pytest.mark.parametrize("text", ["", "{}", "lsblk: not a block device"])
def test_an_lsblk_that_says_nothing_tells_nothing(text: str) -> None:
    assert kinds.devices_identity(text, "LVM-1", "") == ""
