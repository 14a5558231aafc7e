"""What a failure costs where the servers that are left are no majority: nobody fences then, and nothing starts."""

from __future__ import annotations

from snow_ha_plugin.core import cib
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


BLOCKED = """\
server snow01 16384 8
server snow02 16384 8
option stonith-enabled=true
domain db01 1024 1 on snow02
domain web01 1024 1 on snow01
xml resources <clone id="all"><primitive id="pills" class="stonith" type="fence_sbd"/></clone>
xml constraints <rsc_order id="first" first="db01" then="web01"/>
"""


def test_what_is_blocked_until_the_lost_server_is_fenced_is_not_lost() -> None:
    """web01 has failed and is left as it is, so it cannot be stopped, as its order wants for as long as db01 is to be;
    once the lost server is dead, nobody has to stop anything any more."""
    tree = cluster.read(BLOCKED).tree
    cib.add(
        tree.find(".//primitive[@id='web01']/operations"),
        "op",
        id="m",
        name="monitor",
        interval="10",
        **{"on-fail": "block"},
    )
    known = tree.find("status/node_state[@uname='snow01']//lrm_resource[@id='web01']")
    key = "7:7:0:00000000-0000-0000-0000-000000000000"
    failure = {
        "transition-key": key,
        "transition-magic": f"0:7;{key}",
        "rc-code": "7",
        "op-status": "0",
        "interval": "10000",
    }
    cib.add(
        known, "lrm_rsc_op", id="web01_last_failure_0", operation="monitor", operation_key="web01_monitor_10000",
        on_node="snow01", **{"call-id": "2"}, **failure,
    )  # fmt: skip
    outlook = Outlook(tree)
    assert outlook.failure(["snow02"]).places_after == {"db01": ("snow01",), "web01": ("snow01",)}
    assert outlook.after_failure(["snow02"]).places == {"db01": "snow01", "web01": "snow01"}
    assert outlook.n_plus_1.failures["snow02"].victims == ()
