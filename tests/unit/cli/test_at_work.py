"""Two administrators who move domains: the second waits, and reads for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import check, options
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import lock, pacemaker
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from snow_ha_plugin.system.servers import Servers
from tests.captures import guide_cluster

WHO = "snow-ha balance on snow01 (process 7, since 03:00:00)"


def run(*, live: bool, log: list[str]) -> Result:
    @click.command()
    def verb() -> None:
        options.at_work(LiveCluster() if live else ClusterInFile(Path("cib.xml")), "drain snow02")
        log.append("work")

    return CliRunner().invoke(verb)


@pytest.fixture
def log(mocker: MockerFixture) -> list[str]:
    told: list[str] = []
    mocker.patch.object(pacemaker, "state", return_value=pacemaker.state(guide_cluster()))

    @contextmanager
    def held(servers: Servers, what: str, waiting: Callable[[str], None]) -> Iterator[None]:
        waiting(WHO)
        waiting(WHO)
        told.append(f"{what} by the lock of {servers.names[0]}")
        yield
        told.append("given back")

    mocker.patch.object(lock, "held", held)
    return told


def test_the_second_waits_and_says_once_for_whom(log: list[str]) -> None:
    said = run(live=True, log=log).output
    assert said == f"[W] waits until {WHO} has ended; Ctrl-C gives up\n"
    assert log == ["drain snow02 by the lock of snow01", "work", "given back"]


def test_the_lock_is_looked_for_also_on_servers_that_are_offline(log: list[str], mocker: MockerFixture) -> None:
    """Of Pacemaker's servers: a verb that goes by SNOW_NODES may have it there."""
    now = pacemaker.state()
    nodes = tuple(node._replace(online=node.name != "snow01") for node in now.nodes)
    mocker.patch.object(pacemaker, "state", return_value=now._replace(nodes=nodes))
    run(live=True, log=log)
    assert log[0] == "drain snow02 by the lock of snow01"


def test_a_test_of_migration_is_at_work_as_a_move_is(log: list[str], mocker: MockerFixture) -> None:
    mocker.patch.object(options, "require_root")
    mocker.patch.object(check.Site, "load", return_value=mocker.Mock(cluster=LiveCluster()))
    mocker.patch.object(check.migration_test, "run", side_effect=lambda *words, **options: log.append("work"))
    CliRunner().invoke(check.check, ["--migration", "nis01"], catch_exceptions=False)
    assert log == ["check --migration by the lock of snow01", "work", "given back"]


def test_a_cib_in_a_file_is_nobody_elses(log: list[str]) -> None:
    assert run(live=False, log=log).output == ""
    assert log == ["work"]


def test_without_a_lock_the_night_goes_on(log: list[str], mocker: MockerFixture) -> None:
    mocker.patch.object(lock, "held", side_effect=UnavailableError("snow01 gives no lock"))
    ended = run(live=True, log=log)
    assert ended.output == "[W] snow01 gives no lock: nobody can tell whether another verb moves domains too\n"
    assert (ended.exit_code, log) == (0, ["work"])
