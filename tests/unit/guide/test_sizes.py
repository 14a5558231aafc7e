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
    store = Memory(cluster.read(TWO + text).tree)
    return store, [change.target for change in sizes.put_in_force(store)]


def vcpus(store: Memory) -> list[str]:
    return [value for node in store.tree.iter("node") for value in node.xpath("utilization[@score='1']/nvpair/@value")]


def test_once_and_with_vcpus_where_everything_fits() -> None:
    store, changed = put("domain a 4096 2 on snow01\ndomain b 4096 2 on snow02\n")
    assert changed == ["placement-strategy", "snow01", "snow02"]
    assert vcpus(store) == ["16", "16"]
    assert sizes.put_in_force(store) == []
    assert store.commits == 1


def test_by_memory_alone_where_vcpus_would_make_a_failure_cost_domains() -> None:
    store, _ = put("domain a 4096 12 on snow01\ndomain b 4096 12 on snow02\n")
    assert vcpus(store) == ["24", "24"]
    assert Outlook(store.tree).n_plus_1.holds


@pytest.mark.parametrize("size", ["- 2", "4096 -"])
def test_not_where_a_size_is_unknown(size: str) -> None:
    store, changed = put(f"domain a {size} on snow01\n")
    assert (changed, store.commits) == ([], 0)


def test_not_where_the_scheduler_would_stop_something_for_it() -> None:
    store, changed = put("domain a 10240 1 on snow01\ndomain b 10240 1 on snow01\n")
    assert (changed, store.commits) == ([], 0)
    assert "placement-strategy" not in cib.options(store.tree)


def test_a_dry_run_tells_and_commits_nothing() -> None:
    store = Memory(cluster.read(TWO + "domain a 4096 2 on snow01\n").tree)
    assert len(sizes.put_in_force(store, dry_run=True)) == 3
    assert store.commits == 0
