"""Two servers that lose sight of each other: Pacemaker's scheduler holds back one of the two shots.

Where it holds back neither, both servers are dead.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.configure import cluster_options, fencing
from tests.captures import guide_cluster

SERVERS = ("snow01", "snow02")
BMCS = {name: f"{name}-mgmt" for name in SERVERS}
IP = cluster_options.FLOATING_IP_ID


def simulate(*words: str | Path) -> None:
    subprocess.run(["crm_simulate", "--simulate", *map(str, words)], check=True, capture_output=True, timeout=60)


def delays_s(path: Path, directory: Path) -> list[int]:
    """How long each server holds back the shot at the other, in seconds."""
    found = []
    for lost in SERVERS:
        graph = directory / f"{lost}.xml"
        simulate("--xml-file", path, "--node-fail", lost, "--save-graph", graph)
        events = etree.parse(graph).iterfind(f".//action_set/crm_event[@operation='stonith'][@on_node='{lost}']")
        (attributes,) = (event.find("attributes") for event in events)
        found.append(int(attributes.get("CRM_meta_priority_fencing_delay")))
    return found


@pytest.mark.parametrize("bmcs", [{}, BMCS], ids=["sbd", "ipmi"])
@pytest.mark.parametrize("of_it", ["all", "7 domains", "no floating IP", "former defaults"])
@pytest.mark.parametrize("device_at", SERVERS)
def test_two_servers_never_shoot_each_other_at_once(
    tmp_path: Path, bmcs: dict[str, str], of_it: str, device_at: str
) -> None:
    tree = guide_cluster()
    if of_it == "7 domains":
        cib.remove_resource(tree, "nis02")
    if of_it == "no floating IP":
        cib.remove_resource(tree, IP)
    if of_it == "former defaults":
        defaults = cib.section(tree, "rsc_defaults")
        cib.put_pairs(defaults, "meta_attributes", cib.ids.of(Kind.RESOURCE_DEFAULTS), {"priority": "1"})
    cluster_options.put_options(tree, without_fencing=False)
    timing = fencing.Timing(15)
    fencing.put(tree, SERVERS, timing, bmcs)
    constraints = cib.section(tree, "constraints")
    cib.add(constraints, "rsc_location", id="device", rsc=fencing.SBD_ID, node=device_at, score="INFINITY")
    before, path = tmp_path / "before.xml", tmp_path / "running.xml"
    before.write_bytes(cib.serialize(tree))
    simulate("--xml-file", before, "--save-output", path)
    assert sorted(delays_s(path, tmp_path)) == [0, timing.priority_delay_s]
