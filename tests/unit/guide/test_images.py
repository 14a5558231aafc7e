from __future__ import annotations

from dataclasses import replace

import pytest

from snow_ha_plugin.core.images import on_one_server
from snow_ha_plugin.errors import ConfigurationError, DataError
from snow_ha_plugin.guide import images
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations import registration
from snow_ha_plugin.operations.cluster import Site, _broken
from tests.captures import domain
from tests.unit.conftest import MakeSite


@pytest.mark.parametrize(
    ("disks", "refused"),
    [
        ((), False),
        (("/sNow/domains/web01/disk.img",), False),
        (("/dev/snow_vg/web01-disk", "/dev/snow_vg/web01-swap"), True),
        (("/sNow/domains/web01/disk.img", "/dev/snow_vg/web01-swap"), True),
    ],
)
def test_an_image_that_only_one_server_has_is_an_error(disks: tuple[str, ...], refused: bool) -> None:
    found = on_one_server(replace(domain(), disks=disks))
    assert [finding.severity for finding in found] == ([Severity.ERROR] if refused else [])
    if refused:
        with pytest.raises(ConfigurationError, match="/dev/snow_vg/web01-swap"):
            registration.refuse_volumes([domain(), replace(domain(), disks=disks)])


def test_an_image_whose_path_is_no_utf8_can_be_told_of() -> None:
    (found,) = on_one_server(replace(domain(), disks=("/dev/vg/caf\udce9",)))
    assert "/dev/vg/caf\ufffd" in found.message


def test_a_domain_file_that_cannot_be_used_stops_enable_with_its_own_status(make_site: MakeSite) -> None:
    site: Site = replace(make_site(), broken=(_broken(DataError("web01.cfg: line 1: nonsense", remedy="mend it")),))
    (found,) = images.check(site)
    assert (found.message, found.remedy, found.exit_code) == ("web01.cfg: line 1: nonsense", "mend it", 65)
