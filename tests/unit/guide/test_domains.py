"""Sizes of servers where Pacemaker goes by sizes already: they come with what they may hold."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.guide import domains
from snow_ha_plugin.model import Hypervisor
from snow_ha_plugin.operations.cluster import Site
from snow_ha_plugin.system import xen
from tests.captures import guide_cluster


@pytest.mark.parametrize("strategy", ["default", "balanced"])
def test_vcpus_do_not_count_by_cpus_from_one_moment_to_the_next(
    site: Site, mocker: MockerFixture, strategy: str
) -> None:
    mocker.patch.object(xen, "look", return_value=Hypervisor(15360, 1, migrates_pv=True))
    tree = guide_cluster()
    cib.put_option(tree, "mine", "placement-strategy", strategy)
    domains.edit(site, tree)
    needed = sum(int(found.utilization["cpu"]) for found in cib.domains(tree).values())
    assert needed > 4
    held = [
        node.xpath("string(utilization[@score='1']/nvpair/@value)") for node in tree.iter("node") if node.get("uname")
    ]
    assert held == (["", ""] if strategy == "default" else [str(needed)] * 2)
    assert domains.edit(site, tree) == []
