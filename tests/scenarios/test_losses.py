"""What a failure costs where the servers that are left are no majority: nobody fences then, and nothing starts."""

from __future__ import annotations

from snow_ha_plugin.operations.simulation import Outlook
from tests.scenarios import cluster

SITE = """\
server snow01 16384 8
server snow02 16384 8
server snow03 16384 8 offline
option stonith-enabled=true
domain web01 1024 1 on snow01
domain nis01 1024 1 on snow02
xml resources <clone id="all"><primitive id="pills" class="stonith" type="fence_sbd"/></clone>
"""


def test_a_lost_server_runs_nothing_although_nobody_may_fence_it() -> None:
    outlook = Outlook(cluster.read(SITE).tree)
    found = outlook.failure(["snow01"])
    assert (found.has_quorum, found.places_after["web01"]) == (False, ())
    assert outlook.cost(found).lost == ("nis01", "web01")


def test_a_server_that_is_to_be_fenced_is_none_of_a_majority() -> None:
    tree = cluster.read(SITE).tree
    tree.find("status/node_state[@uname='snow03']").attrib.update(
        {"in_ccm": "false", "crmd": "online", "join": "member", "expected": "member"}
    )
    assert not Outlook(tree).failure(["snow02"]).has_quorum
