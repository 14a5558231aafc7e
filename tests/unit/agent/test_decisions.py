"""The tables themselves are the specification; here are what must be true of them, and of how they are read."""

from __future__ import annotations

from itertools import product

import pytest

from snow_ha_plugin.agent import decisions
from snow_ha_plugin.agent.decisions import GRAVITY, RECOVERY, TABLE, passes, recovery, verdict, word
from snow_ha_plugin.agent.domains import STATES
from tests.unit.agent.xl_lists import FLAGS, FORMS, instance, instances

STOP = {"shut-down", "let-reboot", "destroy", "linger"}
EACH = [instance(form, state) for form, state in product(FORMS, FLAGS)]
LEFT_HERE = ("runs", "frozen", "given-away", "lost")
LEFT_THERE = ("runs", "whole", "never-ran", "nothing", "has-run", "other", "silent")


def test_the_table_has_one_line_for_each_form_and_state() -> None:
    keys = [tuple(line.split()[:2]) for line in TABLE.strip().splitlines()[1:]]
    states = [state.replace(" ", "-") for state in STATES]
    assert sorted(keys) == sorted([*product(("own", "incoming", "away"), states), ("nothing", "-")])


def test_the_table_has_no_word_that_nothing_is_done_about() -> None:
    for each in EACH:
        assert word("passes", each) in ("yes", "no")
        assert word("stop", each) in STOP
        for question, words in GRAVITY.items():
            assert word(question, each) in words
    for question, words in GRAVITY.items():
        assert verdict(question, []) in words


@pytest.mark.parametrize("question", GRAVITY)
def test_every_word_of_a_question_occurs(question: str) -> None:
    assert {word(question, each) for each in EACH} | {verdict(question, [])} == set(GRAVITY[question])


def test_only_the_domain_itself_is_an_answer_to_be_content_with() -> None:
    for each in EACH:
        assert (word("monitor", each) == "fine") == each.is_the_domain
        assert (word("probe", each) == "fine") == each.is_the_domain
        assert (word("start", each) == "done") == each.is_the_domain
        assert (word("arrival", each) == "arrived") == each.is_the_domain


def test_what_runs_is_never_absent_and_never_removed() -> None:
    for each in EACH:
        if each.state == "running":
            assert word("probe", each) in ("fine", "failed")
            assert word("start", each) in ("done", "refuse")
            assert word("target", each) == word("elsewhere", each) == "refuse"


def test_only_an_incoming_domain_is_removed_before_it_is_started_or_received() -> None:
    for each in EACH:
        is_removed = each.form == "--incoming" and each.state in ("paused", "never scheduled", "dying")
        assert (word("start", each) == "remove") == is_removed
        assert (word("target", each) == "remove") == is_removed
        assert (word("probe", each) == "absent") == is_removed
        if is_removed:
            assert word("passes", each) == "no", "nobody would wait for it"


def test_stop_asks_only_who_can_hear_and_destroys_all_that_is_left() -> None:
    for each in EACH:
        expected = {"dying": "linger"}.get(each.state, "destroy")
        if each.form == "":
            expected = {"running": "shut-down", "rebooting": "let-reboot"}.get(each.state, expected)
        assert word("stop", each) == expected


@pytest.mark.parametrize(
    ("question", "found", "expected"),
    [
        ("monitor", [], "absent"),
        ("monitor", ["own running", "incoming never scheduled"], "fine"),
        ("monitor", ["own running", "away suspended"], "fine"),
        ("monitor", ["own running", "away running"], "failed"),
        ("monitor", ["own crashed", "incoming paused"], "failed"),
        ("monitor", ["incoming paused"], "beside"),
        ("probe", ["incoming paused", "incoming dying"], "absent"),
        ("probe", ["incoming paused", "away off"], "beside"),
        ("probe", ["own running", "incoming running"], "failed"),
        ("start", [], "create"),
        ("start", ["incoming paused", "own paused"], "done"),
        ("start", ["incoming paused", "own crashed"], "refuse"),
        ("start", ["incoming paused"], "remove"),
        ("source", [], "refuse"),
        ("source", ["own running"], "migrate"),
        ("source", ["own running", "incoming paused"], "refuse"),
        ("target", [], "migrate"),
        ("target", ["incoming paused"], "remove"),
        ("target", ["incoming paused", "away suspended"], "refuse"),
        ("arrival", [], "fail"),
        ("arrival", ["incoming paused"], "wait"),
        ("arrival", ["incoming paused", "own running"], "arrived"),
        ("elsewhere", [], "ignore"),
        ("elsewhere", ["away suspended"], "ignore"),
        ("elsewhere", ["own rebooting"], "refuse"),
        ("elsewhere", ["away suspended", "own paused"], "refuse"),
    ],
)
def test_the_gravest_word_counts(question: str, found: list[str], expected: str) -> None:
    assert verdict(question, instances(*found)) == expected
    assert verdict(question, instances(*reversed(found))) == expected


def test_one_that_passes_is_enough_to_look_again() -> None:
    assert passes(instances("own running", "own dying"))
    assert not passes(instances("own running", "incoming dying"))
    assert not passes([])


def test_the_table_of_recovery_has_an_answer_to_everything() -> None:
    given = [line.split() for line in RECOVERY.strip().splitlines()[1:]]
    keys = [(here, target) for here, target, _ in given]
    wanted = [
        (here, target) for here in LEFT_HERE for target in (LEFT_THERE if decisions.asks_target(here) else ("any",))
    ]
    assert sorted(keys) == sorted(wanted)
    assert {what for *_, what in given} == {"stay", "resume", "take-back", "finish", "give-up", "neither", "unknown"}


@pytest.mark.parametrize("here", LEFT_HERE)
@pytest.mark.parametrize("target", LEFT_THERE)
def test_recovery_lets_a_domain_run_once(here: str, target: str) -> None:
    what = recovery(here, target)
    if here == "given-away" and target in ("runs", "has-run", "other", "silent"):
        assert what not in ("resume", "take-back", "stay"), "the target may have run it"
    if what == "give-up":
        assert target == "runs", "what is here is destroyed only for what runs there"
    if target == "silent" and here in ("given-away", "lost"):
        assert what == "unknown"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["own running"], "runs"),
        (["own paused", "incoming suspended"], "runs"),
        (["own suspended"], "frozen"),
        (["away suspended"], "given-away"),
        (["incoming paused", "away suspended"], "given-away"),
        (["own crashed"], "lost"),
        (["own rebooting"], "lost"),
        ([], "lost"),
    ],
)
def test_what_a_migration_left_at_its_source(found: list[str], expected: str) -> None:
    assert decisions.left_here(instances(*found)) == expected


@pytest.mark.parametrize(
    ("found", "said", "expected"),
    [
        (["own running"], "", "runs"),
        (["incoming dying", "own paused"], "", "runs"),
        (["incoming never scheduled"], "", "whole"),
        (["own never scheduled"], "", "whole"),
        (["incoming never scheduled", "incoming never scheduled"], "", "never-ran"),
        (["own never scheduled"], "migration target: Got permission, starting domain.", "whole"),
        (["incoming dying"], "", "other"),
        (["own crashed"], "", "other"),
        (["incoming paused"], "", "other"),
        ([], "", "nothing"),
        ([], "migration target: Transfer complete, requesting permission to start domain.", "nothing"),
        ([], "migration target: Got permission, starting domain.", "has-run"),
        ([], "Got permission, starting domain.\nmigration target: Failure, destroying our copy.", "nothing"),
    ],
)
def test_what_a_migration_left_on_its_target(found: list[str], said: str, expected: str) -> None:
    assert decisions.left_on_target(instances(*found), said) == expected


def test_a_received_domain_that_dies_without_having_run_is_no_loss() -> None:
    dying = instances("incoming dying")
    dying[0].cpu_s = 0.0
    assert decisions.left_on_target(dying, "") == "never-ran"
