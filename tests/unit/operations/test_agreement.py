"""Plans that the real scheduler agrees to, and what is done where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.decision import Enforced, Wishes
from snow_ha_plugin.errors import TimedOutError, TryAgainError
from snow_ha_plugin.model import Action
from snow_ha_plugin.operations import agreement
from snow_ha_plugin.operations.agreement import Agreement, agree
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import scheduler
from tests.scenarios import cluster

SKEWED = """
server snow01 16384 4
server snow02 16384 4
domain a 4096 {vcpus} on snow01
domain b 4096 {vcpus} on snow01
domain c 2048 {vcpus} on snow01
"""


LEVEL = """
server snow01 16384 4
server snow02 16384 4
domain a 2048 1 on snow01
domain b 2048 1 on snow01
domain c 2048 1 on snow02
domain d 2048 1 on snow02
"""


def agreed(text: str) -> Agreement:
    return agree(Outlook(cluster.read(text).tree), {}, Wishes(), rules_move=True)


def test_sizes_are_put_in_force_where_everything_fits_by_each_of_them() -> None:
    found = agreed(SKEWED.format(vcpus=2))
    assert (found.decision.enforced, found.refused, found.after.holds) == (Enforced.SIZES, "", True)
    assert found.decision.targets


def test_vcpus_are_not_put_in_force_where_a_failure_would_then_cost_domains() -> None:
    found = agreed(SKEWED.format(vcpus=6))
    assert (found.decision.enforced, found.after.holds) == (Enforced.MEMORY, True)
    tree = cluster.read(SKEWED.format(vcpus=6)).tree
    found.decision.edit(tree, found.decision.moving)
    capacity = [node.xpath("utilization[@score='1']/nvpair/@value")[0] for node in tree.iter("node")]
    assert capacity == ["18", "18"]
    assert [node.cpus for node in cib.nodes(tree)] == [4, 4]


def test_a_colocation_that_pulls_others_along_is_planned_around() -> None:
    pulled = '<rsc_colocation id="x" rsc="b" with-rsc="a" score="5000"/>'
    found = agreed(f"{SKEWED.format(vcpus=1)}xml constraints {pulled}\n")
    assert not found.refused
    assert {"a", "b"} <= found.decision.targets.keys() or not {"a", "b"} & found.decision.targets.keys()


def test_two_that_would_both_leave_each_other_and_meet_again_are_not_moved_in_circles() -> None:
    apart = '<rsc_colocation id="x" rsc="a" with-rsc="b" score="-1000"/>'
    together = '<rsc_colocation id="y" rsc="b" with-rsc="a" score="10"/>'
    found = agreed(f"{LEVEL}xml constraints {apart}\nxml constraints {together}\n")
    assert not found.refused
    assert len({"a", "b"} & found.decision.targets.keys()) == 1, "the other one stays, and they are apart"


def test_a_plan_for_a_domain_that_was_removed_meanwhile_is_not_written() -> None:
    tree = cluster.read(SKEWED.format(vcpus=1)).tree
    decision = agree(Outlook(tree), {}, Wishes(), rules_move=True).decision
    cib.remove_resource(tree, "b")
    before = cib.serialize(tree)
    with pytest.raises(TryAgainError, match="somebody else has removed b"):
        decision.edit(tree, decision.final)
    assert cib.serialize(tree) == before


def test_sizes_that_would_make_the_scheduler_slow_are_not_put_in_force(mocker: MockerFixture) -> None:
    real = scheduler.ask

    def slow(tree: cib.Tree, **options: Any) -> Any:
        if cib.goes_by_sizes(tree):
            assert options["timeout_s"] == agreement.PATIENCE_S
            raise TimedOutError("crm_simulate did not end within 15 s")
        return real(tree, **options)

    asked = mocker.patch.object(scheduler, "ask", side_effect=slow)
    found = agreed(SKEWED.format(vcpus=1))
    assert found.decision.enforced == Enforced.NOTHING
    assert sum(cib.goes_by_sizes(call.args[0]) for call in asked.call_args_list) == 1


def test_a_plan_of_migrations_alone_is_asked_about_and_not_played(mocker: MockerFixture) -> None:
    play = mocker.spy(scheduler, "carry_out")
    found = agreed(SKEWED.format(vcpus=1))
    assert (bool(found.decision.targets), found.refused, play.call_count) == (True, "", 0)


def test_what_else_happens_is_played_and_so_is_what_the_scheduler_reads_otherwise(mocker: MockerFixture) -> None:
    play = mocker.spy(scheduler, "carry_out")
    found = agreed(SKEWED.format(vcpus=1) + "domain starting 1024 1\n")
    assert (bool(found.decision.targets), found.refused, play.call_count) == (True, "", 1)
    mocker.patch.object(agreement.simulation.probes, "migrated", side_effect=lambda tree, answer: cib.clone(tree))
    found = agreed(SKEWED.format(vcpus=1))
    assert (bool(found.decision.targets), found.refused, play.call_count) == (True, "", 2)


def test_where_nothing_would_move_and_the_scheduler_does_otherwise_that_is_the_reason(mocker: MockerFixture) -> None:
    real = scheduler.ask

    def ask(tree: cib.Tree, **options: Any) -> Any:
        answer = real(tree, **options)
        return answer._replace(actions=(*answer.actions, Action("migrate", "a", "snow02")))

    mocker.patch.object(scheduler, "ask", side_effect=ask)
    found = agreed(LEVEL)
    assert found.refused == "Pacemaker would do otherwise: a would go to snow02, migrate a"
    assert (found.decision.moving, found.decision.resting, found.decision.final) == ((), (), ())
    assert found.decision.enforced == Enforced.NOTHING
    # What would move is moved without it, or not at all, and the plan ends all the same.
    found = agreed(SKEWED.format(vcpus=1).replace("domain c 2048", "domain c 2049"))
    assert "a" not in found.decision.targets or not found.refused


@pytest.mark.parametrize(("by_sizes", "patience_s"), [("", agreement.PATIENCE_S), ("balanced", scheduler.TIMEOUT_S)])
def test_only_what_is_not_in_force_yet_is_asked_about_with_little_patience(
    mocker: MockerFixture, by_sizes: str, patience_s: float
) -> None:
    asked = mocker.spy(scheduler, "ask")
    option = f"option placement-strategy={by_sizes}\n" if by_sizes else ""
    assert agreed(LEVEL + option).decision.enforced == Enforced.SIZES
    assert {call.kwargs["timeout_s"] for call in asked.call_args_list} == {patience_s}


def test_rules_that_only_rest_are_what_the_failures_are_asked_about(mocker: MockerFixture) -> None:
    """Where the moves are live migrations, what pulls is taken out again, and other rules stay."""
    settle = mocker.spy(agreement.simulation, "settled")
    tree = cluster.read(SKEWED.format(vcpus=1)).tree
    found = agree(Outlook(tree), {}, Wishes(), rules_move=False)
    assert found.decision.targets
    assert (found.refused, found.after.holds) == ("", True)
    moving, _, final = settle.call_args.args[:3]
    expected = cib.clone(tree)
    found.decision.edit(expected, found.decision.final)
    assert cib.serialize(final) == cib.serialize(expected)
    assert cib.serialize(final) != cib.serialize(moving)


PACKED = """
server snow01 16384 8
server snow02 16384 8
server snow03 16384 8
domain a 4096 1 on snow01 allow-migrate=false
domain b 4096 1 on snow01 allow-migrate=false
domain c 8192 1 on snow02 allow-migrate=false
domain d 8192 1 on snow03 allow-migrate=false
domain z 8192 1 on snow01 allow-migrate=false
option placement-strategy=balanced
"""


def test_what_only_fits_largest_first_is_what_the_scheduler_says_and_large_domains_get_the_priority() -> None:
    now = Outlook(cluster.read(PACKED).tree)
    assert dict(now.n_plus_1.stranded) == {"snow01": ("z",)}
    found = agree(now, {}, Wishes(), rules_move=True)
    priorities = found.decision.priorities
    assert (found.after.holds, found.decision.targets) == (True, {})
    assert priorities["z"] > priorities["a"] == priorities["b"]


def test_what_no_plan_can_avoid_is_refused_with_the_reason(mocker: MockerFixture) -> None:
    mocker.patch.object(agreement.losses, "worse", return_value={"snow02": ("a",)})
    # Fuller than one server can take: any plan has failures that cost something.
    found = agreed(SKEWED.format(vcpus=1) + "domain d 8192 1 on snow02\n")
    assert found.refused == "if snow02 failed then, a would be lost, and today would not"
    assert not found.decision.targets
    assert (found.decision.moving, found.findings[0].id) == ((), "no-plan")


@pytest.mark.parametrize("section", ["status", "constraints"])
def test_the_cib_is_left_as_it_was(section: str) -> None:
    tree = cluster.read(SKEWED.format(vcpus=1)).tree
    before = cib.serialize(tree.find(".//" + section))
    agree(Outlook(tree), {}, Wishes(), rules_move=True)
    assert cib.serialize(tree.find(".//" + section)) == before
