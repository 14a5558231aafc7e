"""Starting the cluster: one that waits to be fenced is not started, one that ended for good is started again."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import TimedOutError, UnavailableError, UnsafeError
from snow_ha_plugin.guide import start
from snow_ha_plugin.model import ClusterState, NodeState
from snow_ha_plugin.operations import joining
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import command, pacemaker
from snow_ha_plugin.system.command import Result
from tests.unit.conftest import Machines

CRM_MON = """<pacemaker-result><summary><current_dc with_quorum="{quorum}"/></summary><nodes>
<node name="snow01" online="true" unclean="false"/><node name="snow02" online="{online}" unclean="{unclean}"/>
</nodes><resources/></pacemaker-result>"""


def cluster(machines: Machines, *, quorum: str = "true", online: str = "false", unclean: str = "false") -> None:
    """What crm_mon says on snow01; on snow02 no cluster runs."""
    said = CRM_MON.format(quorum=quorum, online=online, unclean=unclean)
    machines.stand_in("crm_mon", f"[ $SERVER = snow01 ] || exit 102\ncat <<'END'\n{said}\nEND")
    machines.stand_in("systemctl", '[ "$2" != is-active ]')
    machines.stand_in_for_xl()


def started(machines: Machines) -> list[str]:
    return [line for line in machines.log() if "systemctl start" in line]


def test_servers_are_started_together(site: Site, machines: Machines) -> None:
    cluster(machines, online="true")
    start.apply(site)
    assert sorted(started(machines)) == [f"snow0{n} systemctl start corosync pacemaker" for n in (1, 2)]


def test_a_server_that_waits_to_be_fenced_is_not_started(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    mocker.patch.object(joining, "FENCED_WITHIN_S", 0.1)
    cluster(machines, unclean="true")
    with pytest.raises(TimedOutError, match="snow02 waits to be fenced"):
        start.apply(site)
    assert started(machines) == []


def test_a_cluster_without_quorum_can_fence_nobody_and_needs_the_other_server(
    site: Site, machines: Machines, mocker: MockerFixture
) -> None:
    mocker.patch.object(joining, "ONLINE_WITHIN_S", 0.1)
    cluster(machines, quorum="false", unclean="true")
    with pytest.raises(TimedOutError, match="snow01 and snow02 did not come"):
        start.apply(site)
    assert {line.split()[0] for line in started(machines)} == {"snow01", "snow02"}


@pytest.mark.parametrize(("quorum", "unclean"), [(True, False), (True, True), (False, False)])
def test_a_server_that_has_left_is_forgotten_once_it_is_dead_for_certain(
    site: Site, mocker: MockerFixture, quorum: bool, unclean: bool
) -> None:
    nodes = [NodeState(name, True, False, False, False) for name in ("snow01", "by-hand")]
    # Of ours, one that is offline is to come back.
    nodes += [NodeState("snow02", False, False, False, False), NodeState("snow09", False, False, False, unclean)]
    mocker.patch.object(pacemaker, "state", return_value=ClusterState(quorum, False, tuple(nodes), ()))
    run = mocker.patch.object(command, "run", return_value=Result((), 0, b"", b""))
    assert [(found.id, found.subject) for found in start.check_left(site)] == (
        [("server-left", "snow09")] if quorum else []
    )
    if unclean:
        with pytest.raises(UnsafeError, match="snow09 was lost, and what it ran may still run there"):
            start.forget_left(site)
    else:
        start.forget_left(site)
    forgotten = [call.args[0] for call in run.call_args_list]
    assert forgotten == ([["crm_node", "--remove", "snow09", "--force"]] if quorum and not unclean else [])
    run.return_value = Result((), 1, b"", b"busy")
    if forgotten:
        with pytest.raises(UnavailableError, match="still remembers snow09; busy"):
            start.forget_left(site)


def test_where_pacemaker_is_down_nobody_knows_who_has_left(site: Site, mocker: MockerFixture) -> None:
    mocker.patch.object(pacemaker, "state", side_effect=UnavailableError("Pacemaker does not run"))
    assert start.check_left(site) == []
