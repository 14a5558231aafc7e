"""What an image is: from what each server sees of it to what it is fit for. Sizes are in bytes.

Shared is what is seen to be shared, not what is called so: two servers may each have a volume, or a file, of one name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.model import Disk, Domain, Finding, Severity

# As servers are asked, beside their images, whether QEMU can write past the page cache (aio=native).
AIO = "qemu:aio"

# QEMU gives each of its disks the same serial number, whatever machine it is in.
_NO_SERIALS_FROM = "QEMU"

# A migration onto another image has the guest go on with a disk that is not its own.
_COMPARE = "compare its content while the domain is down; do not migrate it before"


class Kind(StrEnum):
    FILE = "file"
    DEVICE = "device"
    DRBD = "DRBD"
    SCRIPT = "script"
    NOTHING = "missing"


class Shared(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "?"


class Look(NamedTuple):
    """What one server sees. The same image has the same `identity` everywhere, which is empty where nothing tells.

    `place` is the file system, of a file that is on one of this server's own. `migrates`: whether a DRBD resource may
    be primary on two servers at a time, which a live migration needs. `is_nfs`: servers do not know of each other's
    page caches. `is_written`: something of the server has a logical volume open, and may write to it; not told
    while a domain migrates. `proof`: whether what another server wrote to its file system is there, "yes" or "no".
    """

    kind: Kind
    size: int = 0
    used: int = 0
    readable: bool = False
    identity: str = ""
    place: str = ""
    migrates: bool = True
    is_nfs: bool = False
    is_written: bool = False
    proof: str = ""


class Image(NamedTuple):
    """A disk of a domain, and what it is. `looks` has the servers that answered; `without_aio` those whose QEMU cannot
    serve it, as its line wants that."""

    domain: str
    disk: Disk
    looks: Mapping[str, Look]
    without_aio: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        if not (self.disk.path or self.disk.drbd):
            return Kind.SCRIPT
        found = [look.kind for look in self.looks.values() if look.kind != Kind.NOTHING]
        return found[0] if found else Kind.NOTHING

    @property
    def holders(self) -> tuple[str, ...]:
        """The servers that have it, or something of its name."""
        return tuple(server for server, look in self.looks.items() if look.kind != Kind.NOTHING)

    @property
    def shared(self) -> Shared:
        if self.kind == Kind.SCRIPT:
            return Shared.UNKNOWN
        looks = self.looks.values()
        if self.kind == Kind.NOTHING or any(look.kind != self.kind for look in looks):
            return Shared.NO
        if len({look.identity for look in looks}) > 1 or len({look.place for look in looks} - {""}) > 1:
            return Shared.NO
        if any(look.proof == "no" for look in looks):
            return Shared.NO
        return Shared.YES if all(look.identity for look in looks) else Shared.UNKNOWN

    @property
    def unreadable(self) -> tuple[str, ...]:
        return tuple(server for server in self.holders if not self.looks[server].readable)

    @property
    def fit(self) -> bool:
        """Whether nothing is known that speaks against high availability with it."""
        return self.shared != Shared.NO and not (self.unreadable or self.without_aio or self.is_written_twice)

    @property
    def is_written_twice(self) -> bool:
        return self.shared != Shared.NO and not self.disk.is_read_only and len(self.writers) > 1

    @property
    def writers(self) -> tuple[str, ...]:
        """The servers on which something has it open for writing."""
        return tuple(server for server, look in self.looks.items() if look.is_written)

    @property
    def size(self) -> int:
        return max((look.size for look in self.looks.values()), default=0)

    @property
    def used(self) -> int:
        return max((look.used for look in self.looks.values()), default=0)

    @property
    def name(self) -> str:
        # A path is bytes; what is no UTF-8 is shown as far as it can be.
        text = self.disk.path or self.disk.target
        return text.encode(errors="surrogateescape").decode(errors="replace")


def devices_identity(lsblk: str, dm_uuid: str, partition: str) -> str:
    """Which device it is, by the disks that it is made of (`lsblk --json --inverse`) and what of them it is.

    A volume group that somebody copied with its disk has the same uuid twice: only the disks themselves are proof.
    Empty where one of them has neither a WWN nor a serial number.
    """
    try:
        tops = json.loads(lsblk)["blockdevices"]
    except (ValueError, KeyError):
        return ""
    disks = {_disk_identity(leaf) for top in tops for leaf in _leaves(top)}
    if not disks or "" in disks:
        return ""
    return " ".join([*sorted(disks), dm_uuid or f"partition {partition}"])


def _leaves(device: Mapping[str, object]) -> list[Mapping[str, object]]:
    below = device.get("children")
    return [leaf for child in below for leaf in _leaves(child)] if isinstance(below, list) else [device]


def _disk_identity(device: Mapping[str, object]) -> str:
    wwn, serial, model = (str(device.get(key) or "").strip() for key in ("wwn", "serial", "model"))
    if wwn:
        return wwn
    return f"{model} {serial}" if serial and model and not model.startswith(_NO_SERIALS_FROM) else ""


def images_of(domain: Domain, looks: Mapping[str, Mapping[str, Look]]) -> list[Image]:
    """The images of a domain by what servers see of each path or DRBD resource, and of AIO."""
    lacking = tuple(server for server, seen in looks.items() if AIO in seen and not seen[AIO].readable)
    return [
        Image(
            domain.name, disk, {server: seen[key] for server, seen in looks.items() if key in seen},
            lacking if disk.wants_aio else (),
        )
        for disk in domain.disks
        for key in [disk.path or f"drbd:{disk.drbd}"]
    ]  # fmt: skip


def findings(image: Image, silent: tuple[str, ...] = ()) -> list[Finding]:
    """What speaks against an image, or cannot be told; `silent` are the servers that did not answer."""
    found = []
    who, servers = f"the image of {image.domain}, {image.name},", in_words(image.looks)
    if image.kind == Kind.SCRIPT:
        message = f"{who} is not a file or device: whether every server has it cannot be told"
        found.append(_warning("image-unknown", message, _COMPARE, image.domain))
    elif image.kind == Kind.NOTHING:
        found.append(
            _error(
                "image-missing",
                f"{who} is not there on {servers}",
                "put it back, or mend its domain file",
                image.domain,
            )
        )
    elif image.shared == Shared.NO:
        found.append(_not_shared(image, who))
    elif image.kind == Kind.DEVICE and silent:
        message = f"{who} is a device, and whether {in_words(silent)} has it too cannot be seen"
        found.append(_error("image-not-shared", message, "start the other servers, and try again", image.domain))
    elif image.shared == Shared.UNKNOWN:
        message = f"{who} is a device on {servers}, and nothing tells whether it is the same one"
        found.append(_warning("image-unknown", message, _COMPARE, image.domain))
    if image.kind != Kind.DRBD and image.unreadable:
        message = f"{who} cannot be read on {in_words(image.unreadable)}"
        found.append(
            _error("image-unreadable", message, "see the mode of it, and the options of its mount", image.domain)
        )
    if image.is_written_twice:
        message = f"{who} is open for writing on {in_words(image.writers)} at once, which destroys it"
        remedy = f"close it where {image.domain} does not run: lsblk and xl list tell what has it open"
        found.append(_error("image-written-twice", message, remedy, image.domain))
    if not all(look.migrates for look in image.looks.values()):
        message = f"{who} may be primary on one server only: {image.domain} is restarted instead of migrated"
        found.append(
            _warning(
                "drbd-one-primary", message, "allow-two-primaries yes; in its net section (drbd.conf(5))", image.domain
            )
        )
    return found


def _not_shared(image: Image, who: str) -> Finding:
    holders = in_words(image.holders)
    others = [server for server in image.looks if server not in image.holders]
    if image.kind == Kind.DRBD:
        message = f"{who} is no DRBD resource of {in_words(others or list(image.looks))}"
        return _error(
            "image-not-shared", message, f"give them the same /etc/drbd.d/{image.disk.drbd}.res", image.domain
        )
    what = "a volume" if image.kind == Kind.DEVICE else "a file"
    message = f"{who} is {what} of {holders} only" if others else f"{who} is another one on each of {holders}"
    return _error(
        "image-not-shared",
        message,
        f"copy it to where all have it: snow-ha images migrate {image.domain}",
        image.domain,
    )


def on_devices(domain: Domain) -> list[Finding]:
    """Of a domain that no server can be asked about: its images that may be one server's."""
    why = "is a device, and whether every server has it cannot be seen from here"
    return [
        _warning(
            "image-unknown",
            f"the image of {domain.name}, {disk.path}, {why}",
            "snow ha add, on the cluster, looks",
            domain.name,
        )
        for disk in domain.disks
        if disk.path.startswith("/dev/")
    ]


def boot_findings(domain: Domain, looks: Mapping[str, Mapping[str, Look]]) -> list[Finding]:
    """Of a kernel or ramdisk that a server cannot read; each may have its own."""
    found = []
    for path in domain.boot:
        lacking = [server for server, seen in looks.items() if path in seen and not seen[path].readable]
        if lacking:
            message = f"{path}, which {domain.name} boots from, cannot be read on {in_words(lacking)}"
            found.append(
                _error(
                    "boot-file-missing", message, "copy it there, or to /sNow, and mend the domain file", domain.name
                )
            )
    return found


def _error(code: str, message: str, remedy: str, subject: str) -> Finding:
    return Finding(Severity.ERROR, code, message, remedy, ConfigurationError.exit_code, subject=subject)


def _warning(code: str, message: str, remedy: str, subject: str) -> Finding:
    return Finding(Severity.WARNING, code, message, remedy, subject=subject)
