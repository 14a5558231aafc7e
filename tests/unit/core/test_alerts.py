"""What Pacemaker tells its alert agents, and what of it is put on record."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import alerts as configured
from snow_ha_plugin.core.reports import alerts
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


def test_what_an_alert_does_not_say_is_empty() -> None:
    least = {"CRM_alert_kind": "node", "CRM_alert_node": "snow02", "CRM_alert_timestamp_epoch": "1795878628"}
    nothing = ("", "", "", 0, 0, 0.0, "")
    assert alerts.parse(environment(least)) == (1795878628, "node", "snow02", *nothing)
    assert Alert(AT, "node", "snow02") == (AT, "node", "snow02", *nothing)


def test_only_pacemakers_own_variables_are_read() -> None:
    assert alerts.parse(environment({**MIGRATION_FAILED, "kind": "fencing", "rc": "7"})) == SEEN


def test_words_in_no_encoding_do_not_lose_an_alert() -> None:
    read = alerts.parse(environment(MIGRATION_FAILED) + b"CRM_alert_desc=no \xff\0")
    assert read is not None
    assert (read.description, read.resource) == ("no \ufffd", "a01")


def test_what_an_operation_should_have_found_is_read() -> None:
    read = alerts.parse(environment({**MIGRATION_FAILED, "CRM_alert_target_rc": "7", "CRM_alert_rc": "7"}))
    assert read is not None
    assert (read.expected_rc, read.ok, read.failed) == (7, True, False)


def test_a_first_look_that_finds_a_domain_running_is_no_failure() -> None:
    assert not did("monitor")._replace(expected_rc=7).failed
    assert did("monitor", rc=7).failed
    assert did("stop")._replace(expected_rc=7).failed


def test_what_is_of_no_resource_is_no_operation_that_failed() -> None:
    assert not FENCED._replace(rc=1).failed


@pytest.mark.parametrize(
    ("alert", "is_one"),
    [
        (did("migrate_to", rc=1), True),
        (did("migrate_from", rc=1), True),
        (did("migrate_from"), False),
        (did("start", rc=1), False),
    ],
)
def test_either_half_of_a_migration_may_fail(alert: Alert, is_one: bool) -> None:
    assert alert.failed_migration == is_one


def test_only_a_server_is_lost() -> None:
    assert LOST.lost
    assert not FENCED._replace(description="lost").lost
    assert not LOST._replace(description="member").lost


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
    # What another domain does, or this one did before, is none of it.
    assert [event.kind for event in record(did("stop"), before=(did("migrate_to", "b01"),))] == [Kind.STOP]
    assert [event.kind for event in record(did("stop"), before=(did("migrate_to"), did("start")))] == [Kind.STOP]
    assert [event.kind for event in record(did("stop"), did("migrate_to"))] == [Kind.STOP, Kind.MIGRATE]
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


@pytest.mark.parametrize(
    ("resources", "target"),
    [
        ((running("a01", "snow01", "snow03"), running("b01", "snow02")), "snow03"),
        ((running("a01"), running("b01", "snow02")), ""),
        ((), ""),
    ],
)
def test_without_a_history_a_migration_goes_where_the_domain_is(
    resources: tuple[ResourceState, ...], target: str
) -> None:
    (event,) = record(did("migrate_to"), state=EMPTY._replace(resources=resources))
    assert event.server == target


def test_servers_and_fencing_go_on_record_with_who_has_seen_it() -> None:
    came = LOST._replace(description="member", at=AT + 0.1234)
    assert record(LOST, FENCED, FENCED._replace(rc=1), came, came._replace(description="online")) == [
        Event(AT, Kind.SERVER, "snow02", "snow01", "left the cluster", ok=False),
        Event(AT + 9, Kind.FENCING, "snow02", "snow01", FENCED.description),
        Event(AT + 9, Kind.FENCING, "snow02", "snow01", FENCED.description, ok=False),
        Event(AT + 0.123, Kind.SERVER, "snow02", "snow01", "came into the cluster"),
        Event(AT + 0.123, Kind.SERVER, "snow02", "snow01", "online"),
    ]


def test_an_operation_goes_on_record_to_the_millisecond() -> None:
    assert [event.at for event in record(did("start", at=AT + 0.1234))] == [AT + 0.123]


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
    well = did("start")
    assert alerts.explained(well, tree, state, "said so") is well


def test_the_last_that_failed_in_the_same_way_explains_it() -> None:
    ours = FailedAction("a01", "snow01", "start", "no image", 1)
    others = (ours._replace(resource="b01"), ours._replace(server="snow02"), ours._replace(task="stop"))
    failures = (ours._replace(reason="old"), ours, *(each._replace(reason="another") for each in others))
    state = EMPTY._replace(failures=failures)
    assert alerts.explained(did("start", rc=1), cib.empty(), state).description == "start: no image"


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
    assert (alert.rc, alert.expected_rc) == ((1, 0) if is_told else (0, 7))
    assert [event.text for event in record(alert, state=state)] == ["runs on snow01 and snow02 at once"] * is_told


FIRST_LOOK = did("monitor")._replace(expected_rc=7)


@pytest.mark.parametrize(
    ("alert", "servers"),
    [
        (FIRST_LOOK, ("snow01", "snow02")),
        (did("monitor"), ()),
        (did("start")._replace(expected_rc=7), ()),
        (did("monitor", rc=7), ()),
        (FIRST_LOOK._replace(kind="fencing"), ()),
        (FIRST_LOOK._replace(resource="c01"), ()),
    ],
)
def test_only_a_first_look_finds_a_domain_twice(alert: Alert, servers: tuple[str, ...]) -> None:
    state = EMPTY._replace(resources=(running("b01", "snow02"), running("a01", "snow01", "snow02")))
    assert alerts.found_twice(alert, cib.empty(), state) == servers


@pytest.mark.parametrize(("sent_at", "is_told"), [(AT + 1, False), (AT, False), (AT - 60, True)])
def test_a_domain_that_is_sent_after_a_first_look_has_not_run_twice(sent_at: float, is_told: bool) -> None:
    """Between the two halves of a migration crm_mon has it as started on both servers."""
    tree, operation = guide_cluster(), {"operation": "migrate_to", "last-rc-change": f"{sent_at:.0f}"}
    (history,) = tree.xpath("status/node_state[@uname='snow02']//lrm_resource[@id='nis01']")
    cib.add(history, "lrm_rsc_op", **operation, id="nis01_migrate_to_0")
    state = EMPTY._replace(resources=(running("nis01", "snow01", "snow02"),))
    alert = did("monitor", "nis01")._replace(expected_rc=7)
    assert bool(alerts.found_twice(alert, tree, state)) == is_told


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
