"""Whether the cluster runs, as each server's section says it; and who is started and forgotten."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import qdevice, start
from snow_ha_plugin.model import ClusterState, NodeState, Severity
from snow_ha_plugin.operations import joining
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import pacemaker
from tests.unit.conftest import Machines


def says(mocker: MockerFixture, *online: str, offline: tuple[str, ...] = (), quorum: bool = True) -> None:
    nodes = [NodeState(name, True, False, False, False) for name in online]
    nodes += [NodeState(name, False, False, False, False) for name in offline]
    mocker.patch.object(pacemaker, "state", return_value=ClusterState(quorum, False, tuple(nodes), ()))


def found(site: Site) -> list[tuple[Severity, str, str]]:
    return [(each.severity, each.id, each.subject) for each in start.check(site)]


def test_each_server_that_is_not_online_is_an_error_of_its_own(site: Site, mocker: MockerFixture) -> None:
    says(mocker, "snow01", "snow02")
    assert found(site) == []
    says(mocker, "snow01", offline=("snow02",))
    assert found(site) == [(Severity.ERROR, "server-offline", "snow02")]
    says(mocker, "snow02")
    assert found(site) == [(Severity.ERROR, "server-offline", "snow01")]


def test_without_quorum_no_server_counts_as_online(site: Site, mocker: MockerFixture) -> None:
    says(mocker, "snow01", "snow02", quorum=False)
    assert [subject for _, _, subject in found(site)] == ["snow01", "snow02"]


def test_a_server_that_does_not_answer_is_told_elsewhere(site: Site, mocker: MockerFixture) -> None:
    site.servers.silent = {"snow02": UnavailableError("snow02 cannot be reached")}
    says(mocker, "snow01", offline=("snow02",))
    assert found(site) == []


def test_a_cluster_that_does_not_run_is_one_error(site: Site, mocker: MockerFixture) -> None:
    mocker.patch.object(pacemaker, "state", side_effect=UnavailableError("Pacemaker does not run on this server"))
    (finding,) = start.check(site)
    assert (finding.severity, finding.id, finding.remedy) == (Severity.ERROR, "cluster-down", "snow ha enable")
    assert "Pacemaker does not run" in finding.message


def test_crm_mon_is_asked_on_this_server_once_for_all_who_look(site: Site, machines: Machines) -> None:
    machines.stand_in("crm_mon", "exit 102")
    for look in (start.check, start.check_left, start.check):
        look(site)
    assert [line.split()[:2] for line in machines.log()] == [["snow01", "crm_mon"]]


def test_who_answers_is_started_and_then_their_votes_are_waited_for(site: Site, mocker: MockerFixture) -> None:
    done: list[tuple[object, ...]] = []
    mocker.patch.object(joining, "start", side_effect=lambda *words: done.append(words))
    mocker.patch.object(qdevice, "wait_for_votes", side_effect=lambda *words: done.append(words))
    start.apply(site)
    site.servers.silent = {"snow02": UnavailableError("snow02 cannot be reached")}
    start.apply(site)
    assert done == [
        (site, ["snow01", "snow02"], []), (site,), (site, ["snow01"], ["snow02"]), (site,),
    ]  # fmt: skip


@pytest.mark.parametrize("quorum", [True, False])
def test_only_a_cluster_with_quorum_knows_who_has_left(site: Site, mocker: MockerFixture, quorum: bool) -> None:
    says(mocker, "snow01", "by-hand", offline=("snow02", "snow09"), quorum=quorum)
    left = start.check_left(site)
    assert [(each.severity, each.subject, each.remedy) for each in left] == (
        [(Severity.ERROR, "snow09", "snow ha enable")] if quorum else []
    )
    forgotten = mocker.patch.object(pacemaker, "forget_node")
    start.forget_left(site)
    assert [call.args for call in forgotten.call_args_list] == ([("snow09",)] if quorum else [])
