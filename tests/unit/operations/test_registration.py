"""What is asked of servers before domains are registered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snow_ha_plugin.operations import registration
from tests.captures import domain
from tests.unit.conftest import Machines

PV = replace(domain(), is_pv=True)
XL = """
case $1 in
    info) [ "$SERVER" != "{silent}" ] || exit 1
        echo 'total_memory : 4096'; echo 'nr_cpus : 4'
        [ "$SERVER" = "{lacking}" ] && echo 'virt_caps : pv hvm' || echo 'virt_caps : pv hvm shadow' ;;
    list) echo 'Name ID Mem VCPUs State Time(s)'; echo 'Domain-0 0 2048 2 r----- 1.0' ;;
esac
"""


@pytest.mark.parametrize(
    ("lacking", "silent", "expected"),
    [("", "", True), ("snow02", "", False), ("", "snow02", None), ("snow01", "snow02", False)],
)
def test_each_server_is_asked_whether_its_hypervisor_migrates_para_virtualised_domains(
    machines: Machines, lacking: str, silent: str, expected: bool | None
) -> None:
    machines.stand_in("xl", XL.format(lacking=lacking, silent=silent))
    assert registration.pv_migrates(machines, [domain("web02"), PV]) is expected


def test_nobody_is_asked_where_there_are_none(machines: Machines) -> None:
    assert registration.pv_migrates(machines, [domain()]) is None
    assert registration.pv_migrates(None, [PV]) is None
    assert machines.calls == []
