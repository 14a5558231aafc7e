from __future__ import annotations

import pytest

from snow_ha_plugin.guide import shared
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import storage
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


def test_a_server_on_which_it_does_not_answer_is_not_waited_for(
    site: Site, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "AT_MOST_S", 0.2)
    machines.stand_in("findmnt", "echo nfs4")
    machines.stand_in("stat", "[ $SERVER = snow01 ] || exec sleep 60; echo 12:34")
    (found,) = shared.check(site)
    assert (found.id, found.severity, found.subject) == ("storage-lost", Severity.ERROR, "snow02")
    assert found.message.startswith("the shared file system does not answer on snow02: ")
