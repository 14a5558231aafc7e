"""What crm_mon's XML says: each word of it that is read, and what stands where it is not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from lxml import etree

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import ClusterState, FailedAction, NodeState, ResourceState
from snow_ha_plugin.system import crm_mon
from tests.captures import capture

ONLINE = NodeState("snow01", online=True, standby=False, maintenance=False, unclean=False)


def state(inside: str) -> ClusterState:
    return crm_mon.parse_state(f"<pacemaker-result>{inside}</pacemaker-result>".encode())


def node(words: str = "") -> NodeState:
    (found,) = state(f'<summary/><nodes><node name="snow01" {words}/></nodes>').nodes
    return found


def resource(words: str = "", inside: str = "") -> ResourceState:
    (found,) = state(f"<summary/><resources><resource {words}>{inside}</resource></resources>").resources
    return found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ('online="true"', ONLINE),
        ('online="true" type="member" feature_set="3.16.2"', ONLINE),
        ('online="true" pending="true"', ONLINE._replace(online=False, joining=True)),
        ('online="false" pending="true"', ONLINE._replace(online=False)),
        ('online="true" standby="true"', ONLINE._replace(standby=True)),
        ('online="true" standby_onfail="true"', ONLINE._replace(standby=True)),
        ('online="true" maintenance="true"', ONLINE._replace(maintenance=True)),
        ('online="false" unclean="true"', ONLINE._replace(online=False, unclean=True)),
        ('online="true" shutdown="true"', ONLINE._replace(leaving=True)),
        ('online="true" health="red"', ONLINE._replace(health="red")),
        ("", ONLINE._replace(online=False)),
    ],
)
def test_each_word_about_a_node_has_its_meaning(words: str, expected: NodeState) -> None:
    assert node(words) == expected


def test_a_guest_node_is_no_member_and_of_two_of_a_name_the_one_that_is_online_is() -> None:
    for pair in ("false", "true"), ("true", "false"):
        twins = "".join(f'<node name="snow01" online="{online}"/>' for online in pair)
        guest = '<node name="inside" online="true" type="remote"/>'
        assert state(f"<summary/><nodes>{twins}{guest}</nodes>").nodes == (ONLINE,)
    assert state("<summary/><nodes><node/></nodes>").nodes == (ONLINE._replace(name="", online=False),)


PLAIN = ResourceState("", "", (), managed=False, failed=False, blocked=False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", PLAIN),
        ('id="web01" role="Started"', PLAIN._replace(id="web01", role="Started")),
        ('managed="true"', PLAIN._replace(managed=True)),
        ('failed="true"', PLAIN._replace(failed=True)),
        ('blocked="true"', PLAIN._replace(blocked=True)),
        ('orphaned="true"', PLAIN._replace(orphaned=True)),
        ('pending="Migrating"', PLAIN._replace(pending="Migrating")),
        ('resource_agent="ocf:snow:domain"', PLAIN._replace(agent="ocf:snow:domain")),
    ],
)
def test_each_word_about_a_resource_has_its_meaning(words: str, expected: ResourceState) -> None:
    assert resource(words) == expected


def test_a_resource_is_on_the_nodes_that_it_names_once_each() -> None:
    nodes = '<node name="snow02"/><node name="snow01"/><node name="snow02"/><node/>'
    assert resource('id="web01"', nodes).servers == ("snow02", "snow01", "")


@pytest.mark.parametrize(("kind", "cloned"), [("clone", True), ("bundle", True), ("group", False)])
def test_what_is_in_a_clone_or_a_bundle_may_be_in_several_places(kind: str, cloned: bool) -> None:
    instance = '<resource id="ping" role="{}" {}>{}</resource>'
    (found,) = state(
        f'<summary/><resources><{kind} id="all">'
        + instance.format("Started", 'blocked="true"', '<node name="snow01"/>')
        + instance.format("Stopped", 'failed="true"', "")
        + f"</{kind}></resources>"
    ).resources
    assert found == PLAIN._replace(
        id="ping", role="Started", servers=("snow01",), failed=True, blocked=True, cloned=cloned
    )


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("", (False, False, "")),
        ("<current_dc/>", (False, False, "")),
        ('<current_dc name="snow02" with_quorum="true"/>', (True, False, "snow02")),
        ('<current_dc name="snow02" with_quorum="false"/><cluster_options/>', (False, False, "snow02")),
        ('<cluster_options maintenance-mode="true"/>', (False, True, "")),
        ('<cluster_options maintenance-mode="false"/>', (False, False, "")),
    ],
)
def test_the_summary_tells_quorum_maintenance_and_who_decides(summary: str, expected: tuple[bool, bool, str]) -> None:
    found = state(f"<summary>{summary}</summary>")
    assert (found.quorum, found.maintenance, found.dc) == expected
    assert (found.nodes, found.resources, found.failures) == ((), (), ())


def test_of_what_a_scheduler_plays_quorum_is_taken_for_granted() -> None:
    found = crm_mon.state_in(etree.fromstring("<cluster_status><nodes/></cluster_status>"))
    assert (found.quorum, found.maintenance, found.dc) == (True, False, "")


def test_an_answer_without_a_state_is_told_with_all_that_was_said() -> None:
    with pytest.raises(UnavailableError) as caught:
        state('<status code="0"><errors><error>No CIB</error><error/><error>at all</error></errors></status>')
    assert caught.value.details == "No CIB  at all"


FAILED = 'op_key="web_01_monitor_60000" node="snow02" task="monitor" interval="60000"'


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            f'{FAILED} exitstatus="error" exitreason="xl says no" exitcode="1"',
            FailedAction("web_01", "snow02", "monitor", "xl says no", 0),
        ),
        (f'{FAILED} exitstatus="error" exitreason=""', FailedAction("web_01", "snow02", "monitor", "error", 0)),
        # OCF_DEGRADED (OCF resource agent API 1.1).
        (f'{FAILED} exitcode="190"', FailedAction("web_01", "snow02", "monitor", "", 0, degraded=True)),
        ('op_key="web01_start_0" task="start"', FailedAction("web01", "", "start", "", 0)),
        ("", FailedAction("", "", "", "", 0)),
    ],
)
def test_a_failure_tells_of_what_where_and_why(words: str, expected: FailedAction) -> None:
    assert state(f"<summary/><failures><failure {words}/></failures>").failures == (expected,)


def test_a_failure_as_crm_mon_prints_it() -> None:
    (found,) = crm_mon.parse_state(capture("crm_mon-2.1.5-troubled.xml")).failures
    assert (found.resource, found.task, found.degraded) == ("syslog01", "stop", False)
    assert found.when == datetime(2026, 11, 22, 12, 35, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("written", ["2026-11-28 10:00:00 +01:00", "2026-11-28 04:00:00 -05:00"])
def test_a_time_is_read_with_its_zone(written: str) -> None:
    east = timezone(timedelta(hours=1))
    assert crm_mon.epoch_s(written) == datetime(2026, 11, 28, 10, tzinfo=east).timestamp()


@pytest.mark.parametrize("written", ["", "never", "2026-11-28 10:00:00 +1"])
def test_what_is_no_time_is_the_beginning_of_time(written: str) -> None:
    assert crm_mon.epoch_s(written) == 0
