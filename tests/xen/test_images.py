"""From a real volume to a file on real NFS, and on from there: what becomes of a domain, on a patched Debian 12."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.lab import host
from tests.xen import site
from tests.xen.guests import Yard
from tests.xen.protected import ROOT
from tests.xen.site import SiteGuest, SiteLab

# So many live migrations; 20 for the record.
MIGRATIONS = int(os.environ.get("SNOW_HA_XEN_MIGRATIONS", "2"))
SHUTDOWN_S = 120

# Two servers of their own, NFS, and on an emulated processor a minute for each migration.
pytestmark = pytest.mark.takes(900 + 60 * MIGRATIONS)

# In each migration its kernel (6.1) loses about one MiB of its memory, by MemFree: of 96 MiB ten are free, and in the
# ninth it panicked for want of memory.
WORKER = replace(site.guest("worker", 1, "pvh", words="work=1"), memory_mib=128)
CONVERT = site.guest("convert", 2, "pv", kernel="/guest/vmlinuz")


@pytest.fixture(scope="module")
def lab() -> Iterator[SiteLab]:
    with SiteLab.up(f"images-{os.getpid()}", hypervisor="4.17.7") as lab:
        lab.found(WORKER, CONVERT)
        yield lab


@pytest.fixture(scope="module")
def yard(lab: SiteLab) -> Yard:
    return Yard(lab)


@pytest.fixture(scope="module")
def digests(lab: SiteLab) -> dict[SiteGuest, str]:
    """Those of the volumes, from which all images have been migrated."""
    found = {guest: lab.digest(guest.disk) for guest in (WORKER, CONVERT)}
    lab.snow_ha("images", "migrate", "--parallel", "2")
    return found


def runs_as(yard: Yard, guest: SiteGuest, server: str) -> str:
    (found,) = json.loads(yard.lab.run(server, ["xl", "list", "-l", guest.name]).stdout)
    return str(found["config"]["c_info"]["type"])


def shut_down(yard: Yard, guest: SiteGuest) -> None:
    yard.lab.run(yard.here, ["xl", "shutdown", "-w", guest.name], timeout=SHUTDOWN_S)
    host.wait_until(lambda: guest.name not in yard.names(yard.here), SHUTDOWN_S, f"{guest.name} does not go")


def test_the_copies_on_nfs_are_what_the_volumes_are(lab: SiteLab, digests: dict[SiteGuest, str]) -> None:
    for guest, digest in digests.items():
        assert lab.digest(guest.copy) == digest
        assert f"target={guest.copy}" in lab.run(lab.names[1], ["cat", guest.file]).stdout
    assert lab.snow_ha("images", "clean").splitlines() == [f"lvremove {guest.disk}" for guest in digests]


def test_a_volume_that_fails_in_its_middle_is_told_with_the_place(lab: SiteLab, digests: dict[SiteGuest, str]) -> None:
    here, (volume, *_) = lab.names[0], (guest.disk for guest in digests)
    file = f"{site.ETC}/domains/broken.cfg"
    before = "name = 'broken'\ndisk = [ 'phy:/dev/mapper/broken,xvda,w' ]\n"
    lab.put(here, file, before)
    table = f"0 8192 linear {volume} 0\n8192 8192 error\n"
    lab.run(here, ["dmsetup", "create", "--noudevsync", "--noudevrules", "broken"], table.encode())
    lab.run(here, ["dmsetup", "mknodes", "broken"])
    try:
        done = lab.run(here, [*site.SNOW_HA, "images", "migrate", "broken"], timeout=site.VERB_S, check=False)
    finally:
        lab.run(here, ["dmsetup", "remove", "--noudevsync", "--noudevrules", "broken"])
    assert done.returncode == 69
    assert "cannot be read at 4194304 bytes; Input/output error" in done.stderr
    assert lab.run(here, ["cat", file]).stdout == before
    # What has its name is whole; the beginning of it has another.
    assert "broken-xvda\n" not in lab.run(here, ["ls", f"{ROOT}/domains/broken"]).stdout


def test_a_guest_that_writes_all_the_time_loses_no_byte_in_live_migrations(
    lab: SiteLab, yard: Yard, digests: dict[SiteGuest, str]
) -> None:
    """It reads each MiB when it has written it, and again before it writes there anew; and says so for ever if one is
    not what it was."""
    started = yard.create(WORKER)
    places = [yard.here, yard.there]
    for number in range(MIGRATIONS):
        source, target = places[number % 2], places[(number + 1) % 2]
        yard.migrate(WORKER, source, target)
        assert yard.where(WORKER) == [target]
        yard.still_ticks(WORKER, started)
    yard.clear()
    assert lab.digest(WORKER.disk) == digests[WORKER]


def test_a_para_virtualised_domain_becomes_a_pvh_one_and_is_migrated(
    lab: SiteLab, yard: Yard, digests: dict[SiteGuest, str]
) -> None:
    yard.create(CONVERT)
    assert runs_as(yard, CONVERT, yard.here) == "pv"
    shut_down(yard, CONVERT)
    lab.snow_ha("images", "convert", CONVERT.name, "--try")
    assert yard.names(yard.here) == []
    started = yard.create(CONVERT)
    assert runs_as(yard, CONVERT, yard.here) == "pvh"
    yard.migrate(CONVERT, yard.here, yard.there)
    assert yard.where(CONVERT) == [yard.there]
    yard.still_ticks(CONVERT, started)
    yard.clear()
    assert lab.digest(CONVERT.disk) == digests[CONVERT]
