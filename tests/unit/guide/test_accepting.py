"""What only a look at the servers finds can be accepted too, on the running cluster."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.codes import TABLE
from snow_ha_plugin.core.configure import acceptance, ran_twice
from snow_ha_plugin.core.reports.doubles import RanTwice
from snow_ha_plugin.core.reports.overview import overview
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.errors import NoSuchObjectError
from snow_ha_plugin.guide import accepting
from snow_ha_plugin.guide.check import Checked
from snow_ha_plugin.model import ClusterState, Finding, Severity
from tests.captures import guide_cluster

SMALL = Finding(Severity.WARNING, "dom0-memory", "Domain-0 has no size", subject="snow01")


@pytest.fixture
def cluster(mocker: MockerFixture) -> MagicMock:
    """A running cluster, of which status finds that it has no fencing, and check that a Domain-0 has no size."""
    tree = guide_cluster()
    mocker.patch.object(accepting.sight, "outlook")
    mocker.patch.object(
        accepting.sight, "look", return_value=overview(tree, ClusterState(True, False, (), ()), None, {})
    )
    mocker.patch.object(accepting.Site, "load")
    mocker.patch.object(accepting.check, "check", return_value=Checked(Word.DEGRADED, (), (), (SMALL,)))
    found = MagicMock()
    found.read.return_value = tree
    return found


def accept(cluster: MagicMock, code: str, subject: str = "") -> None:
    accepting.accept(cluster, None, TABLE[code], subject, 3600, "", ask_servers=True, dry_run=False)


def test_servers_are_looked_at_only_for_what_status_does_not_see(cluster: MagicMock) -> None:
    accept(cluster, "no-fencing")
    accepting.check.check.assert_not_called()  # type: ignore[attr-defined]
    accept(cluster, "dom0-memory")
    ((_, new),) = [call.args for call in cluster.commit.call_args_list[1:]]
    assert [(each.code, each.subject) for each in acceptance.acceptances(new)] == [("dom0-memory", "snow01")]


def test_what_neither_finds_is_no_object(cluster: MagicMock) -> None:
    with pytest.raises(NoSuchObjectError, match="there is one of snow01"):
        accept(cluster, "dom0-memory", "snow02")
    with pytest.raises(NoSuchObjectError, match="no finding held now"):
        accept(cluster, "held")
    cluster.commit.assert_not_called()


def test_a_double_run_is_acknowledged_for_good(cluster: MagicMock, mocker: MockerFixture) -> None:
    tree = cluster.read.return_value
    ran_twice.note(tree, [RanTwice("nis01", ("snow01", "snow02"), 100, 160)])
    view = overview(tree, ClusterState(True, False, (), ()), None, {})
    mocker.patch.object(accepting.sight, "look", return_value=view)
    accept(cluster, "ran-twice", "nis01")
    ((_, new),) = [call.args for call in cluster.commit.call_args_list]
    assert (ran_twice.known(new), acceptance.acceptances(new)) == ((), ())
