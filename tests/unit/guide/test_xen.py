from __future__ import annotations

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


def test_processors_that_xen_tells_of_are_compared_by_what_guests_are_given(
    machines: Machines, make_site: MakeSite
) -> None:
    site = make_site(domains=(domain(),))
    info, old = capture("xl-standin-info.txt").decode(), capture("xen-cpuid-4.17.7-haswell.txt").decode()
    without_avx2 = old.replace("000007ab", "0000078b").replace("00000329", "00000309")
    for server, sets in (("snow01", old), ("snow02", without_avx2)):
        # What no guest is given does not matter.
        (machines.root / f"info-{server}").write_text(info.replace("178bf3ff", server))
        (machines.root / f"cpuid-{server}").write_text(f"Static sets:\nPV Default  {'f' * 8}\n\nDynamic sets:\n{sets}")
    (machines.root / "list").write_bytes(capture("xl-standin-list-guide-domains.txt"))
    machines.stand_in(
        "xl", f'if [ "$1" = info ]; then cat {machines.root}/info-$SERVER; else cat {machines.root}/list; fi'
    )
    machines.stand_in("xen-cpuid", f"cat {machines.root}/cpuid-$SERVER")
    (found,) = [finding for finding in xen.check(site) if finding.id == "processors-differ"]
    assert "snow01 and snow02 differ (avx2): a domain may" in found.message
    assert found.remedy.endswith(f'cpuid = [ "0x00000007,0:ebx={"x" * 26}0xxxxx" ]')
    machines.look_anew()
    (machines.root / "cpuid-snow02").write_text(f"Dynamic sets:\n{old}")
    assert "processors-differ" not in [finding.id for finding in xen.check(site)]


def test_what_keeps_domains_from_migrating_or_starting_is_found(machines: Machines, make_site: MakeSite) -> None:
    site = make_site(domains=(domain()._replace(is_pv=True),))
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
    site = make_site(domains=(domain()._replace(is_pv=is_pv),))
    info = capture("xl-standin-info.txt").decode()
    for server, text in (("snow01", info), ("snow02", info.replace(" shadow", ""))):
        (machines.root / f"info-{server}").write_text(text)
    (machines.root / "list").write_bytes(capture("xl-standin-list-guide-domains.txt"))
    machines.stand_in(
        "xl", f'if [ "$1" = info ]; then cat {machines.root}/info-$SERVER; else cat {machines.root}/list; fi'
    )
    assert [finding.subject for finding in xen.check(site) if finding.id == "no-pv-migration"] == told


LONG = '[{"domid": 3, "config": {"c_info": {"type": "%s", "name": "web01"}}}]'


@pytest.mark.parametrize(
    ("is_pv", "runs_as", "shadow", "told"),
    [
        (True, "pv", False, ""),
        (False, "pvh", False, ""),
        (False, "pv", False, "para-virtualised on snow02, and at its next start will not be, and cannot migrate live"),
        (False, "pv", True, "para-virtualised on snow02, and at its next start will not be"),
        (True, "pvh", False, "as pvh on snow02, and at its next start is para-virtualised, and cannot migrate live"),
        (True, "hvm", True, "as hvm on snow02, and at its next start is para-virtualised"),
    ],
)
def test_a_domain_that_runs_as_another_type_than_its_file_says_is_told(
    machines: Machines, make_site: MakeSite, is_pv: bool, runs_as: str, shadow: bool, told: str
) -> None:
    site = make_site(domains=(domain()._replace(is_pv=is_pv),))
    info = capture("xl-standin-info.txt").decode()
    (machines.root / "info").write_text(info if shadow else info.replace(" shadow", ""))
    head = capture("xl-standin-list-guide-domains.txt").decode().splitlines()[:2]
    (machines.root / "list").write_text("\n".join([*head, ""]))
    (machines.root / "long").write_text(LONG % runs_as)
    machines.stand_in(
        "xl",
        f"""
case "$1 $2" in
    info*) cat {machines.root}/info ;;
    *-l) [ $SERVER != snow02 ] || cat {machines.root}/long ;;
    *) cat {machines.root}/list; [ $SERVER != snow02 ] || echo 'web01 3 512 1 -b---- 1.0' ;;
esac""",
    )
    found = [finding for finding in xen.check(site) if finding.id == "runs-otherwise"]
    assert [finding.subject for finding in found] == (["web01"] if told else [])
    for finding in found:
        assert finding.message.startswith(f"web01 runs {told}")
        assert ("cannot migrate" in finding.message) == (not shadow)
