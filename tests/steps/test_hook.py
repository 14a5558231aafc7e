from __future__ import annotations

import os

import pytest

from snow_ha_plugin.steps import hook
from snow_ha_plugin.steps.site import Site
from tests.steps.conftest import Machines

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
    hook.remove(site)
    hook.remove(site)
    assert [path.name for path in machines.file("snow01", PATH).parent.iterdir()] == ["10-mine.sh"]
