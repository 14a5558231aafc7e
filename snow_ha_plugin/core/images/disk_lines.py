"""Disk lines with which a domain loses what it has written, or does not get its disk at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from snow_ha_plugin.core.images.kinds import Image, Kind
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.xlcfg import BLOCK_SCRIPT

# More than these are counted.
MOST_NAMES = 8

# xl refuses a script for what is not raw, and beside backendtype=qdisk.
_LINE = f"`script={BLOCK_SCRIPT},` before all else, no backendtype and no direct-io-safe"
_TO_RAW = f"make it a raw file, qemu-img convert -O raw, and in its disk line format=raw, {_LINE}"


def findings(images: Iterable[Image]) -> list[Finding]:
    """What is wrong with the disk lines of images on files and devices, as servers see those."""
    images = tuple(images)
    raw = [image for image in images if image.disk.is_raw]
    others = [image for image in images if not image.disk.is_raw]
    return [
        *(finding for image in images for finding in _not_served(image)),
        *_buffered(raw, f"in those disk lines {_LINE}; then restart the domains"),
        *_buffered(others, f"{_TO_RAW}; then restart the domains"),
    ]


def _not_served(image: Image) -> Iterator[Finding]:
    """QEMU opens what it may write directly with aio=native or not at all, and Debian's for Xen is built without."""
    if not image.without_aio:
        return
    remedy = "take backendtype and direct-io-safe out of its disk line"
    if not image.disk.is_raw:
        remedy = _TO_RAW
    elif image.kind == Kind.FILE:
        remedy = f"in its disk line {_LINE}"
    message = (
        f"{image.domain} starts without its disk {image.disk.vdev}: direct-io-safe has QEMU open it with aio=native,"
        f" which that of {in_words(image.without_aio)} lacks"
    )
    yield Finding(
        Severity.ERROR, "image-not-served", message, remedy, ConfigurationError.exit_code, subject=image.domain
    )


def _buffered(images: Sequence[Image], remedy: str) -> Iterator[Finding]:
    """Of domains whose images may be behind what they have written when they migrate.

    Xen's loop device leaves it to the source's page cache, and ends there only after the domain has gone on on the
    target, which reads what the file server has. So does QEMU where it may not write directly.
    """
    late = [
        image.domain for image in images
        if image.kind == Kind.FILE and not image.disk.is_direct and any(look.is_nfs for look in image.looks.values())
    ]  # fmt: skip
    if late:
        domains = list(dict.fromkeys(late))
        names = in_words(domains, MOST_NAMES)
        message = f"a live migration can damage the images of {names}: on NFS, and written through a page cache"
        yield Finding(Severity.WARNING, "image-buffered", message, remedy, subject=" ".join(domains))
