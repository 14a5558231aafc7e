"""What Pacemaker tells its alert agents, what of it is put on record, and what is told by mail."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import alerts as configured
from snow_ha_plugin.core.reports import alerts, notices
from snow_ha_plugin.core.reports.alerts import Alert
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.model import ClusterState, FailedAction, ResourceState
from tests.captures import guide_cluster, schema_errors

# The environment of an alert agent of Pacemaker 2.1.5, without what every program has.
MIGRATION_FAILED = {
    "CRM_alert_kind": "resource", "CRM_alert_node": "snow02", "CRM_alert_nodeid": "2", "CRM_alert_desc": "error",
    "CRM_alert_rsc": "a01", "CRM_alert_task": "migrate_to", "CRM_alert_interval": "0", "CRM_alert_rc": "1",
    "CRM_alert_target_rc": "0", "CRM_alert_status": "0", "CRM_alert_exec_time": "6331",
    "CRM_alert_timestamp_epoch": "1795878628", "CRM_alert_timestamp_usec": "250000",
    "CRM_alert_node_sequence": "7", "mail": "root",
}  # fmt: skip
SEEN = Alert(1795878628.25, "resource", "snow02", "error", "a01", "migrate_to", 1, 0, 6.331, "root")

AT = 1795878000.0
LOST = Alert(AT, "node", "snow02", "lost")
FENCED = Alert(AT + 9, "fencing", "snow02", "Operation reboot of snow02 by snow01: OK", task="st_notify_fence")
EMPTY = ClusterState(True, False, (), (), dc="snow01")


def did(task: str, resource: str = "a01", rc: int = 0, node: str = "snow01", at: float = AT) -> Alert:
    return Alert(at, "resource", node, "ok" if not rc else "error", resource, task, rc, seconds=1.5)


def running(name: str, *servers: str, blocked: bool = False) -> ResourceState:
    return ResourceState(name, "Started", servers, managed=True, failed=False, blocked=blocked)


def environment(given: dict[str, str]) -> bytes:
    return "".join(f"{name}={value}\0" for name, value in {"PATH": "/bin", **given}.items()).encode()


def test_an_alert_agents_environment_is_an_alert() -> None:
    assert alerts.parse(environment(MIGRATION_FAILED)) == SEEN
    assert SEEN.failed and SEEN.failed_migration


@pytest.mark.parametrize(
    "broken", [{}, {"CRM_alert_rc": "none"}, {**MIGRATION_FAILED, "CRM_alert_timestamp_epoch": "now"}]
)
def test_what_is_no_alert_is_none(broken: dict[str, str]) -> None:
    assert alerts.parse(environment(broken)) is None


def test_a_first_look_that_finds_a_domain_running_is_no_failure() -> None:
    assert not did("monitor")._replace(expected_rc=7).failed
    assert did("monitor", rc=7).failed


def record(*new: Alert, before: tuple[Alert, ...] = (), state: ClusterState = EMPTY) -> list[Event]:
    return list(alerts.recorded(new, before, cib.empty(), state, "snow01"))


def test_operations_go_on_record_with_how_long_they_took() -> None:
    assert record(did("start"), did("stop", "b01"), did("monitor", rc=7)) == [
        Event(AT, Kind.START, "a01", "snow01", seconds=1.5),
        Event(AT, Kind.STOP, "b01", "snow01", seconds=1.5),
        Event(AT, Kind.FAILURE, "a01", "snow01", "error", seconds=1.5, ok=False),
    ]


def test_a_migration_is_one_event_whenever_its_parts_come() -> None:
    there = EMPTY._replace(resources=(running("a01", "snow02"),))
    migrated = Event(AT, Kind.MIGRATE, "a01", "snow02", "from snow01", seconds=1.5)
    assert record(did("migrate_to"), did("stop"), state=there) == [migrated]
    assert record(did("stop"), before=(did("migrate_to"),)) == []
    assert record(did("migrate_from")) == []
    # One that failed is followed by a real stop.
    assert [event.kind for event in record(did("stop"), before=(did("migrate_to", rc=1),))] == [Kind.STOP]


def test_the_history_knows_where_a_migration_goes() -> None:
    tree = cib.parse(
        b"""<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration><status>
        <node_state uname="snow01"><lrm><lrm_resources><lrm_resource id="a01"><lrm_rsc_op operation="migrate_to"
        migrate_target="snow03"/></lrm_resource></lrm_resources></lrm></node_state></status></cib>"""
    )
    (event,) = alerts.recorded([did("migrate_to")], [], tree, EMPTY, "snow01")
    assert event.server == "snow03"


def test_only_the_server_that_leads_records_what_all_are_told() -> None:
    assert [event.kind for event in record(LOST, FENCED)] == [Kind.SERVER, Kind.FENCING]
    assert record(LOST, FENCED, state=EMPTY._replace(dc="snow03")) == []
    assert not record(LOST)[0].ok and record(LOST._replace(description="member"))[0].ok


def test_a_failure_is_explained_by_its_agent() -> None:
    failed = did("start", rc=1)
    state = EMPTY._replace(failures=(FailedAction("a01", "snow01", "start", "no image", 1),))
    tree = cib.empty()
    assert alerts.explained(failed, tree, state).description == "start: no image"
    assert alerts.explained(failed, tree, EMPTY).description == "start: error"
    assert alerts.explained(failed, tree, state, "said so").description == "start: said so"
    assert alerts.explained(LOST, tree, state) is LOST


@pytest.mark.parametrize(
    ("found", "is_told"),
    [
        (running("a01", "snow01", "snow02"), True),
        (running("a01", "snow01"), False),
        (running("a01", "snow01", "snow02", blocked=True), False),
        (running("a01", "snow01", "snow02")._replace(role="Migrating"), False),
        (running("b01", "snow01", "snow02"), False),
    ],
)
def test_a_domain_that_is_found_on_a_second_server_is_a_failure(found: ResourceState, is_told: bool) -> None:
    state = EMPTY._replace(resources=(found,))
    alert = alerts.explained(did("monitor")._replace(expected_rc=7), cib.empty(), state)
    assert alert.failed == is_told
    assert [event.text for event in record(alert, state=state)] == ["runs on snow01 and snow02 at once"] * is_told
    notice = told(alert, state=state)
    assert (notice is not None and "a01 on snow01: runs on snow01 and snow02 at once\n" in notice.text) == is_told


@pytest.mark.parametrize(("sent_at", "is_told"), [(AT + 1, False), (AT, False), (AT - 60, True)])
def test_a_domain_that_is_sent_after_a_first_look_has_not_run_twice(sent_at: float, is_told: bool) -> None:
    """Between the two halves of a migration crm_mon has it as started on both servers."""
    tree, operation = guide_cluster(), {"operation": "migrate_to", "last-rc-change": f"{sent_at:.0f}"}
    (history,) = tree.xpath("status/node_state[@uname='snow02']//lrm_resource[@id='nis01']")
    cib.add(history, "lrm_rsc_op", **operation, id="nis01_migrate_to_0")
    state = EMPTY._replace(resources=(running("nis01", "snow01", "snow02"),))
    alert = did("monitor", "nis01")._replace(expected_rc=7)
    assert bool(alerts.found_twice(alert, tree, state)) == is_told


# notices


def told(*seen: Alert, tree: cib.Tree | None = None, state: ClusterState = EMPTY) -> notices.Notice | None:
    return notices.notice(seen, cib.empty() if tree is None else tree, state, "snow01", "at {:.0f}".format)


def started(name: str, when: float) -> cib.Tree:
    """The guide's cluster, where a domain has been started on snow01 at that time."""
    tree = guide_cluster()
    (history,) = tree.xpath("status/node_state[@uname='snow01']//lrm_resource[@id=$id]", id=name)
    cib.add(history, "lrm_rsc_op", **{"operation": "start", "rc-code": "0", "last-rc-change": str(int(when))})
    return tree


def test_a_lost_server_its_fencing_and_its_domains_are_one_notice() -> None:
    tree = started("nis01", AT + 12)
    notice = told(LOST, FENCED, did("start", "nis01"), tree=tree)
    assert notice is not None
    assert notice.subject == "snow02 was lost, fenced, domains started: 1"
    assert "Operation reboot of snow02 by snow01: OK" in notice.text
    assert "nis01 was started on snow01\n" in notice.text
    assert notice.text.startswith("at 1795878000  snow02 was lost\nat 1795878009  Operation reboot")
    assert "may still run there" not in notice.text


@pytest.mark.parametrize(("before_s", "told_of"), [(notices.SKEW_S, True), (notices.SKEW_S + 1, False)])
def test_what_was_started_before_is_told_only_where_clocks_may_differ_so(before_s: int, told_of: bool) -> None:
    notice = told(LOST, FENCED, tree=started("nis01", AT - before_s))
    assert notice is not None
    assert ("nis01 was started" in notice.text) is told_of


@pytest.mark.parametrize("fencings", [(), (FENCED._replace(rc=194),)])
def test_a_server_that_is_not_fenced_may_still_run_its_domains(fencings: tuple[Alert, ...]) -> None:
    notice = told(LOST, *fencings)
    assert notice is not None
    assert notice.subject == "snow02 was lost, NOT fenced"
    assert "what it ran may still run there" in notice.text


def test_a_server_that_left_in_order_is_told_to_nobody() -> None:
    tree = guide_cluster()
    (left,) = tree.xpath("status/node_state[@uname='snow02']")
    assert told(LOST, tree=tree) is not None
    left.set("expected", "down")
    assert told(LOST, tree=tree) is None
    assert told(LOST, FENCED, tree=tree) is not None


def test_a_lost_server_is_told_by_the_one_that_leads() -> None:
    assert told(LOST, state=EMPTY._replace(dc="snow03")) is None


def test_a_domain_is_told_once_by_the_server_where_it_failed_last() -> None:
    failed = did("start", rc=1)._replace(description="start: no image")
    down = EMPTY._replace(resources=(running("a01"),))
    notice = told(failed, failed, state=down)
    assert notice is not None and notice.subject == "a01 failed"
    assert "a01 on snow01: start: no image (2 times)\na01 is down\n" in notice.text
    elsewhere = down._replace(failures=(FailedAction("a01", "snow02", "start", "no image", 1),))
    assert told(failed, state=elsewhere) is None
    assert told(failed._replace(node="snow02")) is None


def test_a_failed_migration_says_where_the_domain_is() -> None:
    failed = did("migrate_to", rc=1)._replace(description="migrate_to: no room")
    notice = told(failed, state=EMPTY._replace(resources=(running("a01", "snow01"),)))
    assert notice is not None
    assert notice.subject == "a01 could not be migrated"
    assert "a01 is on snow01 now" in notice.text and "release" not in notice.text
    notice = told(failed, state=EMPTY._replace(resources=(running("a01", "snow01", blocked=True),)))
    assert notice is not None and "snow ha release a01" in notice.text


@pytest.mark.parametrize(
    "seen", [(did("start"), did("stop")), (did("migrate_to"),), (LOST._replace(description="member"),)]
)
def test_what_is_in_order_is_no_notice(seen: tuple[Alert, ...]) -> None:
    assert told(*seen) is None


# in the CIB


def test_the_alert_is_put_once_and_follows_the_setting() -> None:
    tree = guide_cluster()
    assert [change.target for change in configured.put(tree, ["root", "ops@example.org"])] == ["events", "mail"]
    assert schema_errors(tree) == ""
    assert configured.put(tree, ["root", "ops@example.org"]) == []
    assert configured.mail_of(tree) == "root,ops@example.org"
    assert [change.message for change in configured.put(tree, [])] == ["have notices sent to nobody"]
    assert configured.put(tree, []) == [] and configured.mail_of(tree) == ""


def test_an_alert_of_the_administrator_stays() -> None:
    tree = guide_cluster()
    theirs = cib.add(cib.section(tree, "alerts"), "alert", id="pager", path="/usr/local/bin/pager")
    configured.put(tree, [])
    cib.remove_ours(tree, keep=())
    assert list(tree.find("configuration/alerts")) == [theirs]
