from __future__ import annotations

import json

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.model import Finding, Severity
from tests.captures import guide_cluster, schema_errors

GIVEN = Acceptance("server-standby", "snow01", Severity.WARNING, 1000, 2000, 'a new disk; it\'s "slow"')
FOUND = Finding(Severity.WARNING, "server-standby", "snow01 is in standby", subject="snow01")


def accepted(*given: Acceptance) -> cib.Tree:
    tree = guide_cluster()
    acceptance.accept(tree, given)
    return tree


@pytest.mark.parametrize(
    ("finding", "now", "covered"),
    [
        (FOUND, 1000, True),
        (FOUND, 1999, True),
        (FOUND, 2000, False),
        (FOUND._replace(subject="snow02"), 1000, False),
        (FOUND._replace(id="server-maintenance"), 1000, False),
        (FOUND._replace(severity=Severity.ERROR), 1000, False),
        (FOUND._replace(severity=Severity.INFO), 1000, True),
        (FOUND._replace(message="in other words"), 1000, True),
    ],
    ids=["at-once", "to-the-end", "ended", "other-server", "other-code", "worse", "better", "other-words"],
)
def test_an_acceptance_holds_until_it_ends_or_gets_worse(finding: Finding, now: int, covered: bool) -> None:
    told = acceptance.sort([finding], [GIVEN], now)
    assert (told.open, told.accepted) == (((), ((finding, GIVEN),)) if covered else ((finding,), ()))


def test_what_is_accepted_is_kept_in_the_cib() -> None:
    other = Acceptance("n+1-unknown", "", Severity.WARNING, 1000, 3000)
    tree = accepted(GIVEN, other)
    assert acceptance.acceptances(tree) == (other, GIVEN)
    assert schema_errors(tree) == ""
    assert acceptance.is_accepted(tree, "server-standby", 1500)
    assert not acceptance.is_accepted(tree, "server-standby", 2000)


def test_what_is_accepted_is_in_order_also_where_somebody_has_written_it_twice() -> None:
    pinned = Acceptance("held", "web01", Severity.WARNING, 1000, 3000)
    tree = accepted(GIVEN, pinned._replace(subject="web02"), pinned)
    twice = GIVEN._replace(severity=Severity.ERROR, since=900)
    cib.put_notes(tree, acceptance.SET, {"by-hand": json.dumps(twice._asdict())})
    found = acceptance.acceptances(tree)
    assert [(each.code, each.subject) for each in found] == [
        ("held", "web01"), ("held", "web02"), ("server-standby", "snow01"), ("server-standby", "snow01"),
    ]  # fmt: skip
    assert found[2:] == (GIVEN, twice)


def test_accepting_again_takes_the_place_of_before() -> None:
    tree = accepted(GIVEN)
    later = GIVEN._replace(since=1500, until=2500, reason="")
    assert acceptance.accept(tree, [GIVEN]) == []
    assert [change.target for change in acceptance.accept(tree, [later])] == ["server-standby snow01"]
    assert acceptance.acceptances(tree) == (later,)


def test_what_has_ended_goes_with_the_next() -> None:
    tree = accepted(GIVEN)
    other = Acceptance("held", "web01", Severity.WARNING, 2000, 3000)
    acceptance.accept(tree, [other])
    assert acceptance.acceptances(tree) == (other,)


def test_the_last_one_that_ends_leaves_nothing_behind() -> None:
    tree = accepted(GIVEN, GIVEN._replace(subject="snow02"))
    assert [change.target for change in acceptance.end(tree, GIVEN.code, "snow02")] == ["server-standby snow02"]
    assert acceptance.acceptances(tree) == (GIVEN,)
    assert acceptance.end(tree, "held") == []
    assert len(acceptance.end(tree, GIVEN.code)) == 1
    assert cib.serialize(tree) == cib.serialize(guide_cluster())


@pytest.mark.parametrize("value", ["", "yes", "[]", "{}", '{"code": "held"}'])
def test_what_somebody_has_made_unreadable_accepts_nothing(value: str) -> None:
    tree = accepted(GIVEN)
    (pair,) = tree.xpath(f"//*[@id='{acceptance.SET}']/nvpair")
    pair.set("value", value)
    assert acceptance.acceptances(tree) == ()


def test_what_covers_a_finding_is_the_first_that_does_and_the_others_stay_open() -> None:
    later = GIVEN._replace(until=5000)
    other = FOUND._replace(subject="snow02")
    told = acceptance.sort([other, FOUND], [GIVEN._replace(code="held"), GIVEN, later], 1500)
    assert (told.open, told.accepted) == ((other,), ((FOUND, GIVEN),))


def test_they_are_told_by_code_and_subject() -> None:
    one, two = GIVEN._replace(subject="snow02"), GIVEN._replace(code="held", subject="web01")
    tree = accepted(one, GIVEN, two)
    assert [(each.code, each.subject) for each in acceptance.acceptances(tree)] == [
        ("held", "web01"), ("server-standby", "snow01"), ("server-standby", "snow02"),
    ]  # fmt: skip


@pytest.mark.parametrize(("subject", "what"), [("snow01", "server-standby snow01"), ("", "server-standby")])
def test_each_has_an_option_of_its_own_and_is_told_by_what_it_is_of(subject: str, what: str) -> None:
    tree = guide_cluster()
    (change,) = acceptance.accept(tree, [GIVEN._replace(subject=subject, until=1000 + 86400)])
    assert (change.action, change.target, change.message) == ("accept", what, f"leave {what} aside for 1 d")
    (pair,) = cib.notes(tree, acceptance.SET)
    assert pair.get("name", "").startswith("snow-ha-accepted-")
    (ended,) = acceptance.end(tree, GIVEN.code)
    assert (ended.action, ended.target) == ("end", what)


def test_one_that_ends_at_this_second_has_ended() -> None:
    tree = accepted(GIVEN)
    assert not acceptance.is_accepted(tree, "held", 1500)
    assert acceptance.is_accepted(tree, GIVEN.code, GIVEN.until - 1)
    assert not acceptance.is_accepted(tree, GIVEN.code, GIVEN.until)
    acceptance.accept(tree, [Acceptance("held", "web01", Severity.WARNING, GIVEN.until - 1, 3000)])
    assert GIVEN in acceptance.acceptances(tree)
    assert acceptance.accept(tree, []) == []
    assert GIVEN in acceptance.acceptances(tree)


@pytest.mark.parametrize("key", ["code", "subject", "severity", "since", "until", "reason"])
def test_one_that_lacks_a_part_is_none(key: str) -> None:
    values = {**GIVEN._asdict(), "severity": "warning"}
    assert acceptance.read(json.dumps(values)) == GIVEN
    del values[key]
    assert acceptance.read(json.dumps(values)) is None


def test_what_is_unreadable_stays_where_something_else_ends() -> None:
    tree = accepted(GIVEN)
    cib.put_notes(tree, acceptance.SET, {"snow-ha-accepted-x": "unreadable"})
    acceptance.end(tree, GIVEN.code)
    assert [pair.get("value") for pair in cib.notes(tree, acceptance.SET)] == ["unreadable"]
