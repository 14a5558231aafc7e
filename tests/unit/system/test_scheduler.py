"""The real scheduler by crm_simulate: what it would do, its scores, and sizes as it reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.errors import DataError, TimedOutError
from snow_ha_plugin.model import Answer
from snow_ha_plugin.system import command, scheduler
from tests.captures import domain, guide_cluster
from tests.unit.core.test_cib import with_parts


def test_the_scheduler_leaves_a_healthy_cluster_alone() -> None:
    assert scheduler.ask(guide_cluster()).actions == ()


def test_the_scheduler_tells_what_it_would_do_and_where() -> None:
    tree = guide_cluster()
    primitive.register(tree, domain(), 80)
    cib.remove_resource(tree, "nis01")
    where = tree.xpath("//lrm_resource[@id='maui01']/lrm_rsc_op[@rc-code='0']/@on_node")[0]
    away = f'<rsc_location id="b" rsc="maui01" node="{where}" score="-INFINITY"/>'
    cib.section(tree, "constraints").append(
        cib.parse(cib.serialize(with_parts(constraints=away))).find(".//rsc_location")
    )
    found = {action.resource: action for action in scheduler.ask(tree).actions}
    assert found["web01"].task == "start"
    assert found["maui01"].task in ("migrate", "move")
    assert found["maui01"].node in ("snow01", "snow02")


def test_everything_stays_where_it_is_without_an_action() -> None:
    answer = scheduler.ask(guide_cluster())
    assert answer.before == answer.after
    assert all(len(servers) == 1 for servers in answer.after.values())


def test_scores_and_sizes_are_those_of_its_own_reading() -> None:
    tree = guide_cluster()
    ban = '<rsc_location id="b" rsc="maui01" node="snow01" score="-INFINITY"/>'
    cib.section(tree, "constraints").append(
        cib.parse(cib.serialize(with_parts(constraints=ban))).find(".//rsc_location")
    )
    answer = scheduler.ask(tree)
    assert answer.scores["maui01"]["snow01"] == -1_000_000
    assert answer.scores["maui01"]["snow02"] > -1_000_000
    written = {name: int(primitive.utilization["hv_memory"]) for name, primitive in cib.domains(tree).items()}
    assert {name: answer.sizes[name]["hv_memory"] for name in written} == written
    assert answer.capacities["snow01"]["hv_memory"] == 15360


def test_a_lost_server_leaves_its_domains_to_the_others() -> None:
    tree = guide_cluster()
    probes.fail(tree, ["snow01"], fenced=False, quorum=True)
    answer = scheduler.ask(tree)
    assert set(answer.after.values()) == {("snow02",)}
    _, settled = scheduler.carry_out(tree)
    assert scheduler.ask(settled).before == answer.after


def test_a_migration_between_its_halves_is_seen_as_in_the_whole_cib() -> None:
    tree = guide_cluster()
    (source,) = scheduler.ask(tree).before["nis01"]
    (target,) = {"snow01", "snow02"} - {source}
    here = tree.find(f"status/node_state[@uname='{source}']//lrm_resource[@id='nis01']")
    for operation in list(here)[1:]:
        cib.drop(operation)
    ends = {"migrate_source": source, "migrate_target": target}
    here[0].attrib.update({"operation": "migrate_to", "operation_key": "nis01_migrate_to_0", "rc-code": "0", **ends})
    there = tree.find(f"status/node_state[@uname='{target}']//lrm_resource[@id='nis01']")
    assert [operation.get("rc-code") for operation in there] == ["7"]
    assert set(scheduler.ask(tree).before["nis01"]) == {source, target}


def test_without_quorum_nothing_runs() -> None:
    tree = guide_cluster()
    probes.fail(tree, ["snow01"], fenced=False, quorum=False)
    assert set(scheduler.ask(tree).after.values()) == {()}


def test_each_failure_has_its_answer_and_one_without_time_its_error() -> None:
    tree = guide_cluster()
    failures = {
        "snow01": lambda edited: probes.fail(edited, ["snow01"], fenced=False, quorum=True),
        "snow02": lambda edited: probes.fail(edited, ["snow02"], fenced=False, quorum=True),
    }
    _, taken = scheduler.take(tree)
    answers: dict[str, Any] = {**scheduler.ask_each(taken, failures, within_s=60)}
    assert {name: set(answers[name].after.values()) for name in failures} == {
        "snow01": {("snow02",)},
        "snow02": {("snow01",)},
    }
    assert all(not (answer.scores or answer.sizes) for answer in answers.values())
    assert all(isinstance(found, TimedOutError) for found in scheduler.ask_each(taken, failures, within_s=0).values())


def test_what_was_taken_is_asked_about_without_a_schema_and_the_answer_is_the_same(mocker: MockerFixture) -> None:
    tree = guide_cluster()
    # Of Pacemaker 2, and upgraded by the scheduler before it reads it.
    tree.set("validate-with", "pacemaker-2.0")
    answer, taken = scheduler.take(tree)
    assert answer == scheduler.ask(tree)
    assert taken.get("validate-with", "") > "pacemaker-3"

    def lose(edited: cib.Tree) -> None:
        probes.fail(edited, ["snow01"], fenced=True, quorum=True)

    asked = mocker.spy(scheduler.verification, "scratch")
    alone = scheduler.ask_each(taken, {"snow01": lose}, within_s=60)["snow01"]
    assert asked.call_args.args[0].get("validate-with") == "none"
    lose(tree)
    assert isinstance(alone, Answer)
    assert (alone.actions, alone.after) == (scheduler.ask(tree).actions, scheduler.ask(tree).after)
    assert alone.actions


def test_a_guest_node_is_taken_as_it_is_configured() -> None:
    """crm_simulate saves the resource that the scheduler connects to it by, too: container-is-remote-node of its
    own inputs then lost what runs in it by the failure of any server."""
    tree = guide_cluster()
    cib.put_pairs(cib.resource(tree, "nis01"), "meta_attributes", "mine", {"remote-node": "inside"})
    _, taken = scheduler.take(tree)
    assert sorted(taken.xpath("configuration/resources//primitive/@id")) == sorted(
        tree.xpath("configuration/resources//primitive/@id")
    )


@pytest.mark.parametrize("asked", [scheduler.ask, scheduler.take])
def test_a_cib_that_it_cannot_read_is_told_as_such(asked: Callable[[cib.Tree], object]) -> None:
    tree = with_parts(constraints='<rsc_location id="x"/>')
    with pytest.raises(DataError, match="scheduler cannot read"):
        asked(tree)


@pytest.mark.parametrize(
    "verified", [b"", b"(distribute_children) \terror: ping-1:2 is running on remote1 which isn't allowed\n"]
)
def test_what_it_cannot_play_to_its_end_is_told_in_its_own_words(verified: bytes, mocker: MockerFixture) -> None:
    said = "<errors>\n<error>Transition failed: terminated</error>\n<error>An invalid transition was produced</error>"

    def run(argv: Any, **options: Any) -> command.Result:
        if argv[0] == "crm_verify":
            return command.Result(tuple(argv), 78 if verified else 0, b"", verified)
        return command.Result(tuple(argv), 1, f"<pacemaker-result>{said}</errors></pacemaker-result>".encode(), b"")

    mocker.patch.object(command, "run", run)
    with pytest.raises(DataError, match="no answer") as caught:
        scheduler.ask(guide_cluster())
    assert caught.value.details == "Transition failed: terminated, An invalid transition was produced"
