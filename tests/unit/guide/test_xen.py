from __future__ import annotations

import pytest

from snow_ha_plugin.guide import xen
from snow_ha_plugin.operations.cluster import Site
from tests.captures import capture
from tests.unit.conftest import Machines


@pytest.mark.parametrize(("other", "told"), [("178bf3ff", []), ("078bf3ff", ["processors-differ"])])
def test_processors_that_differ_are_warned_of(machines: Machines, site: Site, other: str, told: list[str]) -> None:
    info = capture("xl-standin-info.txt").decode()
    for server, first in (("snow01", "178bf3ff"), ("snow02", other)):
        (machines.root / f"info-{server}").write_text(info.replace("178bf3ff", first))
    (machines.root / "list").write_bytes(capture("xl-standin-list-guide-domains.txt"))
    machines.stand_in(
        "xl", f'if [ "$1" = info ]; then cat {machines.root}/info-$SERVER; else cat {machines.root}/list; fi'
    )
    found = [finding for finding in xen.check(site) if finding.id == "processors-differ"]
    assert [finding.id for finding in found] == told
    for finding in found:
        assert "the processors of snow01 and snow02 differ" in finding.message
