"""Sizes of servers where Pacemaker goes by sizes already: they come with what they may hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.guide import CONFIGURATION_STEPS, domains
from snow_ha_plugin.model import Guest, Hypervisor
from snow_ha_plugin.operations.site import Site
from tests.captures import domain, guide_cluster
from tests.unit.conftest import Machines, MakeSite


@pytest.mark.parametrize("strategy", ["default", "balanced"])
def test_vcpus_do_not_count_by_cpus_from_one_moment_to_the_next(site: Site, strategy: str) -> None:
    site = replace(site, hypervisors=dict.fromkeys(site.servers.names, Hypervisor(15360, 1, migrates_pv=True)))
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


def test_an_edit_asks_no_server(make_site: MakeSite, machines: Machines) -> None:
    """It is tried again as often as somebody else changes the CIB, and must say the same each time."""
    site = replace(make_site(domains=(domain("web01"),)), fencing="sbd")
    for section in CONFIGURATION_STEPS:
        section.edit(site, guide_cluster())
    assert machines.calls == []


def test_who_is_taken_over_and_who_is_started_is_known_before(make_site: MakeSite) -> None:
    names = ("web01", "web02", "web03", "nis01")
    site = replace(
        make_site(domains=tuple(domain(name) for name in names)),
        hypervisors={"snow02": Hypervisor(15360, 1, True, guests=(Guest("web02", 3, 512, 1, "-b----"),))},
    )
    assert domains.newcomers(site, None) == domains.Newcomers(("web02",), ("nis01", "web01", "web03"))
    tree = guide_cluster()
    assert "nis01" in cib.domains(tree)
    intent.leave_out(tree, ["web03"])
    assert domains.newcomers(site, tree) == domains.Newcomers(("web02",), ("web01",))
