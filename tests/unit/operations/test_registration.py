"""What is asked of servers before domains are registered."""

from __future__ import annotations

import json

import pytest

from snow_ha_plugin.model import Domain
from snow_ha_plugin.operations import registration
from tests.captures import domain
from tests.unit.conftest import Machines

PV = domain()._replace(is_pv=True)
XL = """
case $1 in
    info) [ "$SERVER" != "{silent}" ] || exit 1
        echo 'total_memory : 4096'; echo 'nr_cpus : 4'
        [ "$SERVER" = "{lacking}" ] && echo 'virt_caps : pv hvm' || echo 'virt_caps : pv hvm shadow' ;;
    list) if [ -n "$2" ]; then echo '{details}'; exit; fi
        echo 'Name ID Mem VCPUs State Time(s)'; echo 'Domain-0 0 2048 2 r----- 1.0'; {row} ;;
esac
"""


@pytest.mark.parametrize(
    ("lacking", "silent", "expected"),
    [("", "", True), ("snow02", "", False), ("", "snow02", None), ("snow01", "snow02", False)],
)
def test_each_server_is_asked_whether_its_hypervisor_migrates_para_virtualised_domains(
    machines: Machines, lacking: str, silent: str, expected: bool | None
) -> None:
    machines.stand_in("xl", XL.format(lacking=lacking, silent=silent, details="", row=":"))
    assert registration.as_they_run(machines, [domain("web02"), PV]) == ([domain("web02"), PV], expected)


def test_nobody_is_asked_about_a_cib_in_a_file(machines: Machines) -> None:
    assert registration.as_they_run(None, [PV]) == ([PV], None)
    assert machines.calls == []


@pytest.mark.parametrize(("of_file", "runs_as"), [(PV, "pvh"), (PV, "hvm"), (domain(), "pv")])
def test_what_a_domain_runs_as_decides_before_what_its_file_has_become(
    machines: Machines, of_file: Domain, runs_as: str
) -> None:
    details = json.dumps([{"domid": 3, "config": {"c_info": {"type": runs_as, "name": "web01"}}}])
    row = "echo 'web01 3 512 1 -b---- 1.0'"
    machines.stand_in("xl", XL.format(lacking="snow02", silent="", details=details, row=row))
    assert registration.as_they_run(machines, [of_file, domain("web02")]) == (
        [of_file._replace(is_pv=runs_as == "pv"), domain("web02")],
        False,
    )
