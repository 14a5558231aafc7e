"""Since when something is not as it should be, of those findings of which the record tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports import dating
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations import standby
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.captures import capture, guide_cluster

LEFT = Event(100.5, Kind.SERVER, "snow02", "snow01", "left the cluster", ok=False)
CAME = Event(200, Kind.SERVER, "snow02", "snow01", "came into the cluster")
EMPTIED = Event(300, Kind.CHANGE, "snow02", "snow01", "keep domains off snow02")
BACK = Event(400, Kind.CHANGE, "snow02", "snow01", "let snow02 take domains again")
HELD = [
    Event(at, Kind.CHANGE, name, "snow01", f"keep Pacemaker's hands off {name}") for at, name in ((5, "a"), (6, "b"))
]


def since(code: str, subject: str, *events: Event) -> int | None:
    (found,) = dating.dated([Finding(Severity.WARNING, code, "it is so", subject=subject)], events)
    return found.since


@pytest.mark.parametrize(
    ("code", "events", "expected"),
    [
        ("server-offline", [LEFT], 100),
        ("server-unclean", [CAME, LEFT, EMPTIED], 100),
        ("server-offline", [LEFT, CAME], None),
        ("server-offline", [EMPTIED], None),
        ("server-standby", [EMPTIED, LEFT, CAME], 300),
        ("server-standby", [EMPTIED, BACK], None),
        ("server-sick", [LEFT, EMPTIED], None),
    ],
)
def test_a_server_is_so_since_the_last_event_that_made_it_so(
    code: str, events: list[Event], expected: int | None
) -> None:
    assert since(code, "snow02", *events) == expected
    assert since(code, "snow01", *events) is None


@pytest.mark.parametrize(
    ("at", "ok", "told"),
    [
        (105, True, "it is so, and was fenced"),
        (90, True, "it is so, and was fenced"),
        (89, True, "it is so"),
        (105, False, "it is so"),
        (50, True, "it is so"),
    ],
)
def test_of_a_server_that_left_and_was_fenced_then_that_is_told(at: int, ok: bool, told: str) -> None:
    fenced = Event(at, Kind.FENCING, "snow02", "snow01", ok=ok)
    events = sorted((LEFT, fenced), key=lambda event: event.at)
    gone = Finding(Severity.ERROR, "server-offline", "it is so", subject="snow02")
    assert [each.message for each in dating.dated([gone], events)] == [told]


@pytest.mark.parametrize(
    "other",
    [Event(105, Kind.FENCING, "snow03", "snow01"), Event(105, Kind.START, "snow02", "snow01")],
)
def test_only_the_fencing_of_that_server_is_its_own(other: Event) -> None:
    gone = Finding(Severity.ERROR, "server-offline", "it is so", subject="snow02")
    assert [each.message for each in dating.dated([gone], [LEFT, other])] == ["it is so"]


def test_several_domains_are_held_since_the_first_was_where_all_are_known() -> None:
    assert since("held", "a b", *HELD) == 5
    assert since("held", "a b", HELD[1]) is None


def test_what_pacemaker_knows_stands() -> None:
    known = Finding(Severity.ERROR, "server-offline", "it is gone", since=7, subject="snow02")
    assert dating.dated([known], [LEFT]) == [known]
    assert not dating.is_undated(known)


def test_the_words_are_those_of_the_verbs(tmp_path: Path) -> None:
    tree, said = guide_cluster(), []
    for verb in (intent.hold, intent.release):
        said += [change.message for change in verb(tree, ["nis01"])]
    assert said == [text.format("nis01") for text in dating.CHANGES["held"]]
    path = tmp_path / "cib.xml"
    path.write_bytes(capture("cibadmin-2.1.5-guide-domains.xml"))
    for on in (True, False):
        said += [change.message for change in standby.put(ClusterInFile(path), "snow02", on=on)]
    assert said[2:] == [text.format("snow02") for text in dating.CHANGES["server-standby"]]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], None),
        ([(Kind.START, "snow01")], 1),
        ([(Kind.START, "snow02"), (Kind.MIGRATE, "snow01"), (Kind.FAILURE, "snow01")], 2),
        ([(Kind.START, "snow01"), (Kind.STOP, "snow01")], None),
        ([(Kind.START, "snow01"), (Kind.MIGRATE, "snow02")], None),
    ],
)
def test_a_domain_is_there_since_it_last_came(kinds: list[tuple[Kind, str]], expected: int | None) -> None:
    events = [Event(at, kind, "nis01", server) for at, (kind, server) in enumerate(kinds, 1)]
    events.append(Event(9, Kind.START, "nis02", "snow01"))
    assert dating.arrival("nis01", "snow01", events) == expected
