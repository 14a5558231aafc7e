"""Double runs: what the record tells of them, and where they are kept until somebody has acknowledged them."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import ran_twice
from snow_ha_plugin.core.reports import doubles, findings
from snow_ha_plugin.core.reports.doubles import RanTwice
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.model import Severity
from tests.captures import guide_cluster, schema_errors
from tests.unit.core.test_cib import canonical

ONE = RanTwice("nis01", ("snow01", "snow02"), 100, 160)


def story(text: str, domain: str = "nis01") -> list[Event]:
    """Of one domain: "0 start snow01; 50 migrate snow01>snow02; 70 fenced snow02"."""
    found = []
    for part in text.split(";"):
        at, what, where = part.split()
        source, _, target = where.rpartition(">")
        if what == "fenced":
            found.append(Event(float(at), Kind.FENCING, where, "snow03"))
        elif source:
            found.append(Event(float(at), Kind.MIGRATE, domain, target, f"from {source}"))
        else:
            said = "start: no such file" if what == "failure" else ""
            found.append(Event(float(at), Kind(what), domain, where, said))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # both started it, both stop it
        ("0 start snow01; 100 start snow02; 160 stop snow02; 160.2 stop snow01", [ONE]),
        ("0 start snow01; 100 start snow02; 160 stop snow01; 160.2 stop snow02", [ONE]),
        ("0 migrate snow03>snow01; 100 start snow02; 160 stop snow01", [ONE]),
        # stopped to be sure: where it is not known to have run, and where a start has failed
        ("100 start snow02; 160 stop snow02; 161 stop snow01", []),
        ("0 start snow01; 100 start snow02; 160 stop snow02; 161 failure snow01; 161.2 stop snow01", []),
        # one after the other
        ("0 start snow01; 50 stop snow01; 51 start snow02; 90 stop snow02", []),
        ("0 start snow01; 100 start snow02; 103 stop snow01", []),
        ("0 start snow01; 50 migrate snow01>snow02; 90 stop snow02", []),
        ("0 start snow01; 50 migrate snow01>snow02; 60 migrate snow02>snow01; 90 stop snow01", []),
        # a server that was dead has nothing to stop, and starts it again later
        ("0 start snow01; 100 start snow02; 200 stop snow02; 201 start snow01; 300 stop snow01", []),
        ("0 start snow01; 90 fenced snow01; 100 start snow02; 200 migrate snow02>snow01; 300 stop snow01", []),
        # that snow01 has got it back is in no record any more
        ("0 start snow02; 50 stop snow02; 9000 stop snow01", []),
        ("0 start snow02; 90 fenced snow02; 9000 stop snow01", []),
    ],
)
def test_what_is_stopped_after_another_server_has_started_it_ran_on_both(text: str, expected: list[RanTwice]) -> None:
    assert list(doubles.of(story(text), {})) == expected
    assert list(doubles.of(story(text, "web01") + story("0 start snow01"), {})) == [
        RanTwice("web01", each.servers, each.began, each.ended) for each in expected
    ]


@pytest.mark.parametrize(
    ("began", "stopped", "is_double"), [(50, 160, True), (100, 160, False), (140, 160, False), (50, 103, False)]
)
def test_so_did_what_another_server_has_run_since_before(began: int, stopped: int, is_double: bool) -> None:
    events = story(f"0 start snow01; 100 start snow02; {stopped} stop snow02")
    running = {("nis01", "snow01"): began, ("web01", "snow01"): 50, ("nis01", "snow02"): 50}
    expected = [RanTwice("nis01", ("snow02", "snow01"), 100, 160)] * is_double
    assert list(doubles.of(events, running)) == expected


def test_only_stops_since_a_time_tell() -> None:
    events = story("0 start snow01; 100 start snow02; 160 stop snow02; 160.2 stop snow01")
    assert list(doubles.of(events, {}, 160.2)) == [ONE]
    assert list(doubles.of(events, {}, 160.3)) == []


def test_it_is_a_finding_until_it_is_acknowledged() -> None:
    tree = guide_cluster()
    before = canonical(tree)
    assert [change.message for change in ran_twice.note(tree, [ONE])] == [
        "note that nis01 ran on snow01 and snow02 at once"
    ]
    assert schema_errors(tree) == ""
    assert ran_twice.note(tree, [ONE, RanTwice("nis01", ("snow02", "snow01"), 101, 161)]) == [], "the other server's"
    (found,) = [each for each in findings.of_configuration(tree) if each.id == "ran-twice"]
    assert (found.severity, found.subject, found.since) == (Severity.ERROR, "nis01", 100)
    assert found.message == "nis01 ran on snow01 and snow02 at once for 1 min: its image may be damaged"
    assert ran_twice.acknowledge(tree, ["web01"]) == []
    assert len(ran_twice.acknowledge(tree, ["nis01"])) == 1
    assert canonical(tree) == before


def test_what_is_no_domain_has_no_image() -> None:
    tree = guide_cluster()
    assert ran_twice.note(tree, [RanTwice("snow-ha-floating-ip", ("snow01", "snow02"), 100, 160)]) == []


def test_the_next_one_counts_again() -> None:
    tree = guide_cluster()
    ran_twice.note(tree, [ONE])
    later = RanTwice("nis01", ("snow01", "snow02"), 5000, 5060)
    assert len(ran_twice.note(tree, [later])) == 1
    assert ran_twice.known(tree) == (later,)


def test_what_somebody_has_made_unreadable_is_none_and_goes_with_the_others() -> None:
    tree = guide_cluster()
    before = canonical(tree)
    cib.put_pairs(cib.section(tree, "crm_config"), "cluster_property_set", ran_twice.SET, {"x": '{"servers": 1}'})
    assert ran_twice.known(tree) == ()
    ran_twice.acknowledge(tree, [])
    assert canonical(tree) == before


def test_a_configuration_of_before_does_not_make_it_undone() -> None:
    now, then = guide_cluster(), guide_cluster()
    ran_twice.note(now, [ONE])
    ran_twice.note(then, [RanTwice("nis02", ("snow01", "snow02"), 1, 2)])
    ran_twice.carry_over(now, then)
    assert ran_twice.known(then) == (ONE,)
