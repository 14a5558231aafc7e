from __future__ import annotations

import pytest

from snow_ha_plugin.guide import shared
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import Machines


@pytest.mark.parametrize(
    ("findmnt", "stat", "told"),
    [
        ("echo nfs4", "echo 12:34", []),
        ("[ $SERVER = snow01 ] && echo nfs4", "echo 12:34", ["/sNow is not a mount on snow02"]),
        ("[ $SERVER = snow01 ] && echo autofs; echo nfs4", "echo 12:34", []),
        ("echo autofs; [ $SERVER = snow01 ] && echo nfs4 || :", "echo 12:34", ["/sNow is not a mount on snow02"]),
        ("echo autofs; [ -e {0} ] && echo nfs4", ": >{0}; echo 12:34", []),
        ("echo nfs4", "echo 12:$SERVER", ["snow.conf is not the same file on all servers"]),
    ],
)
def test_a_file_system_that_servers_do_not_share_is_found(
    site: Site, machines: Machines, findmnt: str, stat: str, told: list[str]
) -> None:
    mounted = machines.root / "mounted-$SERVER"
    machines.stand_in("findmnt", findmnt.format(mounted))
    machines.stand_in("stat", stat.format(mounted))
    found = shared.check(site)
    assert [finding.id for finding in found] == ["not-shared"] * len(told)
    for finding, part in zip(found, told, strict=True):
        assert part in finding.message
        assert finding.severity == Severity.ERROR and "/sNow" in finding.remedy
