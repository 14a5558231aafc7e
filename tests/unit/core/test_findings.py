from __future__ import annotations

import copy

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports import findings
from snow_ha_plugin.model import ClusterState, FailedAction, NodeState, ResourceState, Severity
from snow_ha_plugin.system import pacemaker
from tests.captures import capture, guide_cluster
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


def ids(cluster: ClusterState) -> list[str]:
    return [finding.id for finding in findings.of_state(cluster)]


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
    assert ids(cluster) == expected


def test_a_failure_is_told_with_its_time() -> None:
    tree = cib.parse(capture("cibadmin-2.1.5-troubled.xml"))
    found = [*findings.of_configuration(tree), *findings.of_state(pacemaker.state(tree))]
    assert {each.id: each.since for each in found if each.subject == "syslog01"} == {
        "failed-there": 1795351018,
        "resource-failed": 1795350901,
    }


def test_a_server_in_maintenance_is_told_apart_from_one_on_standby() -> None:
    held = NodeState("snow01", online=True, standby=False, maintenance=True, unclean=False)
    assert ids(ClusterState(True, False, (held,), ())) == ["server-maintenance"]


def test_each_finding_says_what_to_do() -> None:
    cluster = state(resource("gone", failed=True, servers=("a", "b")), quorum=False, maintenance=True, unclean=True)
    tree = with_parts(constraints='<rsc_location id="cli-ban-nis01-on-snow01" rsc="nis01" node="snow01" score="-5"/>')
    found = findings.of_state(cluster) + findings.of_configuration(tree)
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
    assert (found.severity, found.message, found.subject) == (severity, told, "nis01")
    assert found.remedy


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
    assert found.message == "on snow02 nis01 runs, but fails its watch"
    well.set("last-rc-change", str(began + 60))
    assert list(findings.of_domains(tree, pacemaker.state(tree), {})) == []


def test_what_would_run_a_domain_twice_ends_with_unsafe() -> None:
    (found,) = findings.of_state(state(resource(servers=("a", "b"))))
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
    assert "byhand (ocf:heartbeat:Xen)" in found["foreign-domain"]
    assert "cli-prefer-nis01 (rsc=nis01 role=Started node=snow01 score=INFINITY)" in found["cli-constraint"]
    assert "mine (first=nis01 then=nis02)" in found["foreign-constraint"]
    assert not any("snow-ha-place" in message for message in found.values())
    remedies = {finding.id: finding.remedy for finding in findings.of_configuration(tree)}
    assert remedies["cli-constraint"] == "crm resource clear nis01"


def test_what_is_about_one_server_or_domain_says_so() -> None:
    cluster = state(resource(failed=True), resource("nis01", servers=("a", "b")), standby=True, health="red")
    assert {(found.id, found.subject) for found in findings.of_state(cluster)} == {
        ("server-standby", "snow01"), ("server-sick", "snow01"), ("resource-failed", "web01"),
        ("running-twice", "nis01"),
    }  # fmt: skip


def test_a_lost_server_that_may_still_run_domains_has_its_way_out() -> None:
    (found,) = findings.of_state(state(unclean=True))
    assert "may still run there" in found.message
    assert found.remedy.endswith("snow ha confirm-off snow01")
