"""Sizes in force by `enable`, judged by the real scheduler."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.guide import sizes
from snow_ha_plugin.operations.simulation import Outlook
from tests.scenarios import cluster
from tests.unit.operations.test_transaction import Memory

TWO = "server snow01 16384 4\nserver snow02 16384 4\n"


def put(text: str) -> tuple[Memory, list[str]]:
    memory = Memory(cluster.read(TWO + text).tree)
    return memory, [change.target for change in sizes.put_in_force(memory)]


def vcpus(memory: Memory) -> list[str]:
    return [value for node in memory.tree.iter("node") for value in node.xpath("utilization[@score='1']/nvpair/@value")]


def test_once_and_with_vcpus_where_everything_fits() -> None:
    memory, changed = put("domain a 4096 2 on snow01\ndomain b 4096 2 on snow02\n")
    assert changed == ["placement-strategy", "snow01", "snow02"]
    assert vcpus(memory) == ["16", "16"]
    assert sizes.put_in_force(memory) == []
    assert memory.commits == 1


def test_by_memory_alone_where_vcpus_would_make_a_failure_cost_domains() -> None:
    memory, _ = put("domain a 4096 12 on snow01\ndomain b 4096 12 on snow02\n")
    assert vcpus(memory) == ["24", "24"]
    assert Outlook(memory.tree).n_plus_1.holds


@pytest.mark.parametrize("size", ["- 2", "4096 -"])
def test_not_where_a_size_is_unknown(size: str) -> None:
    memory, changed = put(f"domain a {size} on snow01\n")
    assert (changed, memory.commits) == ([], 0)


def test_not_where_the_scheduler_would_stop_something_for_it() -> None:
    memory, changed = put("domain a 10240 1 on snow01\ndomain b 10240 1 on snow01\n")
    assert (changed, memory.commits) == ([], 0)
    assert "placement-strategy" not in cib.options(memory.tree)


def test_a_dry_run_tells_and_commits_nothing() -> None:
    memory = Memory(cluster.read(TWO + "domain a 4096 2 on snow01\n").tree)
    assert len(sizes.put_in_force(memory, dry_run=True)) == 3
    assert memory.commits == 0
