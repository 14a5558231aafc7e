"""Domains of another agent become ours while they run: let go of, found anew where they are, taken hold of again."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import agents
from snow_ha_plugin.errors import SnowHaError, UnsafeError
from snow_ha_plugin.model import Change, ClusterState, Guest, ResourceState
from snow_ha_plugin.operations import agent_replacement
from snow_ha_plugin.system import pacemaker, xen
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.captures import guide_cluster, schema_errors
from tests.unit.conftest import Machines
from tests.unit.operations.test_transaction import Memory

PLACES = {"maui01": "snow02", "nis02": "snow01"}


class Cluster(Memory):
    """Two domains of the guide's eight have the other agent; `steps` are what Pacemaker was asked, in order."""

    def __init__(self, mocker: MockerFixture) -> None:
        tree = guide_cluster()
        for name in PLACES:
            for element in tree.xpath("//primitive[@id=$name] | //lrm_resource[@id=$name]", name=name):
                element.set("provider", "heartbeat")
        super().__init__(tree)
        self.steps: list[str] = []
        mocker.patch.object(pacemaker, "wait_idle", side_effect=self._wait)

    def forget(self, resource: str, node: str = "") -> None:
        """The new agent has looked for it once this ends, and found it where it is."""
        self.steps.append(f"forget {resource} ({self.agents[resource]})")
        for history in self.tree.xpath("//lrm_resource[@id=$name]", name=resource):
            history.set("provider", "snow")

    def _wait(self, timeout_s: int) -> None:
        assert timeout_s >= 60
        self.steps.append(f"wait while {len(self.out_of_hand)} are held")

    @property
    def agents(self) -> dict[str, str]:
        return {name: primitive.agent for name, primitive in cib.domains(self.tree).items()}

    @property
    def out_of_hand(self) -> list[str]:
        return [name for name in cib.domains(self.tree) if cib.meta(self.tree, name, "maintenance", "") == "true"]


@pytest.fixture
def cluster(mocker: MockerFixture) -> Cluster:
    return Cluster(mocker)


@pytest.fixture
def at_rest(cluster: Cluster) -> Cluster:
    """Neither of the two has ever run."""
    for name in PLACES:
        for history in cluster.tree.xpath("//lrm_resource[@id=$name]", name=name):
            cib.drop(history)
    return cluster


def sees(mocker: MockerFixture, by_pacemaker: dict[str, tuple[str, ...]], by_xl: dict[str, str]) -> None:
    """Where Pacemaker and xl see domains."""
    resources = tuple(
        ResourceState(name, "Started", servers, managed=False, failed=False, blocked=False)
        for name, servers in by_pacemaker.items()
    )
    mocker.patch.object(pacemaker, "state", return_value=ClusterState(True, False, (), resources))

    def guests(servers: Machines, server: str) -> tuple[Guest, ...]:
        return tuple(Guest(name, 1, 512, 1, "-b----") for name, place in by_xl.items() if place == server)

    mocker.patch.object(xen, "guests", side_effect=guests)


def test_domains_are_let_go_of_and_taken_hold_of_once_the_new_agent_sees_them(
    cluster: Cluster, machines: Machines, mocker: MockerFixture
) -> None:
    sees(mocker, {name: (server,) for name, server in PLACES.items()}, PLACES)
    changes = agent_replacement.replace(cluster, machines)
    assert [(change.action, change.target) for change in changes] == [
        ("agent", "maui01"),
        ("agent", "nis02"),
        ("release", "maui01"),
        ("release", "nis02"),
    ]
    assert cluster.steps == [
        "wait while 2 are held",
        f"forget maui01 ({agents.OURS})",
        f"forget nis02 ({agents.OURS})",
        "wait while 2 are held",
    ]
    assert set(cluster.agents.values()) == {agents.OURS}
    assert cluster.out_of_hand == []
    # Of which none is left, so that nobody is asked anything.
    cluster.steps.clear()
    assert agent_replacement.replace(cluster, machines) == []
    assert cluster.steps == []


def test_a_domain_that_runs_nowhere_is_taken_hold_of_where_pacemaker_agrees(
    cluster: Cluster, machines: Machines, mocker: MockerFixture
) -> None:
    sees(mocker, {"maui01": ("snow02",), "nis02": ()}, {"maui01": "snow02"})
    agent_replacement.replace(cluster, machines)
    assert cluster.out_of_hand == []


@pytest.mark.parametrize(
    ("seen", "runs", "words"),
    [
        ({"maui01": (), "nis02": ("snow01",)}, PLACES, "it runs on snow02, Pacemaker sees it on none"),
        ({"nis02": ("snow01",)}, PLACES, "it runs on snow02, Pacemaker sees it on none"),
        ({"maui01": ("snow01",), "nis02": ("snow01",)}, PLACES, "runs on snow02, Pacemaker sees it on snow01;"),
        ({"maui01": ("snow01", "snow02"), "nis02": ("snow01",)}, PLACES, "Pacemaker sees it on snow01 and snow02"),
        ({"maui01": ("snow02",)}, {}, "it runs on no server, Pacemaker sees it on snow02"),
    ],
)
def test_domains_stay_held_where_the_new_agent_sees_one_elsewhere_than_it_is(
    cluster: Cluster,
    machines: Machines,
    mocker: MockerFixture,
    seen: dict[str, tuple[str, ...]],
    runs: dict[str, str],
    words: str,
) -> None:
    sees(mocker, seen, runs)
    with pytest.raises(UnsafeError, match=f"does not see maui01 where it is; .*{words}"):
        agent_replacement.replace(cluster, machines)
    assert cluster.out_of_hand == ["maui01", "nis02"]
    # The next run goes on from there, with the agent replaced already.
    sees(mocker, {name: (server,) for name, server in PLACES.items()}, PLACES)
    assert [change.action for change in agent_replacement.replace(cluster, machines)] == ["release", "release"]
    assert cluster.out_of_hand == []


def from_templates(tree: cib.Tree) -> None:
    """The two have their agent from a template each."""
    for name in PLACES:
        element = cib.resource(tree, name)
        template = cib.add(cib.section(tree, "resources"), "template", id=f"{name}-template")
        for key in ("class", "provider", "type"):
            template.set(key, element.attrib.pop(key))
        element.set("template", f"{name}-template")
        element.getparent().insert(0, template)


def test_domains_with_a_template_come_too(cluster: Cluster, machines: Machines, mocker: MockerFixture) -> None:
    from_templates(cluster.tree)
    sees(mocker, {name: (server,) for name, server in PLACES.items()}, PLACES)
    assert schema_errors(cluster.tree) == ""
    agent_replacement.replace(cluster, machines)
    assert schema_errors(cluster.tree) == ""
    assert (set(cluster.agents.values()), cluster.out_of_hand) == ({agents.OURS}, [])


def test_what_pacemaker_would_refuse_later_is_refused_before_it_lets_go(
    cluster: Cluster, machines: Machines, mocker: MockerFixture
) -> None:
    real = agents.replace

    def replace(tree: cib.Tree, names: list[str]) -> list[Change]:
        changes = real(tree, names)
        cib.resource(tree, names[0]).set("template", "none")
        return changes

    mocker.patch.object(agents, "replace", side_effect=replace)
    with pytest.raises(SnowHaError):
        agent_replacement.replace(cluster, machines)
    assert (cluster.commits, cluster.steps) == (0, [])


def test_a_dry_run_says_what_would_become_of_them_as_they_run_and_asks_nobody(
    cluster: Cluster, machines: Machines
) -> None:
    changes = agent_replacement.replace(cluster, machines, dry_run=True)
    assert [(change.action, change.target) for change in changes] == [
        ("hold", "maui01"), ("hold", "nis02"), ("agent", "maui01"), ("agent", "nis02")
    ]  # fmt: skip
    assert (cluster.commits, cluster.steps, machines.calls) == (0, [], [])


@pytest.mark.parametrize("dry_run", [False, True])
def test_in_a_file_there_is_nothing_to_let_go_of(at_rest: Cluster, tmp_path: Path, dry_run: bool) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(at_rest.tree))
    assert len(agent_replacement.replace(ClusterInFile(path), None, dry_run=dry_run)) == 2
    found = cib.domains(cib.parse(path.read_bytes()))
    assert (found["maui01"].agent == agents.OURS) is not dry_run
    assert at_rest.steps == []
