"""The cluster stopped on servers: where it runs, in which order it ends, and that Pacemaker lets go first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options
from snow_ha_plugin.errors import TimedOutError, UnavailableError, UnsafeError
from snow_ha_plugin.operations import stopping
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import pacemaker
from tests.captures import guide_cluster
from tests.unit.conftest import Machines
from tests.unit.operations.test_transaction import Memory


def active(machines: Machines, *names: str) -> None:
    machines.stand_in(
        "systemctl", f'[ "$2" != is-active ] || case " {" ".join(names)} " in *" $SERVER "*) ;; *) exit 3;; esac'
    )


@pytest.mark.parametrize("names", [(), ("snow01",), ("snow01", "snow02")])
def test_it_runs_where_pacemaker_is_active(site: Site, machines: Machines, names: tuple[str, ...]) -> None:
    active(machines, *names)
    assert stopping.running(site) == list(names)
    assert {line.partition(" ")[2] for line in machines.log()} == {"systemctl --quiet is-active pacemaker"}


def test_who_is_out_of_the_cluster_is_told_where_it_runs(site: Site, machines: Machines) -> None:
    """Only a member can have Pacemaker let go."""
    active(machines, "snow02")
    with pytest.raises(UnavailableError, match=r"runs on snow02, and not on this server; .* command on snow02"):
        stopping.running(site)


def test_pacemaker_ends_before_corosync_and_may_take_its_time(
    site: Site, machines: Machines, mocker: MockerFixture
) -> None:
    active(machines)
    reach = mocker.spy(machines, "_reach")
    stopping.stop(site, ["snow02"])
    assert machines.log() == ["snow02 systemctl stop pacemaker corosync"]
    assert reach.call_args.args[3] == 300
    machines.stand_in("systemctl", "exit 1")
    with pytest.raises(UnavailableError, match="systemctl failed on snow01"):
        stopping.stop(site, ["snow01"])


def test_this_server_is_the_last(site: Site) -> None:
    assert stopping.in_order(site, ["snow01", "snow02"]) == [["snow02"], ["snow01"]]
    assert stopping.in_order(site, ["snow01"]) == [["snow01"]]
    assert stopping.in_order(site, ["snow02"]) == [["snow02"]]
    assert stopping.in_order(site, []) == []


def test_pacemaker_lets_go_of_all_and_ends_what_it_is_at(site: Site, mocker: MockerFixture) -> None:
    cluster = Memory(guide_cluster())
    idle = mocker.patch.object(pacemaker, "wait_idle")
    stopping.let_go(replace(site, cluster=cluster))
    assert cib.option_is_on(cluster.tree, "maintenance-mode", default=False)
    idle.assert_called_once_with(300)
    idle.side_effect = TimedOutError("the cluster is still busy")
    with pytest.raises(TimedOutError):
        stopping.let_go(replace(site, cluster=cluster))


def test_where_pacemaker_does_not_let_go_nothing_is_stopped(site: Site, mocker: MockerFixture) -> None:
    mocker.patch.object(pacemaker, "wait_idle")
    mocker.patch.object(cluster_options, "begin_maintenance", return_value=[])
    with pytest.raises(UnsafeError, match="Pacemaker does not let go of the domains"):
        stopping.let_go(replace(site, cluster=Memory(guide_cluster())))
