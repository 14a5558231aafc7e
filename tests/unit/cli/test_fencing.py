"""`fencing test`: what is asked before, which server is started after, and what is left as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import options
from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import fencing as protection
from snow_ha_plugin.guide import qdevice
from snow_ha_plugin.operations import fencing_test, joining, standby
from snow_ha_plugin.operations.site import Site
from tests.unit.cli.conftest import Files
from tests.unit.operations.test_fencing_test import fenced, immobile
from tests.unit.operations.test_transaction import Memory


@pytest.fixture
def cluster(files: Files, mocker: MockerFixture) -> Memory:
    """A cluster of two with fencing, whose snow02 comes back from every reset, and a third server that is dead."""
    memory = Memory(fenced())
    here = mocker.patch.object(Site, "load").return_value
    here.cluster, here.servers.here, here.servers.names = memory, "snow01", ("snow01", "snow02", "snow03")
    here.servers.silent = {}
    mocker.patch.object(protection, "decide", return_value=here)
    for module, name in [(options, "require_root"), (options, "at_work"), (qdevice, "wait_for_votes")]:
        mocker.patch.object(module, name)

    def empty(*_: object) -> list[object]:
        return [1] if cib.put_standby(memory.tree, "snow02", on=True) else []

    mocker.patch.object(standby, "empty", side_effect=empty)
    mocker.patch.object(fencing_test, "reset", return_value=42.0)
    mocker.patch.object(joining, "start")
    return memory


def is_drained(memory: Memory) -> bool:
    return bool(memory.tree.xpath("//node[@uname='snow02']//nvpair[@name='standby' and @value='on']"))


def test_only_that_server_is_started_and_takes_domains_again(files: Files, cluster: Memory) -> None:
    ended = files.run("fencing", "test", "snow02", "--yes")
    assert (ended.status, is_drained(cluster)) == (0, False)
    assert "snow02 was fenced in 42.0 s, and is back in the cluster\n" in ended.out
    ((_, names, _),) = [call.args for call in joining.start.call_args_list]  # type: ignore[attr-defined]
    assert names == ["snow02"]


def test_one_that_was_drained_before_stays_so(files: Files, cluster: Memory) -> None:
    cib.put_standby(cluster.tree, "snow02", on=True)
    ended = files.run("fencing", "test", "snow02", "--yes")
    assert (ended.status, is_drained(cluster)) == (0, True)
    assert "back in the cluster, drained as it was" in ended.out


@pytest.mark.parametrize(
    ("drained", "left"), [(False, "snow ha start snow02; snow ha undrain snow02"), (True, "snow ha start snow02")]
)
def test_where_it_does_not_come_back_the_error_names_what_is_left(
    files: Files, cluster: Memory, drained: bool, left: str
) -> None:
    cib.put_standby(cluster.tree, "snow02", on=drained)
    joining.start.side_effect = UnavailableError("xl does not answer on snow02")  # type: ignore[attr-defined]
    ended = files.run("fencing", "test", "snow02", "--yes")
    assert (ended.status, is_drained(cluster)) == (69, True)
    assert f"xl does not answer on snow02; {left}\n" in ended.err


@pytest.mark.parametrize(
    ("change", "named"),
    [(immobile, "; nis01 cannot migrate live, and would be restarted elsewhere. Go on"), (lambda _: None, ". Go on")],
)
def test_what_would_be_restarted_is_named_in_the_question(
    files: Files, cluster: Memory, mocker: MockerFixture, change: Callable[[cib.Tree], None], named: str
) -> None:
    change(cluster.tree)
    ask = mocker.patch("click.confirm")
    assert files.run("fencing", "test", "snow02").status == 0
    ask.assert_called_once_with(f"[?] snow02 will be emptied, then reset like a lost server{named}", abort=True)
