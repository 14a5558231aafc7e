from __future__ import annotations

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
