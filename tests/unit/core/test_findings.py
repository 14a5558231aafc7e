from __future__ import annotations

import copy

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.configure import intent, live, ran_twice
from snow_ha_plugin.core.reports import findings
from snow_ha_plugin.core.reports.doubles import RanTwice
from snow_ha_plugin.model import ClusterState, FailedAction, NodeState, ResourceState, Severity
from snow_ha_plugin.system import pacemaker
from tests.captures import capture, domain, guide_cluster
from tests.unit.core.test_cib import with_parts

CALM = NodeState("snow01", online=True, standby=False, maintenance=False, unclean=False)


def resource(name: str = "web01", **fields: object) -> ResourceState:
    values: dict[str, object] = {
        "role": "Started", "servers": ("snow01",), "managed": True, "failed": False, "blocked": False,
    }  # fmt: skip
    return ResourceState(name, **(values | fields))  # type: ignore[arg-type]


def state(*resources: ResourceState, quorum: bool = True, maintenance: bool = False, **node: object) -> ClusterState:
    found = NodeState(**(CALM._asdict() | node))
    return ClusterState(quorum, maintenance, (found,), resources)


def ids_of(cluster: ClusterState) -> list[str]:
    return [finding.id for finding in findings.of_state(cluster, cib.empty())]


def of_configuration(tree: cib.Tree) -> dict[str, str]:
    return {finding.id: finding.message for finding in findings.of_configuration(tree)}


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (state(resource()), []),
        (state(quorum=False), ["no-quorum"]),
        (state(maintenance=True), ["maintenance"]),
        (state(online=False), ["server-offline"]),
        (state(unclean=True), ["server-unclean"]),
        (state(unclean=True, online=False), ["server-unclean"]),
        (state(standby=True), ["server-standby"]),
        (state(resource(failed=True)), ["resource-failed"]),
        (state(resource(blocked=True)), ["resource-failed"]),
        (state(resource(servers=("snow01", "snow02"))), ["running-twice"]),
        (state(resource(servers=("snow01", "snow02"), agent="stonith:fence_sbd")), []),
        (state(resource(servers=("snow01", "snow02"), cloned=True)), []),
        (state(resource(servers=("snow01", "snow02"), role="Migrating")), []),
        (state(resource("gone", orphaned=True)), ["orphan"]),
        (state(health="red"), ["server-sick"]),
        (state(leaving=True), ["server-leaving"]),
    ],
)
def test_what_is_not_well_is_found(cluster: ClusterState, expected: list[str]) -> None:
    assert ids_of(cluster) == expected


def test_a_failure_is_told_with_its_time() -> None:
    tree = cib.parse(capture("cibadmin-2.1.5-troubled.xml"))
    found = [*findings.of_configuration(tree), *findings.of_state(pacemaker.state(tree), tree)]
    assert {each.id: each.since for each in found if each.subject == "syslog01"} == {
        "failed-there": 1795351018,
        "resource-failed": 1795350901,
    }


@pytest.mark.parametrize("node", [{"unclean": True}, {"online": False}, {"maintenance": True}, {"leaving": True}])
def test_of_a_server_its_name_is_told(node: dict[str, bool]) -> None:
    cluster = ClusterState(True, False, (CALM._replace(**node),), ())  # type: ignore[arg-type]
    assert [found.subject for found in findings.of_state(cluster, cib.empty())] == ["snow01"]


def test_each_exit_status_is_the_manuals() -> None:
    (quorum,) = findings.of_state(state(quorum=False), cib.empty())
    assert (quorum.exit_code, findings.no_fencing(None).exit_code) == (106, 107)


def test_what_is_remembered_of_a_resource_that_went_is_named() -> None:
    (found,) = findings.of_state(state(resource("gone", orphaned=True)), cib.empty())
    assert (found.subject, found.severity) == ("gone", Severity.WARNING)


@pytest.mark.parametrize("task", ["migrate_to", "migrate_from"])
def test_a_migration_that_failed_is_told_as_one_and_what_comes_behind_it_too(task: str) -> None:
    stays, fails = resource("nis01", blocked=True), resource("web01", failed=True)
    failure = FailedAction("nis01", "snow01", task, "no room", 7)
    migration, start = findings.of_state(state(stays, fails)._replace(failures=(failure,)), cib.empty())
    assert (migration.id, migration.severity) == ("migration-failed", Severity.WARNING)
    assert (migration.since, migration.subject) == (7, "nis01")
    assert f"{task} failed: no room" in migration.message
    assert migration.remedy.endswith("snow ha release nis01")
    assert (start.id, start.message, start.since) == ("resource-failed", "web01 has failed", None)


def test_the_last_failure_of_a_domain_is_its_own() -> None:
    last = FailedAction("web01", "snow01", "start", "no image", 7)
    failures = (
        last._replace(when=5, task="stop"),
        last,
        last._replace(resource="nis01", when=9),
        last._replace(when=6),
    )
    assert findings.last_failure(state()._replace(failures=failures), "web01") == last
    assert findings.last_failure(state()._replace(failures=failures), "nobody") is None


def test_a_server_in_maintenance_is_told_apart_from_one_on_standby() -> None:
    held = NodeState("snow01", online=True, standby=False, maintenance=True, unclean=False)
    assert ids_of(ClusterState(True, False, (held,), ())) == ["server-maintenance"]


def test_each_finding_says_what_to_do() -> None:
    cluster = state(resource("gone", failed=True, servers=("a", "b")), quorum=False, maintenance=True, unclean=True)
    tree = with_parts(constraints='<rsc_location id="cli-ban-nis01-on-snow01" rsc="nis01" node="snow01" score="-5"/>')
    found = findings.of_state(cluster, tree) + findings.of_configuration(tree)
    assert all(finding.remedy for finding in found if finding.severity != Severity.INFO)
    assert len({finding.id for finding in found}) >= 7


@pytest.mark.parametrize(("task", "told"), [("monitor", ["restarted"]), ("migrate_to", [])])
def test_why_a_domain_was_restarted_is_told_as_long_as_pacemaker_remembers(task: str, told: list[str]) -> None:
    name = "nis01"
    failure = FailedAction(name, "snow01", task, "its watch tcp:22 has failed", 7)
    cluster = state(resource(name))._replace(failures=(failure,))
    found = list(findings.of_domains(guide_cluster(), cluster, {}))
    assert [finding.id for finding in found] == told
    assert all("since it failed on snow01: its watch tcp:22" in finding.message for finding in found)
    assert all((finding.subject, finding.since) == (name, 7) for finding in found)


FAILED = FailedAction("nis01", "snow01", "start", "no image", 7)


@pytest.mark.parametrize(
    ("failures", "starting", "severity", "told"),
    [
        ((), {}, Severity.ERROR, "nis01 is down: Pacemaker starts it on no server"),
        ((), {"nis01": "snow02"}, Severity.WARNING, "nis01 is down, and Pacemaker is about to start it on snow02"),
        ((FAILED,), {"nis01": "snow02"}, Severity.ERROR, "nis01 is down: start on snow01 failed: no image"),
    ],
)
def test_a_domain_that_is_about_to_be_started_is_no_error(
    failures: tuple[FailedAction, ...], starting: dict[str, str], severity: Severity, told: str
) -> None:
    cluster = state(resource("nis01", servers=()))._replace(failures=failures)
    (found,) = findings.of_domains(guide_cluster(), cluster, starting)
    assert (found.id, found.severity, found.message, found.subject) == ("domain-down", severity, told, "nis01")
    assert found.remedy and found.since == (7 if failures else None)


DOWN = [resource(name, servers=()) for name in ("nis01", "nis02")]


@pytest.mark.parametrize("cluster", [state(*DOWN, quorum=False), state(*DOWN, maintenance=True)])
def test_where_pacemaker_looks_after_nothing_no_domain_is_missed(cluster: ClusterState) -> None:
    assert list(findings.of_domains(guide_cluster(), cluster, {})) == []


@pytest.mark.parametrize(
    "first",
    [
        resource("nis01"),
        resource("nis01", servers=(), pending="Starting"),
        resource("nis01", servers=(), managed=False),
        resource("nis01", servers=(), blocked=True),
    ],
)
def test_a_domain_that_is_down_is_told_behind_one_that_is_not(first: ResourceState) -> None:
    found = findings.of_domains(guide_cluster(), state(first, resource("nis02", servers=())), {})
    assert [each.subject for each in found] == ["nis02"]


def test_who_is_stopped_or_starting_does_not_hide_who_is_down() -> None:
    tree = guide_cluster()
    names = list(cib.domains(tree))[:3]
    intent.want(tree, names[:1], "Stopped")
    found = findings.of_domains(tree, state(*(resource(name, servers=()) for name in names)), {names[1]: "snow02"})
    assert [(each.severity, each.subject) for each in found] == [
        (Severity.WARNING, names[1]),
        (Severity.ERROR, names[2]),
    ]


def test_what_runs_degraded_is_told_with_the_agents_reason_until_it_is_well_again() -> None:
    tree = guide_cluster()
    monitor = "status/node_state[@uname='snow02']//lrm_resource[@id='nis01']/lrm_rsc_op[@operation='monitor']"
    (well,) = tree.xpath(monitor)
    degraded = copy.copy(well)
    well.addnext(degraded)
    began = int(well.get("last-rc-change"))
    degraded.attrib.update(
        {"id": "nis01_last_failure_0", "rc-code": "190", "exit-reason": "nis01 runs, but fails its watch"}
        | {"last-rc-change": str(began + 20)}
    )
    (found,) = findings.of_domains(tree, pacemaker.state(tree), {})
    assert (found.id, found.severity, found.subject) == ("degraded", Severity.WARNING, "nis01")
    assert (found.message, found.since) == ("on snow02 nis01 runs, but fails its watch", began + 20)
    well.set("last-rc-change", str(began + 60))
    assert list(findings.of_domains(tree, pacemaker.state(tree), {})) == []


def test_what_would_run_a_domain_twice_ends_with_unsafe() -> None:
    (found,) = findings.of_state(state(resource(servers=("a", "b"))), cib.empty())
    # A slow migration looks the same for a moment: who stopped one at once would stop the good one.
    assert found.remedy.startswith("see xl list on both before anything is stopped")
    assert (found.severity, found.exit_code) == (Severity.ERROR, 107)


def test_no_fencing_is_an_error_with_its_reason() -> None:
    assert "no fencing device" in of_configuration(guide_cluster())["no-fencing"]
    off = with_parts(resources='<primitive id="ipmi" class="stonith" type="fence_ipmilan"/>')
    assert "switched off" in of_configuration(off)["no-fencing"]


def test_a_cluster_with_fencing_and_nothing_by_hand_has_no_findings() -> None:
    tree = with_parts(resources='<primitive id="ipmi" class="stonith" type="fence_ipmilan"/>')
    tree.xpath("//nvpair[@name='stonith-enabled']")[0].set("value", "true")
    assert findings.of_configuration(tree) == []


def test_a_server_without_its_third_vote_is_told_with_the_reason() -> None:
    bare, explained = findings.no_third_vote("snow01"), findings.no_third_vote("snow01", "no answer")
    assert (bare.id, bare.severity, bare.subject) == ("third-vote-missing", Severity.WARNING, "snow01")
    assert bare.message.startswith("snow01 has no third vote: ")
    assert explained.message.startswith("snow01 has no third vote (no answer): ")


def test_a_domain_that_ran_twice_is_told_with_how_long() -> None:
    tree = guide_cluster()
    ran_twice.note(tree, [RanTwice("nis01", ("snow01", "snow02"), 1000, 1180)])
    (found,) = [each for each in findings.of_configuration(tree) if each.id == "ran-twice"]
    assert found.message.startswith("nis01 ran on snow01 and snow02 at once for 3 min: ")
    assert (found.severity, found.since, found.subject) == (Severity.ERROR, 1000, "nis01")


def test_domains_that_are_held_are_told_together() -> None:
    tree = guide_cluster()
    intent.hold(tree, ["nis01", "nis02"])
    (found,) = [each for each in findings.of_configuration(tree) if each.id == "held"]
    assert (found.severity, found.subject) == (Severity.WARNING, "nis01 nis02")
    assert found.message == "Pacemaker keeps its hands off nis01 and nis02"
    assert found.remedy == "snow ha release nis01 nis02"


def test_failures_up_to_the_migration_threshold_are_told_once_with_the_last() -> None:
    tree = guide_cluster()
    cib.put_pairs(cib.resource(tree, "nis01"), "meta_attributes", "x", {"migration-threshold": "3"})
    kept = cib.part(tree, "status/node_state[@uname='snow01']/transient_attributes/instance_attributes")
    for operation, count, last in (("monitor_30000", "2", "9"), ("start_0", "1", "5")):
        assert "failed-there" not in of_configuration(tree)
        cib.add(kept, "nvpair", id=f"f-{operation}", name=f"fail-count-nis01#{operation}", value=count)
        cib.add(kept, "nvpair", id=f"l-{operation}", name=f"last-failure-nis01#{operation}", value=last)
    (found,) = [each for each in findings.of_configuration(tree) if each.id == "failed-there"]
    assert (found.subject, found.since, found.remedy) == ("nis01", 9, "crm resource cleanup nis01 snow01")


def test_who_cannot_migrate_is_told_apart_from_who_is_not_to() -> None:
    tree = guide_cluster()
    live.tell(tree, domain("nis01")._replace(is_pv=True), False)
    cib.put_pairs(cib.resource(tree, "nis02"), "meta_attributes", ids.of(ids.Kind.META, "nis02"), {live.OPTION: "no"})
    found = {each.id: each for each in findings.of_configuration(tree) if each.id.startswith("restarts")}
    assert {name: (each.severity, each.subject) for name, each in found.items()} == {
        "restarts": (Severity.WARNING, "nis01"),
        "restarts-as-wanted": (Severity.INFO, "nis02"),
    }
    assert found["restarts"].message.startswith("nis01 cannot migrate live")
    # It is refused for a domain that runs.
    assert "snow shutdown nis01, snow ha images convert nis01 --try, snow boot nis01" in found["restarts"].remedy


def test_where_migration_is_not_allowed_by_default_a_domain_by_hand_is_restarted() -> None:
    tree = with_parts(resources='<primitive id="byhand" class="ocf" provider="heartbeat" type="Xen"/>')
    (found,) = [each for each in findings.of_configuration(tree) if each.id.startswith("restarts")]
    assert (found.id, found.subject) == ("restarts-as-wanted", "byhand")


@pytest.mark.parametrize("verb", ["prefer", "ban", "standby"])
def test_each_rule_that_crm_resource_leaves_is_told_as_such(verb: str) -> None:
    """Behind one of ours, of which nothing is told."""
    rule = '<rsc_location id="{}" rsc="nis01" node="snow02" score="5"/>'
    tree = with_parts(constraints=rule.format("snow-ha-place-nis01") + rule.format(f"cli-{verb}-nis01"))
    found = [each for each in findings.of_configuration(tree) if "constraint" in each.id]
    assert [(each.id, each.subject) for each in found] == [("cli-constraint", f"cli-{verb}-nis01")]


def test_a_quorum_that_is_ignored_is_told() -> None:
    tree = guide_cluster()
    cib.put_pairs(cib.section(tree, "crm_config"), "cluster_property_set", "x", {"no-quorum-policy": "ignore"})
    assert "no-quorum-ignored" in of_configuration(tree)


def test_what_is_left_over_in_the_cib_is_found() -> None:
    tree = guide_cluster()
    nodes, status = cib.part(tree, "configuration/nodes"), cib.part(tree, "status")
    cib.add(nodes, "node", id="99", uname="snow01")
    state = next(found for found in status if found.get("uname") == "snow02")
    attributes = cib.add(cib.add(state, "transient_attributes", id="2"), "instance_attributes", id="s")
    cib.add(attributes, "nvpair", id="f", name="fail-count-web01#start_0", value="INFINITY")
    found = of_configuration(tree)
    assert "second entry of snow01, with the id 99" in found["stale-node"]
    assert found["failed-there"].startswith("web01 has failed on snow02")
    assert {each.subject for each in findings.of_configuration(tree)} == {"", "snow01", "web01"}


def test_what_somebody_else_wrote_is_listed() -> None:
    tree = with_parts(
        resources='<primitive id="byhand" class="ocf" provider="heartbeat" type="Xen"/>',
        constraints="""
        <rsc_location id="cli-prefer-nis01" rsc="nis01" role="Started" node="snow01" score="INFINITY"/>
        <rsc_order id="mine" first="nis01" then="nis02"/>
        <rsc_location id="snow-ha-place-nis02" rsc="nis02" node="snow02" score="5"/>
        """,
    )
    found = of_configuration(tree)
    subjects = {each.id: each.subject for each in findings.of_configuration(tree)}
    assert (subjects["foreign-domain"], subjects["foreign-constraint"]) == ("byhand", "mine")
    assert "byhand (ocf:heartbeat:Xen)" in found["foreign-domain"]
    assert "cli-prefer-nis01 (rsc=nis01 role=Started node=snow01 score=INFINITY)" in found["cli-constraint"]
    assert "mine (first=nis01 then=nis02)" in found["foreign-constraint"]
    assert not any("snow-ha-place" in message for message in found.values())
    remedies = {finding.id: finding.remedy for finding in findings.of_configuration(tree)}
    assert remedies["cli-constraint"] == "crm resource clear nis01"


def test_what_is_about_one_server_or_domain_says_so() -> None:
    cluster = state(resource(failed=True), resource("nis01", servers=("a", "b")), standby=True, health="red")
    assert {(found.id, found.subject) for found in findings.of_state(cluster, cib.empty())} == {
        ("server-standby", "snow01"), ("server-sick", "snow01"), ("resource-failed", "web01"),
        ("running-twice", "nis01"),
    }  # fmt: skip


@pytest.mark.parametrize("node", [{}, {"online": False, "joining": True}])
def test_a_server_in_the_cluster_that_is_not_fenced_yet_is_not_told_as_lost(node: dict[str, bool]) -> None:
    """`confirm-off` refuses it."""
    (found,) = findings.of_state(state(unclean=True, **node), cib.empty())
    assert (found.id, found.severity, found.subject) == ("server-unclean", Severity.ERROR, "snow01")
    assert found.message == "Pacemaker wants to fence snow01, and has not yet"
    assert "snow ha fencing status" in found.remedy
    assert "confirm-off" not in found.remedy


def test_whose_stop_has_failed_keeps_its_server_in_the_cluster_until_that_is_fenced() -> None:
    tree = guide_cluster()
    cib.put_option(tree, "x", "stonith-enabled", "true")
    (history,) = tree.xpath("status/node_state[@uname='snow02']//lrm_resource[@id='nis01']")
    failed = copy.copy(history[-1])
    history.append(failed)
    failed.attrib.update(
        {"id": "nis01_last_failure_0", "operation": "stop", "operation_key": "nis01_stop_0", "interval": "0"}
        | {"rc-code": "1", "call-id": "99", "last-rc-change": "1796000000"}
    )
    told = {found.id: found.message for found in findings.of_state(pacemaker.state(tree), tree)}
    assert told["server-unclean"] == "Pacemaker wants to fence snow02, and has not yet"


def test_a_lost_server_that_may_still_run_domains_has_its_way_out() -> None:
    (found,) = findings.of_state(state(unclean=True, online=False), cib.empty())
    assert "may still run there" in found.message
    assert found.remedy.endswith("snow ha confirm-off snow01")
