"""What a CIB's histories say of domains and servers."""

from __future__ import annotations

import pytest
from lxml import etree

from snow_ha_plugin.core import cib

AT = 1795350148


def done(operation: str, **fields: str | int) -> str:
    """An operation that has succeeded, unless the fields say otherwise."""
    values = {"operation": operation, "rc-code": "0", "op-status": "0", "last-rc-change": AT}
    values |= {name.replace("_", "-"): value for name, value in fields.items()}
    return etree.tostring(etree.Element("lrm_rsc_op", {key: str(value) for key, value in values.items()}), encoding=str)


def known(attributes: str = "", **histories: list[str]) -> cib.Tree:
    """Two servers; on snow01 each resource has its history, and snow02 knows nothing."""
    resources = "".join(
        f"<lrm_resource id='{name}'>{''.join(operations)}</lrm_resource>" for name, operations in histories.items()
    )
    tree = cib.empty()
    state = f"<lrm><lrm_resources>{resources}</lrm_resources></lrm><transient_attributes>{attributes}"
    for xml in (
        f"<node_state uname='snow01'>{state}</transient_attributes></node_state>",
        "<node_state uname='snow02'/>",
    ):
        tree.find("status").append(etree.fromstring(xml))
    return tree


def attributes(**values: str) -> str:
    pairs = "".join(f"<nvpair name='{name.replace('_', '-')}' value='{value}'/>" for name, value in values.items())
    return f"<instance_attributes>{pairs}</instance_attributes>"


@pytest.mark.parametrize(("crmd", "online"), [("online", True), ("1700000000", True), ("offline", False), ("0", False)])
def test_who_takes_part_is_online_whatever_another_server_does(crmd: str, online: bool) -> None:
    tree = known()
    tree.find("status/node_state[@uname='snow02']").set("crmd", crmd)
    assert cib.is_online(tree, "snow02") is online
    assert cib.is_online(tree, "snow01") is False


@pytest.mark.parametrize(
    ("operation", "calm"),
    [
        (done("start", transition_key="21:1:0:u"), True),
        (done("monitor", interval=30000, transition_key="22:1:0:u"), True),
        (done("monitor", interval=0, transition_key="10:1:7:u"), True),
        (done("monitor", interval=0, transition_key="10:1:7:u", rc_code=7), True),
        (done("monitor", interval=0, transition_key="10:1:7:u", rc_code=1), False),
        (done("monitor", interval=30000, transition_key="22:1:0:u", rc_code=7), False),
        (done("monitor", interval=30000, transition_key="22:1:7:u"), False),
        (done("start", transition_key="21:1:0:u", rc_code=1), False),
        (done("start", transition_key="21:1:1:u", rc_code=1), False),
        (done("start", transition_key="21:1:0:u", rc_code=193, op_status=-1), False),
        (done("start", transition_key="21:1:0:u", op_status=2), False),
        (done("start"), False),
    ],
)
def test_who_is_calm_has_done_all_that_was_wanted(operation: str, calm: bool) -> None:
    assert cib.is_calm(known(web01=[done("start", transition_key="1:1:0:u")], web02=[operation])) is calm


def test_who_has_no_history_is_calm() -> None:
    assert cib.is_calm(known())


@pytest.mark.parametrize(("value", "standby"), [("on", True), ("true", True), ("off", False), ("", False)])
def test_a_standby_until_the_reboot_is_its_servers(value: str, standby: bool) -> None:
    tree = known(attributes(standby=value, maintenance="on"))
    assert cib.transient_standby(tree, "snow01") is standby
    assert cib.transient_standby(tree, "snow02") is False


@pytest.mark.parametrize("operation", ["start", "migrate_from", "monitor"])
def test_a_domain_runs_since_it_came_or_was_found(operation: str) -> None:
    assert cib.running_since(known(web01=[done(operation)])) == {("web01", "snow01"): AT}


def test_a_domain_runs_since_the_last_of_what_went_well() -> None:
    history = [
        done("start", last_rc_change=AT + 5), done("monitor"), done("monitor", rc_code=7, last_rc_change=AT + 9),
        done("stop", last_rc_change=AT + 9), done("migrate_to", last_rc_change=AT + 9),
    ]  # fmt: skip
    assert cib.running_since(known(web01=history)) == {("web01", "snow01"): AT + 5}


def test_what_has_no_time_is_not_known_to_run_since_then() -> None:
    timeless = done("start").replace("last-rc-change", "no-time")
    assert cib.running_since(known(web01=[timeless])) == {}
    assert cib.running_since(known(web01=[done("start", last_rc_change=0)])) == {}


@pytest.mark.parametrize(
    ("history", "is_known"),
    [
        ([done("start")], True),
        ([done("migrate_from")], True),
        ([done("monitor")], False),
        ([done("start", rc_code=1)], False),
        ([], False),
    ],
)
def test_how_a_domain_came_is_known_from_a_start_or_a_migration(history: list[str], is_known: bool) -> None:
    assert cib.arrivals(known(web01=history)) == ({("web01", "snow01")} if is_known else set())


def test_failures_are_counted_by_resource_with_the_last_one() -> None:
    tree = known(
        attributes(**{
            "fail_count_web01#start_0": "INFINITY", "last_failure_web01#start_0": str(AT), "shutdown": "0",
            "fail_count_nis01#monitor_30000": "2",
            "fail_count_nis02#stop_0": "1", "last_failure_nis02#stop_0": "never",
        })
    )  # fmt: skip
    assert cib.fail_counts(tree) == [
        ("snow01", "web01", "INFINITY", AT),
        ("snow01", "nis01", "2", None),
        ("snow01", "nis02", "1", None),
    ]


@pytest.mark.parametrize("task", ["migrate_to", "migrate_from"])
def test_a_migration_has_failed_once_it_has_another_result(task: str) -> None:
    failed = {"rc_code": 1, "call_id": 12}
    history = [done(task, **failed).replace("<lrm_rsc_op", "<lrm_rsc_op on_node='snow01'"), done("start", **failed)]
    under_way = done(task, rc_code=193, op_status=-1, call_id=14)
    tree = known(web01=[*history, under_way, done(task, call_id=15)], nis01=[done(task, **failed)])
    assert cib.failed_migrations(tree, "web01") == {("snow01", "12")}
    assert cib.failed_migrations(tree, "nis01") == {("", "12")}
    assert cib.failed_migrations(tree, "nobody") == frozenset()


def test_how_long_the_longest_operation_took_is_of_its_server_and_kind() -> None:
    history = [
        done("start", exec_time=690), done("start", exec_time=40), done("start", exec_time="long"), done("start"),
        done("stop", exec_time=5000),
    ]  # fmt: skip
    tree = known(web01=history, nis01=[done("start", exec_time=9000)])
    assert cib.took_ms(tree, "web01", "start", "snow01") == 690
    assert cib.took_ms(tree, "web01", "start", "snow02") == 0
    assert cib.took_ms(known(web01=[done("start")]), "web01", "start", "snow01") == 0


@pytest.mark.parametrize(
    ("history", "degraded"),
    [
        ([done("monitor", rc_code=190)], True),
        ([done("monitor"), done("monitor", rc_code=190)], True),
        ([done("monitor"), done("monitor", rc_code=190, last_rc_change=AT - 1)], False),
        ([done("monitor", rc_code=190, last_rc_change=AT + 2), done("monitor", last_rc_change=AT + 1)], True),
        ([done("monitor", rc_code=190), done("monitor", rc_code=190, last_rc_change=AT - 9), done("monitor")], True),
        ([done("monitor")], False),
        ([done("monitor", rc_code=190, last_rc_change=0)], True),
        ([done("monitor", rc_code=190).replace("last-rc-change", "no-time")], True),
        ([done("monitor", rc_code=190, last_rc_change=0), done("monitor", last_rc_change=1)], False),
        ([done("start", rc_code=190)], False),
        ([], False),
    ],
)
def test_the_later_look_counts(history: list[str], degraded: bool) -> None:
    tree = known(web01=history)
    assert cib.is_degraded(tree, "web01", "snow01") is degraded
    assert cib.is_degraded(tree, "web01", "snow02") is cib.is_degraded(tree, "nis01", "snow01") is False


@pytest.mark.parametrize(("value", "since"), [(str(AT), AT), ("1", 1), ("0", 0), ("soon", 0)])
def test_a_server_that_wants_to_leave_says_since_when(value: str, since: int) -> None:
    tree = known(attributes(shutdown=value))
    assert (cib.shutting_down_since(tree, "snow01"), cib.is_shutting_down(tree, "snow01")) == (since, since > 0)
    assert (cib.shutting_down_since(tree, "snow02"), cib.is_shutting_down(tree, "snow02")) == (0, False)


def test_where_a_domain_was_sent_is_told_by_who_sent_it() -> None:
    tree = known(web01=[done("migrate_to").replace("<lrm_rsc_op", "<lrm_rsc_op migrate_target='snow02'")])
    assert cib.migration_target(tree, "web01", "snow01") == "snow02"
    assert cib.migration_target(tree, "web01", "snow02") == cib.migration_target(tree, "nis01", "snow01") == ""


@pytest.mark.parametrize(("before_s", "sent"), [(0, True), (0.9, True), (-1, False), (1, True)])
def test_a_migration_since_then_may_have_begun_in_the_same_second(before_s: float, sent: bool) -> None:
    tree = known(web01=[done("migrate_to"), done("start", last_rc_change=AT + 100)])
    assert cib.was_sent_since(tree, "web01", AT - before_s) is sent
    assert cib.was_sent_since(tree, "nis01", AT - before_s) is False


def test_what_was_started_since_then_is_told_with_its_server() -> None:
    tree = known(
        web01=[done("start")], nis01=[done("start", last_rc_change=AT - 1)], nis02=[done("start", rc_code=1)],
        maui01=[done("monitor")], timeless=[done("start").replace("last-rc-change", "no-time")],
    )  # fmt: skip
    assert cib.started_since(tree, AT + 0.9) == {"web01": "snow01"}
    assert cib.started_since(tree, 0)["timeless"] == "snow01"
    assert cib.started_since(tree, AT + 1) == {}


@pytest.mark.parametrize(("expected", "told"), [("down", True), ("member", False)])
def test_who_is_expected_to_be_down_has_left_in_order(expected: str, told: bool) -> None:
    tree = known()
    tree.find("status/node_state[@uname='snow02']").set("expected", expected)
    assert cib.was_told_to_leave(tree, "snow02") is told
    assert cib.was_told_to_leave(tree, "snow01") is False


def test_a_start_counts_where_it_was_and_if_it_went_well() -> None:
    tree = known(web01=[done("start")], nis01=[done("start", rc_code=1)])
    assert cib.was_started(tree, "web01", "snow01") is True
    assert cib.was_started(tree, "web01", "snow02") is cib.was_started(tree, "nis01", "snow01") is False
