from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import hook
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.command import Result
from tests.unit.conftest import Machines

PATH = "/sNow/snow-tools/share/hooks.d/50-snow-ha.sh"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the hook belongs to root")


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "_shipped", lambda: b"# new\n")


def test_a_hook_that_is_missing_or_old_is_put_there(site: Site, machines: Machines) -> None:
    assert ["is missing" in finding.message for finding in hook.check(site)] == [True]
    hook.apply(site)
    assert machines.file("snow01", PATH).read_bytes() == b"# new\n"
    assert hook.check(site) == []
    machines.file("snow01", PATH).write_text("# old\n")
    assert ["is old" in finding.message for finding in hook.check(site)] == [True]
    hook.apply(site)
    assert hook.check(site) == []


def test_the_hook_is_taken_out_and_its_neighbours_stay(site: Site, machines: Machines) -> None:
    hook.apply(site)
    machines.file("snow01", PATH).with_name("10-mine.sh").touch()
    hook.remove(site.servers, site.layout.hooks_dir)
    hook.remove(site.servers, site.layout.hooks_dir)
    assert [path.name for path in machines.file("snow01", PATH).parent.iterdir()] == ["10-mine.sh"]


def test_an_upgrade_brings_a_hook_up_to_date_and_puts_none_where_none_is(site: Site, machines: Machines) -> None:
    hooks_dir = site.layout.hooks_dir
    assert not hook.refresh(machines, hooks_dir)
    assert not machines.file("snow01", PATH).exists()
    machines.file("snow01", PATH).write_text("# old\n")
    assert hook.refresh(machines, hooks_dir)
    assert machines.file("snow01", PATH).read_bytes() == b"# new\n"
    assert not hook.refresh(machines, hooks_dir)


@pytest.mark.parametrize(("exit_code", "expected"), [(127, []), (0, ["snow02"])])
def test_the_hook_has_users_where_the_package_is(
    machines: Machines, monkeypatch: pytest.MonkeyPatch, exit_code: int, expected: list[str]
) -> None:
    monkeypatch.setattr(machines, "run", lambda server, argv: Result(tuple(argv), exit_code, b"", b""))
    assert hook.users(machines) == expected


def test_a_server_that_does_not_answer_may_use_the_hook(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*words: object, **options: object) -> Result:
        raise UnavailableError("snow02 cannot be reached")

    monkeypatch.setattr(machines, "run", unreachable)
    assert hook.users(machines) == ["snow02"]


def test_who_lacks_the_hook_is_told_where_it_should_be(site: Site, machines: Machines) -> None:
    (found,) = hook.check(site)
    assert (found.severity, found.id, found.remedy) == (Severity.ERROR, "hook", "snow ha enable")
    assert PATH in found.message


def test_a_package_without_its_own_copy_is_to_be_installed_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (found,) = hook.check(site)
    assert (found.severity, found.id, found.remedy) == (
        Severity.ERROR, "hook", "apt install --reinstall snow-ha",
    )  # fmt: skip
    copy = tmp_path / "share/snow-ha/50-snow-ha.sh"
    assert str(copy) in found.message
    copy.parent.mkdir(parents=True)
    copy.write_text("# shipped\n")
    assert hook._shipped() == b"# shipped\n"


def test_only_the_other_servers_are_asked_whether_they_use_the_hook(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        machines, "run", lambda server, argv: asked.append((server, argv)) or Result(tuple(argv), 0, b"", b"")
    )
    hook.users(machines)
    assert asked == [("snow02", ["sh", "-c", "command -v snow-ha"])]
