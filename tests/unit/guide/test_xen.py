from __future__ import annotations

from dataclasses import replace

import pytest

from snow_ha_plugin.guide import xen
from snow_ha_plugin.operations.site import Site
from tests.captures import capture, domain
from tests.unit.conftest import Machines, MakeSite


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


def test_what_keeps_domains_from_migrating_or_starting_is_found(machines: Machines, make_site: MakeSite) -> None:
    site = make_site(domains=(replace(domain(), is_pv=True),))
    info = capture("xl-standin-info.txt").decode().replace(" shadow", "")
    info = "\n".join(line for line in info.splitlines() if not line.startswith("xen_commandline"))
    (machines.root / "info").write_text(info)
    rows = "".join(f"{name}  {number}  512  1  -b----  1.0\n" for number, name in enumerate(("web01--incoming",), 1))
    listed = capture("xl-standin-list-guide-domains.txt").decode().splitlines()[:2]
    (machines.root / "list").write_text("\n".join(listed) + "\n" + rows)
    machines.stand_in("xl", f'if [ "$1" = info ]; then cat {machines.root}/info; else cat {machines.root}/list; fi')
    found = {(finding.id, finding.subject) for finding in xen.check(site)}
    assert {("no-pv-migration", "snow01"), ("dom0-memory", "snow02"), ("migration-rest", "web01--incoming")} <= found


@pytest.mark.parametrize(("is_pv", "told"), [(True, ["snow02"]), (False, [])])
def test_a_lack_of_shadow_paging_matters_to_para_virtualised_domains(
    machines: Machines, make_site: MakeSite, is_pv: bool, told: list[str]
) -> None:
    site = make_site(domains=(replace(domain(), is_pv=is_pv),))
    info = capture("xl-standin-info.txt").decode()
    for server, text in (("snow01", info), ("snow02", info.replace(" shadow", ""))):
        (machines.root / f"info-{server}").write_text(text)
    (machines.root / "list").write_bytes(capture("xl-standin-list-guide-domains.txt"))
    machines.stand_in(
        "xl", f'if [ "$1" = info ]; then cat {machines.root}/info-$SERVER; else cat {machines.root}/list; fi'
    )
    assert [finding.subject for finding in xen.check(site) if finding.id == "no-pv-migration"] == told
