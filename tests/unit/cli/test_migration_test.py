"""`check --migration`: what it asks, what it tells, and what it offers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import migration_test
from snow_ha_plugin.errors import UsageError
from snow_ha_plugin.operations import moves
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import waiting
from snow_ha_plugin.system.cluster import LiveCluster
from tests.captures import guide_cluster
from tests.unit.operations.test_live_migration import Cluster, other


@pytest.fixture
def at_work(site: Site, tmp_path: Path, mocker: MockerFixture) -> Site:
    mocker.patch.object(waiting, "POLL_S", 0)
    mocker.patch.object(moves, "SEEN_WITHIN_S", 0)
    (tmp_path / "domains.conf").write_text("")
    layout = site.layout._replace(domains_conf=tmp_path / "domains.conf")
    return replace(site, layout=layout, cluster=cast(LiveCluster, Cluster(guide_cluster(), mocker)))


def test_nothing_moves_without_consent(at_work: Site) -> None:
    cluster = at_work.cluster
    assert isinstance(cluster, Cluster)
    with pytest.raises(
        UsageError, match=r"nis01 \(512 MiB\) migrates from .*, and back each time; there is nobody to ask"
    ):
        migration_test.run(at_work, "nis01", yes=False, as_json=False)
    assert cluster.commits == 0


@pytest.mark.parametrize("present", [1, 10**6])
def test_each_migration_is_told_and_the_lowest_rate_is_offered(
    at_work: Site, capsys: pytest.CaptureFixture[str], present: int
) -> None:
    cluster = at_work.cluster
    assert isinstance(cluster, Cluster)
    source = cluster.place("nis01")
    site = replace(at_work, conf=at_work.conf._replace(migration_mib_s=present))
    migration_test.run(site, "nis01", yes=True, as_json=False)
    there, back, again, silent, offer = capsys.readouterr().out.splitlines()
    assert there.startswith(f"  {source} -> {other(source)}: 512 MiB in ")
    assert back.startswith(f"  {other(source)} -> {source}: 512 MiB in ")
    assert again == f"[I] nis01 is on {source} again"
    assert silent.endswith("it answers no ping")
    rate = min(int(line.split(" s, ")[1].split()[0]) for line in (there, back))
    what = "gives migrations the time that they need here" if present > rate else "is what was measured, at least"
    assert offer == (
        f"[I] SNOW_HA_MIGRATION_MIB_S={rate} in {site.layout.conf}, then snow ha sync: that {what}; it is {present} now"
    )


def test_the_object_has_all_of_it(at_work: Site, capsys: pytest.CaptureFixture[str]) -> None:
    migration_test.run(at_work, "nis01", yes=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["domain"], len(told["migrations"])) == ("nis01", 2)
    assert told["mib_per_s"] == min(leg["mib_per_s"] for leg in told["migrations"])
