"""The choice of faults: the same for the same seed, only what a lab can show, and written down without loss."""

from __future__ import annotations

import pytest

from tests.chaos import choice
from tests.chaos.choice import KINDS
from tests.chaos.faults import Fault, Round, Setting, from_json, to_json
from tests.chaos.ways import WAYS

PAIR = Setting(("snow01", "snow02"), ("proxy01", "nis01"), 5.0, WAYS["ipmi"].parts)
THREE = Setting(("snow01", "snow02", "snow03"), ("proxy01",), 5.0, WAYS["sbd"].parts)


def rounds(seed: int, setting: Setting = PAIR, count: int = 300) -> list[Round]:
    kinds = choice.available(setting)
    return [choice.choose(seed, number, setting, kinds) for number in range(count)]


def test_the_same_seed_gives_the_same_rounds_and_another_one_others() -> None:
    assert rounds(1) == rounds(1)
    assert rounds(1) != rounds(2)


def test_a_round_does_not_depend_on_those_before_it() -> None:
    assert choice.choose(3, 7, PAIR, choice.available(PAIR)) == rounds(3)[7]


def test_every_kind_comes_and_some_come_together() -> None:
    played = rounds(1, count=1000)
    needed = PAIR.parts
    assert {fault.kind for faults in played for fault in faults} == {
        k.name for k in KINDS.values() if k.needs <= needed
    }
    assert {len(faults) for faults in played} == {1, 2}


def test_faults_name_what_there_is() -> None:
    for fault in (fault for faults in rounds(2) for fault in faults):
        assert fault.server in (*PAIR.servers, "")
        assert fault.domain in (*PAIR.domains, "")
        assert fault.seconds >= 0
        assert fault.at_s >= 0


def test_without_a_part_of_the_lab_its_faults_are_left_out() -> None:
    bare = Setting(PAIR.servers, PAIR.domains, 5.0, frozenset())
    names = {kind.name for kind in choice.available(bare)}
    assert "power-off" in names
    assert not names & {"kill-sbd", "freeze", "shared-hang", "bmc-dead", "migration-fails"}


@pytest.mark.parametrize("names", [["no-such-fault"], ["bmc-lies"]])
def test_a_fault_that_cannot_be_shown_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match=names[0]):
        choice.available(THREE, names)


def test_what_is_written_down_is_read_again() -> None:
    played = rounds(4)
    assert from_json(to_json(played)) == played


def test_a_list_of_faults_is_one_round() -> None:
    assert from_json('[{"kind":"cut","server":"snow01"}]') == [(Fault("cut", server="snow01"),)]


@pytest.mark.parametrize("text", ["", "{}", "[]", '[{"server":"snow01"}]', '[{"kind":"cut","colour":"red"}]'])
def test_what_is_no_list_of_faults_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(text)


@pytest.mark.parametrize(
    ("setting", "faults", "allowed"),
    [
        (PAIR, [Fault("power-off", server="snow01")], {"snow01"}),
        (PAIR, [Fault("power-off-all")], {"snow01", "snow02"}),
        (PAIR, [Fault("shut-down", server="snow01")], set()),
        (PAIR, [Fault("kill", server="snow02", what="corosync")], {"snow02"}),
        # Of two servers nobody can say which has lost the other; of three the one that is alone has.
        (PAIR, [Fault("cut", seconds=9, server="snow01", what="both")], {"snow01", "snow02"}),
        (THREE, [Fault("cut", seconds=9, server="snow01", what="both")], {"snow01"}),
        (PAIR, [Fault("cut", seconds=1, server="snow01", what="both")], set()),
        (PAIR, [Fault("freeze", seconds=1, server="snow01")], set()),
        (PAIR, [Fault("freeze", seconds=9, server="snow01")], {"snow01"}),
        (PAIR, [Fault("shared-hang", seconds=30)], set()),
        (PAIR, [Fault("shared-fail", seconds=30, server="snow01")], {"snow01"}),
        (PAIR, [Fault("xl-hang", seconds=30, server="snow01")], set()),
        (PAIR, [Fault("xl-hang", seconds=80, server="snow01")], {"snow01"}),
        (PAIR, [Fault("guest", what="crash", domain="nis01")], set()),
        # One of two that is shut down leaves the other without anybody to see when the file system hangs.
        (PAIR, [Fault("shut-down", server="snow01"), Fault("shared-hang", seconds=30)], {"snow01", "snow02"}),
        (PAIR, [Fault("guest", what="crash", domain="nis01"), Fault("freeze", server="snow01")], {"snow01"}),
    ],
)
def test_who_may_be_reset(setting: Setting, faults: list[Fault], allowed: set[str]) -> None:
    assert choice.may_be_reset(tuple(faults), setting) == allowed


def test_who_goes_down_in_good_order() -> None:
    assert choice.goes_down((Fault("reboot", server="snow01"), Fault("cut", server="snow02"))) == {"snow01"}
