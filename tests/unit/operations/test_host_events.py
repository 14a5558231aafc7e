"""What becomes of a domain that the host is about to destroy: gone from Pacemaker for certain, or the host stops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoQuorumError,
    SnowHaError,
    TryAgainError,
    UnavailableError,
    UnsafeError,
)
from snow_ha_plugin.model import ClusterState, ResourceState
from snow_ha_plugin.operations import host_events, registration
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import cleaning
from snow_ha_plugin.system import command, pacemaker, waiting
from snow_ha_plugin.system.command import Result
from tests.captures import guide_cluster
from tests.unit.conftest import Machines
from tests.unit.operations.test_transaction import Memory


def seen(*servers: str) -> ClusterState:
    found = ResourceState("nis01", "Started", servers, managed=True, failed=False, blocked=False)
    return ClusterState(True, False, (), (found,))


class Cluster:
    """A cluster whose domain stops a few looks after it was told to."""

    def __init__(self, mocker: MockerFixture) -> None:
        self.memory = Memory(guide_cluster())
        mocker.patch.object(host_events, "LiveCluster", return_value=self.memory)
        mocker.patch.object(waiting, "POLL_S", 0)
        mocker.patch.object(registration, "undisturbed", return_value=cleaning)
        self.run = mocker.patch.object(command, "run", return_value=Result((), 0, b"", b""))
        self.state = mocker.patch.object(pacemaker, "state", side_effect=[seen("snow01"), seen("snow02"), seen()])
        # What xl sees of the domain on the servers; this one is snow01.
        mocker.patch.object(host_events.Site, "load").return_value.servers.here = "snow01"
        self.found: MagicMock = mocker.patch.object(host_events, "whereabouts").return_value
        self.found.return_value = {"nis01": None}

    @property
    def registered(self) -> bool:
        return "nis01" in cib.domains(self.memory.tree)


@pytest.fixture
def cluster(mocker: MockerFixture) -> Cluster:
    return Cluster(mocker)


def test_a_domain_is_stopped_wherever_it_runs_and_then_unregistered(cluster: Cluster) -> None:
    host_events.end("nis01")
    assert not cluster.registered
    assert cluster.state.call_count == 3
    assert cluster.memory.commits == 2, "told to stop, and taken out"
    assert any("nis01" in call.args[0] for call in cluster.run.call_args_list), "Pacemaker would remember it"


@pytest.mark.parametrize(
    "found",
    [{"return_value": {"nis01": "snow02"}}, {"side_effect": UnsafeError("it runs on snow02, outside the cluster")}],
)
def test_a_domain_that_pacemaker_has_stopped_and_that_runs_by_hand_elsewhere_keeps_its_image(
    cluster: Cluster, found: dict[str, object]
) -> None:
    cluster.found.configure_mock(**found)
    with pytest.raises(UnsafeError, match="runs on snow02"):
        host_events.end("nis01")
    assert cluster.registered
    assert cluster.state.call_count == 3, "only what Pacemaker has stopped is looked for"


def test_a_domain_that_pacemaker_has_stopped_and_that_runs_here_is_left_to_the_host(cluster: Cluster) -> None:
    cluster.found.return_value = {"nis01": "snow01"}
    host_events.end("nis01")
    assert not cluster.registered


@pytest.fixture
def unregistered(cluster: Cluster) -> MagicMock:
    """What looking for a domain that nobody has registered gives."""
    return cluster.found


@pytest.mark.parametrize("where", [None, "snow01"])
def test_a_domain_that_is_not_registered_is_left_to_the_host_where_that_reaches_it(
    cluster: Cluster, unregistered: MagicMock, where: str | None
) -> None:
    unregistered.return_value = {"nobody": where}
    host_events.end("nobody")
    cluster.run.assert_not_called()
    assert cluster.memory.commits == 0


def test_a_domain_that_is_not_registered_and_runs_elsewhere_keeps_its_image(unregistered: MagicMock) -> None:
    unregistered.return_value = {"nobody": "snow02"}
    with pytest.raises(UnsafeError, match="runs on snow02"):
        host_events.end("nobody")


@pytest.mark.parametrize(
    "error", [UnavailableError("Pacemaker does not run"), NoQuorumError("no quorum"), TryAgainError("busy")]
)
def test_where_pacemaker_does_not_answer_the_host_must_not_go_on(
    cluster: Cluster, mocker: MockerFixture, error: SnowHaError
) -> None:
    mocker.patch.object(cluster.memory, "read", side_effect=error)
    with pytest.raises(UnsafeError, match="nis01 cannot be taken out"):
        host_events.end("nis01")


def test_a_domain_that_cannot_be_told_to_stop_stays_registered(cluster: Cluster, mocker: MockerFixture) -> None:
    mocker.patch.object(cluster.memory, "commit", side_effect=ConfigurationError("Pacemaker refuses the change"))
    with pytest.raises(UnsafeError, match="refuses the change"):
        host_events.end("nis01")
    assert cluster.registered


def test_the_host_hears_before_it_asks_that_a_domain_could_not_be_taken_out(cluster: Cluster) -> None:
    host_events.ending("nis01")
    cluster.memory.tree.set("have-quorum", "0")
    host_events.ending("nobody")
    with pytest.raises(UnsafeError, match="no quorum"):
        host_events.ending("nis01")
    cluster.run.assert_not_called()
    assert cluster.memory.commits == 0


def test_a_held_domain_is_refused_before_the_host_asks(cluster: Cluster) -> None:
    intent.hold(cluster.memory.tree, ["nis01"])
    with pytest.raises(UnsafeError, match="snow ha release nis01"):
        host_events.ending("nis01")


def test_a_domain_that_does_not_stop_stays_registered(cluster: Cluster, mocker: MockerFixture) -> None:
    mocker.patch.object(host_events, "STOPPED_WITHIN_S", 0)
    mocker.patch.object(host_events, "STOP_MARGIN_S", -100_000)
    with pytest.raises(UnsafeError, match="does not stop"):
        host_events.end("nis01")
    assert cluster.registered


def test_a_state_that_is_not_known_is_not_a_stop(cluster: Cluster) -> None:
    cluster.state.side_effect = [seen("snow01"), UnavailableError("crm_mon does not know the cluster's state")]
    with pytest.raises(UnsafeError, match="does not know"):
        host_events.end("nis01")
    assert cluster.registered


# --- made and booted


@pytest.fixture
def made(site: Site, machines: Machines, tmp_path: Path, mocker: MockerFixture) -> Memory:
    """The cluster of a site whose host has just made web01, with an image that both servers have."""
    (tmp_path / "web01.cfg").write_text(
        "name = 'web01'\nmemory = 65536\nvcpus = 2\ndisk = ['phy:/dev/drbd/by-res/web01/0,xvda,w']\n"
    )
    memory = Memory(guide_cluster())
    here = replace(
        site,
        layout=site.layout._replace(domains_dir=tmp_path),
        conf=site.conf._replace(migration_mib_s=40),
        cluster=memory,
    )
    mocker.patch.object(host_events.Site, "load", return_value=here)
    mocker.patch.object(host_events, "LiveCluster", return_value=memory)
    machines.stand_in(
        "xl",
        """case $1 in
    info) echo 'total_memory : 4096'; echo 'nr_cpus : 4'; echo 'virt_caps : pv hvm shadow' ;;
    list) [ -z "$2" ] || exit 0; echo 'Name ID Mem VCPUs State Time(s)'; echo 'Domain-0 0 2048 2 r----- 1.0' ;;
esac""",
    )
    return memory


def test_a_domain_that_the_host_has_made_waits_for_its_boot(made: Memory, mocker: MockerFixture) -> None:
    refuse = mocker.patch.object(host_events.images, "refuse_unshared")
    host_events.created("web01")
    assert cib.meta(made.tree, "web01", "target-role", "") == "Stopped"
    assert [each.name for each in refuse.call_args.args[1]] == ["web01"]
    # As slow as snow.conf says: 64 GiB at 40 MiB/s.
    assert cib.operation_timeout_s(made.tree, "web01", "migrate_to", 0) > 65536 / 40


def test_a_domain_that_the_host_boots_is_registered_and_started(made: Memory, mocker: MockerFixture) -> None:
    refuse = mocker.patch.object(host_events.images, "refuse_unshared")
    host_events.booting("web01")
    assert cib.meta(made.tree, "web01", "target-role", "Started") == "Started"
    assert [each.name for each in refuse.call_args.args[1]] == ["web01"]
    assert cib.operation_timeout_s(made.tree, "web01", "migrate_to", 0) > 65536 / 40
    host_events.booting("web01")
    assert made.commits == 1


def test_a_domain_whose_image_is_not_shared_is_not_registered(made: Memory, mocker: MockerFixture) -> None:
    error = ConfigurationError("its image is on one server only")
    mocker.patch.object(host_events.images, "refuse_unshared", side_effect=error)
    for event in (host_events.created, host_events.booting):
        with pytest.raises(ConfigurationError, match="one server only"):
            event("web01")
    assert made.commits == 0


def test_a_domain_that_runs_already_is_looked_for_before_it_is_registered(
    made: Memory, machines: Machines, mocker: MockerFixture
) -> None:
    """Else Pacemaker would start it a second time."""
    mocker.patch.object(host_events.images, "refuse_unshared")
    for event in (host_events.created, host_events.booting):
        machines.calls.clear()
        made.tree = guide_cluster()
        event("web01")
        assert {server for server, argv in machines.calls if argv == ("xl", "list")} == {"snow01", "snow02"}


def test_that_a_domain_was_left_out_is_forgotten_with_it(cluster: Cluster, unregistered: MagicMock) -> None:
    """The host destroys it: one of the same name that it makes later is another one."""
    unregistered.return_value = {"nobody": None}
    intent.leave_out(cluster.memory.tree, ["nobody"])
    host_events.end("nobody")
    assert not intent.left_out(cluster.memory.tree)


def test_a_stop_has_its_own_timeout_and_two_minutes_more(cluster: Cluster, mocker: MockerFixture) -> None:
    """After which Pacemaker has fenced the server, or given up; and five minutes at least."""
    until = mocker.patch.object(waiting, "until", return_value=True)
    for timeout, within_s in (("900s", 1020), ("30s", 300), ("180s", 300), ("181s", 301)):
        stop = cluster.memory.tree.xpath("//primitive[@id='nis01']/operations/op[@name='stop']")[0]
        stop.set("timeout", timeout)
        host_events.stop(cluster.memory, "nis01")
        assert until.call_args.args[1] == within_s


def test_a_domain_is_started_again_by_pacemaker(cluster: Cluster) -> None:
    host_events.stop(cluster.memory, "nis01")
    assert cib.meta(cluster.memory.tree, "nis01", "target-role", "") == "Stopped"
    host_events.start(cluster.memory, "nis01")
    assert cib.meta(cluster.memory.tree, "nis01", "target-role", "Started") == "Started"


def test_the_host_is_told_the_reason_and_the_way_out(cluster: Cluster, mocker: MockerFixture) -> None:
    mocker.patch.object(cluster.memory, "read", side_effect=UnavailableError("Pacemaker is down", "it says why"))
    with pytest.raises(UnsafeError, match="hands; Pacemaker is down it says why; see snow ha status"):
        host_events.end("nis01")
