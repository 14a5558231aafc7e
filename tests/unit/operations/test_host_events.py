"""What becomes of a domain that the host is about to destroy: gone from Pacemaker for certain, or the host stops."""

from __future__ import annotations

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
from snow_ha_plugin.operations.transaction import cleaning
from snow_ha_plugin.system import command, pacemaker, waiting
from snow_ha_plugin.system.command import Result
from tests.captures import guide_cluster
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


@pytest.fixture
def unregistered(cluster: Cluster, mocker: MockerFixture) -> MagicMock:
    """What looking for a domain that nobody has registered gives; this server is snow01."""
    mocker.patch.object(host_events.Site, "load").return_value.servers.here = "snow01"
    found: MagicMock = mocker.patch.object(host_events, "whereabouts").return_value
    return found


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
