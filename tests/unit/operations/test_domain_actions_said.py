"""What the host's verbs say and wait for where a domain does not do as it is told, or is called otherwise by xl."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.errors import ConfigurationError, NoQuorumError, UnavailableError
from snow_ha_plugin.model import ClusterState, Handled, ResourceState
from snow_ha_plugin.operations import domain_actions, host_events
from snow_ha_plugin.system import pacemaker
from snow_ha_plugin.system.command import Result
from tests.unit.operations.test_domain_actions import Cluster
from tests.unit.system.test_waiting import Clock


@pytest.fixture
def cluster(mocker: MockerFixture) -> Cluster:
    return Cluster(mocker)


@pytest.fixture
def clock(cluster: Cluster, clock: Clock, mocker: MockerFixture) -> Clock:
    """Time passes by waiting alone; an operation is given a minute more than its timeout."""
    mocker.patch.object(domain_actions, "MARGIN_S", 60)
    return clock


def limit(cluster: Cluster, name: str, operation: str, timeout: str) -> None:
    (found,) = cluster.memory.tree.xpath(f"//primitive[@id='{name}']/operations/op[@name='{operation}']")
    found.set("timeout", timeout)


def cleaned(cluster: Cluster) -> list[str]:
    return [argv[-1] for argv in cluster.ran if "--cleanup" in argv]


# --- who is asked


def test_a_console_needs_no_quorum(cluster: Cluster) -> None:
    """It changes nothing that another server could contradict."""
    cluster.memory.tree.set("have-quorum", "0")
    assert cluster.act("console", "maui01") == {"maui01": Handled(5, "")}
    assert cluster.act("shutdown", "nobody") == {}


def test_without_pacemaker_who_boots_anything_is_refused_and_who_ends_the_unknown_is_not(
    cluster: Cluster, mocker: MockerFixture
) -> None:
    mocker.patch.object(cluster.memory, "read", side_effect=UnavailableError("Pacemaker does not run"))
    mocker.patch.object(pacemaker, "stored_cib", return_value=None)
    assert cluster.act("destroy", "nis01", "maui01") == {}
    with pytest.raises(UnavailableError, match="nothing is done to new01 and new02; they may run anywhere"):
        cluster.act("boot", "new01", "new02")


def test_what_is_booted_is_registered_first_and_else_said_why_not(cluster: Cluster, mocker: MockerFixture) -> None:
    def booting(name: str) -> None:
        if name == "new01":
            raise ConfigurationError("its image is on one server only")

    mocker.patch.object(host_events, "booting", side_effect=booting)
    answers = cluster.act("boot", "new01", "nis01")
    assert answers == {
        "new01": Handled(78, "its image is on one server only"),
        "nis01": Handled(0, "nis01 runs already on snow02"),
    }
    # One alone that was left out is asked for by name: it is an error.
    intent.leave_out(cluster.memory.tree, ["new02"])
    mocker.patch.object(host_events, "booting", side_effect=ConfigurationError("as somebody wanted it"))
    assert cluster.act("boot", "new02") == {"new02": Handled(78, "as somebody wanted it")}
    assert cluster.act("boot", "new02", "nis01")["new02"].status == 0


@pytest.mark.parametrize(
    ("action", "command"),
    [("destroy", "xl destroy old-maui"), ("reboot", "old-maui"), ("reset", "old-maui"), ("console", "old-maui")],
)
def test_xl_is_given_the_name_that_it_knows_the_domain_by(cluster: Cluster, action: str, command: str) -> None:
    parameters = cluster.memory.tree.xpath("//primitive[@id='maui01']/instance_attributes")[0]
    cib.add(parameters, "nvpair", id="x", name="name", value="old-maui")
    cluster.act(action, "maui01")
    assert any(command in " ".join(argv) for argv in cluster.ran)
    assert not any(argv[0] == "xl" and "maui01" in argv for argv in cluster.ran)


# --- to stop


def test_what_does_not_run_is_told_to_stay_so_without_a_word(cluster: Cluster) -> None:
    assert cluster.act("shutdown", "nis02") == {"nis02": Handled(0, "nis02 did not run")}
    assert cluster.said == []
    assert cluster.role("nis02") == "Stopped"


def test_a_stop_has_the_time_of_the_slowest_and_a_minute(cluster: Cluster, clock: Clock) -> None:
    limit(cluster, "nis01", "stop", "170s")
    limit(cluster, "maui01", "stop", "130s")
    cluster.deaf = {"nis01", "maui01"}
    answers = cluster.act("shutdown", "nis01", "maui01")
    assert clock.now_s == 100 + 170 + 60
    assert answers["nis01"].message == (
        "nis01 does not stop on snow02; it still runs, past its time for that; at once: snow destroy nis01"
    )
    assert {answer.status for answer in answers.values()} == {124}


def test_what_is_blocked_or_has_stopped_is_not_waited_for(cluster: Cluster, clock: Clock) -> None:
    cluster.deaf = cluster.blocked = {"nis01"}
    cluster.fail("nis01", "start", "snow02", "of another action")
    cluster.fail("maui01", "stop", "snow02", "of another domain")
    answers = cluster.act("destroy", "nis01", "maui01")
    assert clock.now_s == 100
    assert answers == {
        "nis01": Handled(
            124, "nis01 does not stop on snow02; it still runs, past its time for that; see crm_mon and xl list there"
        ),
        "maui01": Handled(0, "maui01 is destroyed (on snow01)"),
    }
    # Its stop has failed, as far as Pacemaker goes, and not that of the one that still runs.
    assert cleaned(cluster) == ["maui01"]


def test_a_domain_that_somebody_unregisters_meanwhile_has_stopped(cluster: Cluster) -> None:
    real = cluster._state

    def state(tree: cib.Tree | None = None) -> ClusterState:
        found = real(tree)
        return found if tree is not None else found._replace(resources=())

    pacemaker.state.side_effect = state  # type: ignore[attr-defined]
    assert cluster.act("shutdown", "nis01")["nis01"] == Handled(0, "nis01 is shut down (on snow02)")


# --- to boot


def seen(cluster: Cluster, name: str, *later: ResourceState, nodes: bool = True) -> None:
    """Pacemaker's looks at a domain, one after the other; the last one stays."""
    looks, real = list(later), cluster._state

    def state(tree: cib.Tree | None = None) -> ClusterState:
        found = real(tree)
        if tree is None or not looks[1:]:
            this = looks.pop(0) if looks[1:] else looks[0]
            others = tuple(each for each in found.resources if each.id != name)
            found = found._replace(resources=(*others, this), nodes=found.nodes if nodes else ())
        return found

    pacemaker.state.side_effect = state  # type: ignore[attr-defined]


RUNS = ResourceState("nis02", "Started", ("snow01",), managed=True, failed=False, blocked=False)
IDLE = RUNS._replace(role="Stopped", servers=())


@pytest.mark.parametrize(
    "not_yet",
    [IDLE, RUNS._replace(failed=True), RUNS._replace(role="Starting"), RUNS._replace(servers=())],
    ids=["stopped", "failed", "starting", "nowhere"],
)
def test_a_boot_is_waited_for_until_the_domain_runs(
    cluster: Cluster, clock: Clock, mocker: MockerFixture, not_yet: ResourceState
) -> None:
    mocker.patch.object(pacemaker, "is_idle", return_value=False)
    seen(cluster, "nis02", not_yet, not_yet, RUNS)
    assert cluster.act("boot", "nis02") == {"nis02": Handled(0, "nis02 runs on snow01")}
    assert clock.now_s == 120


def test_a_boot_has_the_time_of_its_start_and_a_minute(cluster: Cluster, clock: Clock, mocker: MockerFixture) -> None:
    mocker.patch.object(pacemaker, "is_idle", return_value=False)
    limit(cluster, "nis02", "start", "300s")
    cluster.deaf = {"nis02"}
    answer = cluster.act("boot", "nis02")["nis02"]
    assert clock.now_s == 100 + 300 + 60
    assert answer.status == UnavailableError.exit_code
    assert answer.message == "nis02 does not run; no server may have it, or has the memory for it; see snow ha status"


def test_once_pacemaker_has_nothing_left_to_do_nobody_waits(
    cluster: Cluster, clock: Clock, mocker: MockerFixture
) -> None:
    """It may have begun in the last moment: one looks once more."""
    mocker.patch.object(pacemaker, "is_idle", return_value=True)
    cluster.deaf = {"nis02"}
    assert cluster.act("boot", "nis02", "maui01")["nis02"].status == UnavailableError.exit_code
    assert clock.now_s == 100
    seen(cluster, "nis02", IDLE, RUNS)
    assert cluster.act("boot", "nis02") == {"nis02": Handled(0, "nis02 runs on snow01")}


@pytest.mark.parametrize(
    "last", [IDLE, RUNS._replace(failed=True), RUNS._replace(role="Starting"), RUNS._replace(servers=())]
)
def test_what_only_seems_to_run_at_last_does_not(cluster: Cluster, last: ResourceState) -> None:
    seen(cluster, "nis02", last)
    assert cluster.act("boot", "nis02")["nis02"].status == UnavailableError.exit_code


def test_where_no_server_takes_domains_that_is_the_reason(cluster: Cluster) -> None:
    cluster.deaf = {"nis02"}
    seen(cluster, "nis02", IDLE, nodes=False)
    rules = cib.section(cluster.memory.tree, "constraints")
    cib.add(rules, "rsc_location", id="ban", rsc="nis02", node="snow01", score="-INFINITY")
    assert "nis02 does not run; no server takes domains; see" in cluster.act("boot", "nis02")["nis02"].message
    # What the agent said comes before all else.
    cluster.fail("nis02", "start", "snow01", "no image")
    cluster.fail("nis02", "monitor", "snow01", "it was gone")
    assert (
        "nis02 does not run; on snow01: no image; see"
        in domain_actions._not_started(
            domain_actions.Task(cluster.memory, cluster.memory.tree, ["nis02"], "boot", print), ["nis02"]
        )["nis02"].message
    )


def test_rules_that_only_prefer_or_are_about_others_are_no_reason(cluster: Cluster) -> None:
    cluster.deaf = {"nis02"}
    rules = cib.section(cluster.memory.tree, "constraints")
    cib.add(rules, "rsc_location", id="rather-not", rsc="nis02", node="snow01", score="-100")
    cib.add(rules, "rsc_location", id="another", rsc="nis01", node="snow01", score="-INFINITY")
    assert "does not run; no server may have it, or has" in cluster.act("boot", "nis02")["nis02"].message


# --- in place


def test_a_reboot_is_told_before_and_after_and_pacemaker_is_let_finish_first(cluster: Cluster) -> None:
    assert cluster.act("reboot", "nis01", "nis02") == {
        "nis01": Handled(0, "nis01 was rebooted on snow02"),
        "nis02": Handled(1, "nis02 does not run; start it: snow boot nis02"),
    }
    assert cluster.said == ["nis01: rebooting, and waiting for the guest"]
    assert cluster.ran[0] == ["crm_resource", "--wait", "--timeout=30s"]
    assert cluster.role("nis02") == "Started"


def test_a_reset_says_nothing_before_and_does_not_wait_for_pacemaker_for_ever(
    cluster: Cluster, mocker: MockerFixture
) -> None:
    real = cluster._run

    def busy(argv: Sequence[str], **options: object) -> Result:
        result = real(argv, **options)
        return Result(tuple(argv), 124, b"", b"") if "--wait" in argv else result

    domain_actions.pacemaker.command.run.side_effect = busy  # type: ignore[attr-defined]
    assert cluster.act("reset", "maui01") == {"maui01": Handled(0, "maui01 was reset on snow01")}
    assert cluster.said == []
    (line,) = [argv for argv in cluster.ran if argv[0] == "sh"]
    assert line[-2:] == ["maui01", "/sNow/snow-tools/etc/domains/maui01.cfg"]


def test_only_those_that_run_are_paused(cluster: Cluster, mocker: MockerFixture) -> None:
    pause, ending = mocker.spy(intent, "pause"), mocker.spy(domain_actions.pacemaker, "ending_pauses")
    cluster.act("reset", "nis01", "nis02")
    assert {tuple(call.args[1]) for call in pause.call_args_list} == {("nis01",)}
    ending.assert_called_once_with(["nis01"])


def test_without_quorum_all_that_are_meant_are_named(cluster: Cluster) -> None:
    cluster.memory.tree.set("have-quorum", "0")
    with pytest.raises(NoQuorumError, match="nothing is done to nis01 and maui01;"):
        cluster.act("reboot", "nis01", "nobody", "maui01")
