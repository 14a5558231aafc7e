from __future__ import annotations

from typing import Any

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports.overview import (
    DomainView,
    FencingView,
    Overview,
    migrating,
    overview,
)
from snow_ha_plugin.model import ClusterState, FailedAction, MigrationProgress, ResourceState, Severity
from snow_ha_plugin.system.crm_mon import parse_state
from tests.captures import capture, domain, guide_cluster
from tests.unit.core.test_cib import with_parts
from tests.unit.core.test_findings import CALM, resource, state


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


def viewed(*resources: ResourceState, tree: cib.Tree | None = None, **more: Any) -> Overview:
    return overview(guide_cluster() if tree is None else tree, state(*resources, **more), None, {})


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "running"),
        ({"role": "Stopped", "servers": ()}, "stopped"),
        ({"role": "Migrating"}, "migrating"),
        ({"failed": True}, "failed"),
        ({"failed": True, "blocked": True}, "blocked"),
        ({"failed": True, "blocked": True, "pending": "Starting"}, "starting"),
    ],
)
def test_what_happens_is_told_before_what_was(fields: dict[str, Any], word: str) -> None:
    assert of(viewed(resource("nis01", **fields)), "nis01").state == word


def test_who_runs_nowhere_is_on_its_way_from_nowhere() -> None:
    cluster = state(resource("a", role="Migrating", servers=()), resource("b", role="Migrating"), resource("c"))
    assert migrating(cluster) == {"b": "snow01"}


TWO = ("snow02", "snow01")


@pytest.mark.parametrize(
    ("fields", "task", "server"),
    [
        ({"blocked": True, "servers": TWO}, "migrate_to", "snow01"),
        ({"blocked": True, "servers": TWO}, "stop", "snow02"),
        ({"servers": TWO}, "migrate_to", "snow02"),
        ({"blocked": True, "servers": ("snow02",)}, "migrate_to", "snow02"),
        ({"blocked": True, "servers": ()}, "migrate_to", None),
    ],
)
def test_who_could_not_be_sent_is_where_it_was(fields: dict[str, Any], task: str, server: str | None) -> None:
    failed = FailedAction("nis01", "snow01", task, "no room", 7)
    cluster = state(resource("nis01", **fields))._replace(failures=(failed,))
    assert of(overview(guide_cluster(), cluster, None, {}), "nis01").server == server


@pytest.mark.parametrize("field", ["standby", "maintenance", "unclean"])
def test_each_server_is_as_pacemaker_sees_it(field: str) -> None:
    cluster = ClusterState(True, False, (CALM._replace(**{field: True}),), ())  # type: ignore[arg-type]
    here, unknown = overview(guide_cluster(), cluster, None, {}).servers
    seen = {"standby": here.standby, "maintenance": here.maintenance, "unclean": here.unseen}
    assert seen == {name: name == field for name in seen}
    assert here.online
    assert not (unknown.online or unknown.standby or unknown.maintenance or unknown.unseen)


@pytest.mark.parametrize("role", ["Stopped", "stopped"])
def test_who_is_to_stand_still_is_not_wanted(role: str) -> None:
    tree = guide_cluster()
    cib.put_pairs(cib.resource(tree, "nis01"), "meta_attributes", "x", {"target-role": role})
    view = viewed(resource("nis01", role="Stopped", servers=()), tree=tree)
    assert (of(view, "nis01").wanted, of(view, "nis02").wanted) == (False, True)


def test_what_is_left_out_is_listed_behind_the_others_with_the_size_of_its_file() -> None:
    tree = guide_cluster()
    intent.leave_out(tree, ["a01", "a02"])
    view = overview(tree, state(), None, {"a01": domain("a01", 4096, 4)})
    assert view.domains[-2:] == (
        DomainView("a01", intent.NOT_PROTECTED, None, False, 4096, 4, None, wanted=False),
        DomainView("a02", intent.NOT_PROTECTED, None, False, 0, 0, None, wanted=False),
    )


def test_what_pacemaker_has_no_state_of_is_not_known_to_be_out_of_its_hands() -> None:
    found = of(viewed(), "nis01")
    assert (found.state, found.server, found.managed, found.since, found.hands_off) == (
        "unknown", None, True, None, None,
    )  # fmt: skip


def held_of(view: Overview) -> list[str]:
    return [finding.subject for finding in view.findings if finding.id == "held"]


def test_who_is_out_of_pacemakers_hands_by_something_else_than_hold_is_told() -> None:
    tree = guide_cluster()
    paused = resource("nis01", managed=False)
    (found,) = [finding for finding in viewed(paused, tree=tree).findings if finding.id == "held"]
    assert (found.severity, found.subject) == (Severity.WARNING, "nis01")
    assert found.message == "Pacemaker keeps its hands off nis01: it is not managed"
    assert found.remedy == "see crm_resource --why --resource nis01"
    # What is told of the cluster or as a failure is not told again.
    assert held_of(viewed(paused, tree=tree, maintenance=True)) == []
    assert held_of(viewed(paused._replace(blocked=True), tree=tree)) == []
    assert held_of(viewed(paused._replace(failed=True), tree=tree)) == []
    assert held_of(viewed(resource("nis01"), tree=tree)) == []


@pytest.mark.parametrize("whose", ["default", "template"])
def test_who_is_down_and_out_of_pacemakers_hands_by_inheritance_is_told(whose: str) -> None:
    tree = guide_cluster()
    element, holder = cib.resource(tree, "nis01"), cib.section(tree, "rsc_defaults")
    assert element is not None
    if whose == "template":
        agent = {key: element.attrib.pop(key) for key in ("class", "provider", "type")}
        holder = cib.add(cib.section(tree, "resources"), "template", id="t", **agent)
        element.set("template", "t")
    cib.put_pairs(holder, "meta_attributes", "x", {"is-managed": "false"})
    down = resource("nis01", role="Stopped", servers=(), managed=False)
    (found,) = [finding for finding in viewed(down, tree=tree).findings if finding.id == "held"]
    assert (found.subject, found.remedy) == ("nis01", "see crm_resource --why --resource nis01")


def test_who_is_held_is_told_once() -> None:
    tree = guide_cluster()
    intent.hold(tree, ["nis01"])
    assert held_of(viewed(resource("nis01", managed=False), tree=tree)) == ["nis01"]


def test_who_is_down_and_about_to_start_is_told_where() -> None:
    cluster = state(resource("nis01", role="Stopped", servers=()))
    view = overview(guide_cluster(), cluster, None, {}, starting={"nis01": "snow02"})
    assert [found.severity for found in view.findings if found.id == "domain-down"] == [Severity.WARNING]


def test_without_quorum_and_the_schedulers_word_that_is_shown() -> None:
    assert viewed().has_quorum and not viewed(quorum=False).has_quorum
    assert viewed().standing is None
