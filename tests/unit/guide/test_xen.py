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


def test_what_keeps_domains_from_migrating_or_starting_is_found(machines: Machines, site: Site) -> None:
    info = capture("xl-standin-info.txt").decode().replace(" shadow", "")
    info = "\n".join(line for line in info.splitlines() if not line.startswith("xen_commandline"))
    (machines.root / "info").write_text(info)
    rows = "".join(f"{name}  {number}  512  1  -b----  1.0\n" for number, name in enumerate(("web01--incoming",), 1))
    listed = capture("xl-standin-list-guide-domains.txt").decode().splitlines()[:2]
    (machines.root / "list").write_text("\n".join(listed) + "\n" + rows)
    machines.stand_in("xl", f'if [ "$1" = info ]; then cat {machines.root}/info; else cat {machines.root}/list; fi')
    found = {(finding.id, finding.subject) for finding in xen.check(site)}
    assert {("no-pv-migration", "snow01"), ("dom0-memory", "snow02"), ("migration-rest", "web01--incoming")} <= found
