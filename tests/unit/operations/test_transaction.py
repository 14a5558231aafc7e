"""Read, decide, apply: on a cluster in memory, with Pacemaker's real scheduler."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration, primitive
from snow_ha_plugin.core.reports.events import Kind
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoQuorumError,
    TryAgainError,
    UnavailableError,
    UnsafeError,
)
from snow_ha_plugin.model import Change, ClusterState, Guest, Move
from snow_ha_plugin.operations import transaction as steps_change
from snow_ha_plugin.operations.transaction import change, cleaning, let_go, undisturbed, whereabouts
from snow_ha_plugin.system import pacemaker, record, xen
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.captures import capture, domain, guide_cluster
from tests.unit.conftest import Machines
from tests.unit.core.test_cib import canonical, with_parts

BAN = '<rsc_location id="ban-{0}" rsc="{0}" node="{1}" score="-INFINITY"/>'


class Memory(LiveCluster):
    """A cluster that runs; whatever is in `meanwhile` is done by somebody else right before a commit."""

    def __init__(self, tree: cib.Tree, *meanwhile: Callable[[cib.Tree], object]) -> None:
        self.tree = tree
        self.meanwhile = list(meanwhile)
        self.commits = 0

    def read(self) -> cib.Tree:
        return cib.clone(self.tree)

    def state(self, tree: cib.Tree) -> ClusterState:
        return pacemaker.state(tree)

    def renew_ids(self, *, dry_run: bool = False) -> bool:
        """What is here has the ids of this version."""
        return False

    def commit(self, old: cib.Tree, new: cib.Tree) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)(self.tree)
        if canonical(self.tree) != canonical(old):
            raise TryAgainError("somebody else has changed it")
        self.tree = new
        self.commits += 1


def adding(*names: str) -> Callable[[cib.Tree], list[Change]]:
    def edit(tree: cib.Tree) -> list[Change]:
        found = [primitive.register(tree, domain(name), 80) for name in names]
        return [change for change in found if change]

    return edit


def found(**where: str | None) -> Callable[[cib.Tree, set[str]], Mapping[str, str | None]]:
    return lambda tree, names: {name: where.get(name) for name in names}


@pytest.fixture(autouse=True)
def impatient(mocker: MockerFixture) -> None:
    mocker.patch.object(steps_change.random, "uniform", return_value=0)


def test_all_changes_are_one_commit() -> None:
    cluster = Memory(guide_cluster())
    assert [done.target for done in change(cluster, adding("web01", "web02"), cleaning)] == ["web01", "web02"]
    assert cluster.commits == 1
    assert {"web01", "web02"} <= set(cib.domains(cluster.tree))


def test_nothing_to_change_is_no_commit() -> None:
    cluster = Memory(guide_cluster())
    change(cluster, adding("web01"), cleaning)
    assert change(cluster, adding("web01"), cleaning) == []
    assert cluster.commits == 1


def test_a_dry_run_decides_and_does_not_commit() -> None:
    cluster = Memory(guide_cluster())
    assert len(change(cluster, adding("web01"), undisturbed(locate=found()), dry_run=True)) == 1
    assert cluster.commits == 0
    assert "web01" not in cib.domains(cluster.tree)


def test_what_somebody_else_does_meanwhile_is_kept() -> None:
    cluster = Memory(guide_cluster(), adding("theirs"), adding("theirs2"))
    change(cluster, adding("ours"), cleaning)
    assert {"ours", "theirs", "theirs2"} <= set(cib.domains(cluster.tree))
    assert cluster.commits == 1


def test_what_somebody_else_has_done_already_is_not_done_again() -> None:
    cluster = Memory(guide_cluster(), adding("web01"))
    assert change(cluster, adding("web01"), cleaning) == []
    assert cluster.commits == 0


def test_a_cib_that_never_holds_still_ends_in_try_again(mocker: MockerFixture) -> None:
    mocker.patch.object(steps_change, "COMMIT_WITHIN_S", 0)
    cluster = Memory(guide_cluster(), *[adding(f"theirs{number}") for number in range(1000)])
    with pytest.raises(TryAgainError):
        change(cluster, adding("ours"), cleaning)


def test_without_quorum_nothing_is_changed() -> None:
    tree = guide_cluster()
    tree.set("have-quorum", "0")
    cluster = Memory(tree)
    with pytest.raises(NoQuorumError):
        change(cluster, adding("web01"), cleaning)
    assert cluster.commits == 0


@pytest.mark.parametrize("server", ["snow01", "snow02", None])
def test_a_domain_is_registered_where_it_runs(server: str | None) -> None:
    cluster = Memory(guide_cluster())
    assert len(change(cluster, adding("web01"), undisturbed(locate=found(web01=server)))) == 1


def test_a_running_domain_that_pacemaker_would_move_is_not_registered() -> None:
    # A rule may be about a resource that comes later only if its name is a tag's or a pattern's.
    pattern = '<rsc_location id="ban" rsc-pattern="^web" node="snow01" score="-INFINITY"/>'
    cluster = Memory(with_parts(constraints=pattern))
    with pytest.raises(UnsafeError, match=r"would disturb domains: migrate web01 \(snow02\)"):
        change(cluster, adding("web01"), undisturbed(locate=found(web01="snow01")))
    assert cluster.commits == 0
    change(cluster, adding("web01"), undisturbed(locate=found(web01="snow02")))
    assert cluster.commits == 1


def test_a_change_that_moves_another_domain_is_refused() -> None:
    cluster = Memory(guide_cluster())
    name = "nis01"
    where = guide_cluster().xpath(f"//lrm_resource[@id='{name}']/lrm_rsc_op[@rc-code='0']/@on_node")[0]

    def edit(tree: cib.Tree) -> list[Change]:
        rule = cib.add(cib.section(tree, "constraints"), "rsc_location", id="snow-ha-x", rsc=name, node=where)
        rule.set("score", "-INFINITY")
        return [Change("rule", name, "")]

    with pytest.raises(UnsafeError, match=name):
        change(cluster, edit, undisturbed(locate=found()))


def test_what_the_agent_reads_anew_in_place_disturbs_nobody() -> None:
    # Of this cluster Pacemaker knows which parameters cost a restart.
    tree = cib.parse(capture("cibadmin-2.1.5-migration-failed.xml"))

    def edit(tree: cib.Tree) -> list[Change]:
        parameters = {"watch": "ping"}
        cib.put_pairs(cib.resource(tree, "b01"), "instance_attributes", "snow-ha--params--b01", parameters)
        return [Change("watch", "b01", "")]

    assert len(change(Memory(tree), edit, undisturbed(locate=found()))) == 1


def test_what_pacemaker_is_about_to_do_anyway_is_nobodys_fault() -> None:
    name = "nis01"
    where = guide_cluster().xpath(f"//lrm_resource[@id='{name}']/lrm_rsc_op[@rc-code='0']/@on_node")[0]
    cluster = Memory(with_parts(constraints=BAN.format(name, where)))
    assert len(change(cluster, adding("web01"), undisturbed(locate=found()))) == 1


def test_a_change_that_makes_a_failure_cost_more_is_told_or_refused() -> None:
    cluster = Memory(guide_cluster())

    def edit(tree: cib.Tree) -> list[Change]:
        cib.put_option(tree, "x", "placement-strategy", "utilization")
        for pair in tree.xpath("configuration/nodes/node/utilization/nvpair[@name='hv_memory']"):
            pair.set("value", "8192")
        return [Change("option", "placement-strategy", "")]

    with pytest.raises(UnsafeError, match=r"if snow0\d failed, .* would then be lost"):
        change(cluster, edit, undisturbed())
    assert cluster.commits == 0
    told: list[str] = []
    change(cluster, edit, undisturbed(tell=told.append))
    assert (cluster.commits, len(told)) == (1, 2)


def test_a_new_domain_that_runs_nowhere_is_told() -> None:
    ban = '<rsc_location id="ban" rsc-pattern="^web" score="-INFINITY" node="{0}"/>'
    both = ban.format("snow01") + ban.format("snow02").replace('"ban"', '"ban2"')
    told: list[str] = []
    change(Memory(with_parts(constraints=both)), adding("web01"), undisturbed(locate=found(), tell=told.append))
    assert told == ["Pacemaker would run web01 nowhere; see the constraints, and snow ha status for memory"]


def test_a_new_domain_without_any_capacity_is_told_that_the_servers_have_none_yet() -> None:
    tree = guide_cluster()
    cib.put_option(tree, "x", "placement-strategy", "balanced")
    for utilization in tree.findall("configuration/nodes/node/utilization"):
        cib.drop(utilization)
    told: list[str] = []
    change(Memory(tree), adding("web01"), undisturbed(locate=found(), tell=told.append))
    assert told[0] == "Pacemaker would run web01 nowhere: no server has a capacity yet; run snow ha enable"


def test_a_move_that_was_asked_for_is_no_disturbance() -> None:
    tree = guide_cluster()
    where = tree.xpath("//lrm_resource[@id='nis01']/lrm_rsc_op[@rc-code='0']/@on_node")[0]
    move = Move("nis01", where, "snow02" if where == "snow01" else "snow01", 512)
    cluster = Memory(tree)
    edit = lambda tree: migration.put(tree, [move])  # noqa: E731
    with pytest.raises(UnsafeError, match="migrate nis01"):
        change(cluster, edit, undisturbed())
    change(cluster, edit, undisturbed(moves=[move]))
    assert cluster.commits == 1


@pytest.mark.parametrize("value", [None, "true", "Yes", "1", "maybe"])
def test_a_domain_is_not_let_go_where_that_would_stop_it(value: str | None) -> None:
    tree = guide_cluster()
    (option,) = tree.xpath("//nvpair[@name='stop-orphan-resources']")
    if value is None:
        option.getparent().remove(option)
    else:
        option.set("value", value)
    cluster = Memory(tree)
    with pytest.raises(ConfigurationError, match="stop-orphan-resources"):
        let_go(cluster, lambda tree: [primitive.unregister(tree, "nis01")], cleaning)
    assert cluster.commits == 0
    assert len(let_go(cluster, adding("web01"), cleaning)) == 1


@pytest.mark.parametrize("value", ["no", "Off", "0", "FALSE"])
def test_no_is_no_in_whatever_words(value: str) -> None:
    tree = guide_cluster()
    tree.xpath("//nvpair[@name='stop-orphan-resources']")[0].set("value", value)
    assert let_go(Memory(tree), lambda tree: [primitive.unregister(tree, "nis01")], cleaning)


def test_a_domain_is_let_go_where_it_runs_on() -> None:
    cluster = Memory(guide_cluster())
    assert len(let_go(cluster, lambda tree: [primitive.unregister(tree, "nis01")], cleaning)) == 1
    assert "nis01" not in cib.domains(cluster.tree)


# --- where domains run


def guests(mocker: MockerFixture, **by_server: Any) -> None:
    def look(servers: Machines, name: str) -> tuple[Guest, ...]:
        answer = by_server[name]
        if isinstance(answer, Exception):
            raise answer
        return tuple(Guest(guest, number, 512, 1, "-b----") for number, guest in enumerate(answer))

    mocker.patch.object(xen, "guests", side_effect=look)


def offline(name: str) -> cib.Tree:
    tree = guide_cluster()
    tree.xpath(f"status/node_state[@uname='{name}']")[0].set("crmd", "offline")
    return tree


def test_each_domain_is_looked_for_on_every_server(mocker: MockerFixture, machines: Machines) -> None:
    guests(mocker, snow01=["Domain-0", "web01"], snow02=["Domain-0", "web02"])
    places = whereabouts(machines)(guide_cluster(), {"web01", "web02", "web03"})
    assert places == {"web01": "snow01", "web02": "snow02", "web03": None}


def test_a_domain_that_runs_twice_is_refused(mocker: MockerFixture, machines: Machines) -> None:
    guests(mocker, snow01=["web01"], snow02=["web01"])
    with pytest.raises(UnsafeError, match="web01 runs on snow01 and on snow02 at once"):
        whereabouts(machines)(guide_cluster(), {"web01"})


def test_a_domain_that_runs_where_pacemaker_cannot_see_it_is_refused(mocker: MockerFixture, machines: Machines) -> None:
    guests(mocker, snow01=[], snow02=["web01"])
    with pytest.raises(UnsafeError, match="on snow02, outside the cluster"):
        whereabouts(machines)(offline("snow02"), {"web01"})


def test_a_member_that_does_not_answer_may_run_it(mocker: MockerFixture, machines: Machines) -> None:
    guests(mocker, snow01=[], snow02=UnavailableError("snow02 cannot be reached"))
    with pytest.raises(UnavailableError, match="snow02"):
        whereabouts(machines)(guide_cluster(), {"web01"})
    assert whereabouts(machines)(offline("snow02"), {"web01"}) == {"web01": None}


def test_where_there_is_nothing_to_look_for_nobody_is_asked(mocker: MockerFixture, machines: Machines) -> None:
    look = mocker.patch.object(xen, "guests")
    assert whereabouts(machines)(guide_cluster(), set()) == {}
    look.assert_not_called()


# --- what is recorded of it


def test_a_change_is_recorded_with_who_made_it_and_the_version_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["snow-ha", "add", "web01", "web02"])
    monkeypatch.setenv("SUDO_USER", "ada")
    cluster = Memory(guide_cluster())
    version = cib.epoch(cluster.tree)
    change(cluster, adding("web01", "web02"), cleaning)
    found = record.read().events
    assert [(event.kind, event.subject, event.text) for event in found] == [
        (Kind.CHANGE, "web01", "register web01 (512 MiB, 1 vcpu)"),
        (Kind.CHANGE, "web02", "register web02 (512 MiB, 1 vcpu)"),
    ]
    assert {(event.by, event.version) for event in found} == {("ada: snow-ha add web01 web02", version)}


def test_what_is_not_committed_to_a_cluster_is_not_recorded(tmp_path: Path) -> None:
    change(Memory(guide_cluster()), adding("web01"), cleaning, dry_run=True)
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(guide_cluster()))
    change(ClusterInFile(path), adding("web01"), cleaning)
    assert record.read().events == ()


def test_that_a_move_takes_its_rule_out_again_is_not_recorded() -> None:
    cluster = Memory(guide_cluster())
    change(cluster, lambda tree: migration.put(tree, [Move("nis01", "snow01", "snow02", 512)]), cleaning)
    change(cluster, migration.release, cleaning)
    assert [event.text for event in record.read().events] == ["migrate nis01 from snow01 to snow02"]
