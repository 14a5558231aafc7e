from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from snow_ha_plugin.errors import ConfigurationError, DataError, UnavailableError
from snow_ha_plugin.guide import images
from snow_ha_plugin.model import Disk, Severity
from snow_ha_plugin.operations.images import refuse_unshared
from snow_ha_plugin.operations.site import Site, _broken
from tests.captures import domain
from tests.unit.conftest import Machines, MakeSite

IMAGE, KERNEL = "/sNow/domains/web01/disk.img", "/sNow/boot/vmlinuz"
WEB = domain()._replace(disks=(Disk("xvda", IMAGE, IMAGE),), boot=(KERNEL,))


@pytest.fixture
def shared(machines: Machines, tmp_path: Path) -> Path:
    """The directory that all servers have as /sNow; each part of it can be taken away from snow02."""
    machines.stand_in("findmnt", "echo nfs4")
    for path in (IMAGE, KERNEL, "/sNow/snow-tools/etc/snow.conf"):
        machines.file("snow01", path).write_text("content")
        top = path.split("/")[2]
        machines.file("snow02", f"/sNow/{top}").symlink_to(tmp_path / "snow01/sNow" / top)
    return tmp_path / "snow01/sNow"


def test_images_that_all_servers_share_are_fine(make_site: MakeSite, shared: Path) -> None:
    site: Site = make_site(domains=(WEB, domain("nfsroot")))
    assert images.check(site) == []
    refuse_unshared(site.servers, site.domains)


def test_an_image_of_one_server_stops_enable_and_add(make_site: MakeSite, shared: Path, tmp_path: Path) -> None:
    for part in ("domains", "boot"):
        (tmp_path / "snow02/sNow" / part).unlink()
    site: Site = make_site(domains=(WEB,))
    found = images.check(site)
    assert [finding.id for finding in found] == ["image-not-shared", "boot-file-missing"]
    assert {finding.severity for finding in found} == {Severity.ERROR}
    with pytest.raises(ConfigurationError, match=f"{IMAGE}, is a file of snow01 only"):
        refuse_unshared(site.servers, site.domains)


def test_images_are_not_blamed_where_nothing_is_shared(make_site: MakeSite, machines: Machines) -> None:
    machines.stand_in("findmnt", "exit 1")
    assert images.check(make_site(domains=(WEB,))) == []


def test_an_image_that_is_gone_stops_enable_and_is_pacemakers_to_tell_afterwards(
    make_site: MakeSite, shared: Path
) -> None:
    (shared / "domains/web01/disk.img").unlink()
    site: Site = make_site(domains=(WEB,))
    assert [finding.id for finding in images.check(site)] == ["image-missing"]
    refuse_unshared(site.servers, site.domains)


def test_check_needs_the_answer_of_every_server(
    make_site: MakeSite, machines: Machines, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = machines.run

    def run(server, argv, **options):  # type: ignore[no-untyped-def]
        if server == "snow02":
            raise UnavailableError("snow02 cannot be reached")
        return real(server, argv, **options)

    monkeypatch.setattr(machines, "run", run)
    site: Site = make_site(domains=(WEB,))
    with pytest.raises(UnavailableError, match="snow02 cannot be reached"):
        images.check(site)
    # A domain of files starts while a server is down.
    refuse_unshared(site.servers, site.domains)


def test_a_domain_file_that_cannot_be_used_stops_enable_with_its_own_status(make_site: MakeSite) -> None:
    site: Site = replace(make_site(), broken=(_broken(DataError("web01.cfg: line 1: nonsense", remedy="mend it")),))
    (found,) = images.check(site)
    assert (found.message, found.remedy, found.exit_code) == ("web01.cfg: line 1: nonsense", "mend it", 65)
