from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports.overview import (
    DomainView,
    FencingView,
    Overview,
    migrating,
    overview,
)
from snow_ha_plugin.model import MigrationProgress
from snow_ha_plugin.system.crm_mon import parse_state
from tests.captures import capture, domain
from tests.unit.core.test_cib import with_parts


def seen(case: str, version: str = "2.1.5", **files: int) -> Overview:
    tree = cib.parse(capture(f"cibadmin-{version}-{case}.xml"))
    names = {"guide-domains": "all-running", "moved-by-hand": "migrating"}
    state = parse_state(capture(f"crm_mon-{version}-{names.get(case, case)}.xml"))
    return overview(tree, state, None, {name: domain(name, memory) for name, memory in files.items()})


def of(view: Overview, name: str) -> DomainView:
    return next(found for found in view.domains if found.name == name)


@pytest.mark.parametrize("version", ["2.1.5", "3.0.0"])
def test_a_healthy_cluster_at_a_glance(version: str) -> None:
    view = seen("guide-domains", version)
    assert [server.name for server in view.servers] == ["snow01", "snow02"]
    assert all(server.online and not server.standby and server.capacity_mib == 15360 for server in view.servers)
    assert sum(server.used_mib for server in view.servers) == 11776
    assert [found.name for found in view.domains] == sorted(
        ["deploy01", "proxy01", "monitor01", "nis01", "syslog01", "maui01", "nis02", "flexlm01"]
    )
    assert {found.state for found in view.domains} == {"running"}
    assert all(found.since and found.managed for found in view.domains)
    assert [ip.address for ip in view.floating_ips] == ["10.77.0.254"]
    assert view.floating_ips[0].server in ("snow01", "snow02")
    assert view.fencing == FencingView(False, (), "none", {"snow01": "", "snow02": ""})
    assert [finding.id for finding in view.findings] == ["no-fencing"]


def test_each_domain_is_listed_with_its_server() -> None:
    view = seen("guide-domains")
    for server in view.servers:
        assert set(server.domains) == {found.name for found in view.domains if found.server == server.name}
        assert server.used_mib == sum(found.memory_mib for found in view.domains if found.server == server.name)


def test_a_domain_on_its_way_is_migrating_and_not_twice() -> None:
    view = seen("moved-by-hand")
    assert of(view, "nis02").state in ("migrating", "migrate_to")
    assert [finding.id for finding in view.findings] == ["no-fencing", "cli-constraint"]


@pytest.mark.parametrize("version", ["2.1.5", "3.0.0"])
def test_who_is_on_the_way_is_known_with_where_it_comes_from(version: str) -> None:
    state = parse_state(capture(f"crm_mon-{version}-migrating.xml"))
    (source,) = migrating(state).values()
    assert migrating(state) == {"nis02": source}
    assert source in ("snow01", "snow02")
    assert migrating(parse_state(capture(f"crm_mon-{version}-all-running.xml"))) == {}


def test_what_is_known_of_a_migration_is_shown_with_its_domain() -> None:
    tree = cib.parse(capture("cibadmin-2.1.5-guide-domains.xml"))
    progress = MigrationProgress("snow02", 120, 512, 60)
    view = overview(tree, parse_state(capture("crm_mon-2.1.5-migrating.xml")), None, {}, {"nis02": progress})
    assert {found.name: found.migration for found in view.domains if found.migration} == {"nis02": progress}


def test_trouble_is_told_in_one_word_and_with_findings() -> None:
    view = seen("troubled")
    assert of(view, "syslog01").state in ("failed", "blocked")
    assert of(view, "maui01").state == "stopped"
    assert of(view, "maui01").server is None
    assert not of(view, "nis01").managed
    assert {server.name: server.standby for server in view.servers} == {"snow01": False, "snow02": True}
    assert {"resource-failed", "server-standby", "no-fencing"} <= {finding.id for finding in view.findings}


def test_a_domain_by_hand_has_the_size_of_its_file() -> None:
    tree = with_parts(resources='<primitive id="byhand" class="ocf" provider="heartbeat" type="Xen"/>')
    state = parse_state(capture("crm_mon-2.1.5-all-running.xml"))
    with_file = overview(tree, state, None, {"byhand": domain("byhand", 4096, 4)})
    without = overview(tree, state, None, {})
    assert (of(with_file, "byhand").memory_mib, of(with_file, "byhand").vcpus) == (4096, 4)
    assert (of(without, "byhand").memory_mib, of(without, "byhand").vcpus) == (0, 0)
    assert of(without, "byhand").state == "unknown"
