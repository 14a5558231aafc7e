"""What is told by mail of what has gone wrong."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports import alerts, notices
from snow_ha_plugin.core.reports.alerts import Alert
from snow_ha_plugin.model import ClusterState, FailedAction
from tests.captures import guide_cluster
from tests.unit.core.test_alerts import AT, EMPTY, FENCED, LOST, did, running


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
    down = EMPTY._replace(resources=(running("a01"),))
    notice = told(failed("a01"), failed("a01"), state=down)
    assert notice is not None and notice.subject == "a01 failed"
    assert "a01 on snow01: start: no image (2 times)\na01 is down\n" in notice.text
    elsewhere = down._replace(failures=(FailedAction("a01", "snow02", "start", "no image", 1),))
    assert told(failed("a01"), state=elsewhere) is None
    assert told(failed("a01")._replace(node="snow02")) is None


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


def failed(resource: str, task: str = "start", *, why: str = "no image", at: float = AT) -> Alert:
    return did(task, resource, rc=1, at=at)._replace(description=f"{task}: {why}")


def text_of(*seen: Alert, tree: cib.Tree | None = None, state: ClusterState = EMPTY) -> list[str]:
    """The lines of a notice, without who has seen it."""
    notice = told(*seen, tree=tree, state=state)
    assert notice is not None
    lines, seen_by, rest = notice.text.rpartition("\n\nSeen by snow01; more: snow ha history, snow ha status\n")
    assert seen_by and not rest
    return lines.split("\n")


def test_a_domain_that_runs_twice_is_told() -> None:
    state = EMPTY._replace(resources=(running("a01", "snow01", "snow02"),))
    alert = alerts.explained(did("monitor")._replace(expected_rc=7), cib.empty(), state)
    assert text_of(alert, state=state) == [
        "at 1795878000  a01 on snow01: runs on snow01 and snow02 at once",
        "a01 is on snow01 and snow02 now",
    ]


def test_all_that_failed_is_one_notice_domains_before_migrations() -> None:
    seen = (failed("b01", "migrate_from"), failed("a02"), failed("a01", at=AT + 5))
    notice = told(*seen)
    assert notice is not None and notice.subject == "a01 and a02 failed; b01 could not be migrated"
    # Of what Pacemaker does not have any more nobody says where it is.
    assert text_of(*seen) == [
        "at 1795878005  a01 on snow01: start: no image",
        "at 1795878000  a02 on snow01: start: no image",
        "at 1795878000  b01 on snow01: migrate_from: no image",
    ]


def test_a_subject_names_few_and_counts_the_others() -> None:
    notice = told(*(failed(f"a0{number}") for number in range(1, 7)))
    assert notice is not None and notice.subject == "a01, a02, a03 and 3 more failed"


def test_each_reason_of_a_domain_is_told_once_with_how_often_it_was_met() -> None:
    seen = (failed("a01"), failed("b01"), failed("a01", why="no room", at=AT + 1), failed("a01", at=AT + 2))
    down = EMPTY._replace(resources=(running("a01"), running("b01", "snow02")))
    assert text_of(*seen, state=down) == [
        "at 1795878000  a01 on snow01: start: no image (2 times)",
        "at 1795878001  a01 on snow01: start: no room",
        "a01 is down",
        "at 1795878000  b01 on snow01: start: no image",
        "b01 is on snow02 now",
    ]


def test_the_fencing_of_another_server_does_not_count() -> None:
    assert text_of(LOST, FENCED._replace(node="snow03")) == [
        "at 1795878000  snow02 was lost",
        "snow02 was not fenced: what it ran may still run there; look at its console or BMC",
    ]


def test_a_fencing_that_succeeds_after_one_that_did_not_counts() -> None:
    notice = told(LOST, FENCED._replace(rc=1), FENCED)
    assert notice is not None and notice.subject == "snow02 was lost, fenced"


def test_each_of_two_lost_servers_is_told() -> None:
    ok = LOST._replace(description="member")
    notice = told(ok, LOST, FENCED, LOST._replace(node="snow03"))
    assert notice is not None and notice.subject == "snow02 was lost, fenced; snow03 was lost, NOT fenced"


def test_a_server_that_left_in_order_does_not_hide_one_that_was_lost() -> None:
    tree = guide_cluster()
    tree.find("status/node_state[@uname='snow02']").set("expected", "down")
    notice = told(LOST, LOST._replace(node="snow01"), tree=tree)
    assert notice is not None and notice.subject == "snow01 was lost, NOT fenced"


def test_domains_alone_are_told_as_started_by_name() -> None:
    tree = started("nis02", AT + 1)
    (history,) = tree.xpath("status/node_state[@uname='snow01']//lrm_resource[@id='nis01']")
    start = {"operation": "start", "rc-code": "0", "last-rc-change": str(int(AT) + 2)}
    cib.add(history, "lrm_rsc_op", **start)
    cib.add(cib.add(history.getparent(), "lrm_resource", id="floating-ip"), "lrm_rsc_op", **start)
    assert text_of(LOST, FENCED, tree=tree)[2:] == ["nis01 was started on snow01", "nis02 was started on snow01"]
