"""What N+1 says of a cluster, and what is told of it."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core.reports.health import NPlus1
from snow_ha_plugin.core.reports.losses import Failure
from snow_ha_plugin.model import Severity

SERVERS = ("snow01", "snow02")
WELL = NPlus1({"snow01": Failure(), "snow02": Failure()}, (), (), True, SERVERS)
LOST = WELL._replace(failures={"snow01": Failure(("web01",)), "snow02": Failure()})
SQUEEZED = WELL._replace(failures={"snow01": Failure(), "snow02": Failure(squeezed=("web01", "web02"))})


@pytest.mark.parametrize(
    ("known", "holds"),
    [
        (WELL, True),
        (LOST, False),
        (SQUEEZED, False),
        (LOST._replace(unasked=("snow02",), unsized=("web02",), serving=()), False),
        (WELL._replace(unasked=("snow02",)), None),
        (WELL._replace(unsized=("web02",)), None),
        (WELL._replace(serving=()), None),
    ],
)
def test_one_victim_is_enough_and_what_is_not_known_is_not_promised(known: NPlus1, holds: bool | None) -> None:
    assert known.holds is holds


def test_who_would_not_run_is_told_by_server() -> None:
    both = LOST._replace(failures={"snow01": Failure(("web01",), ("web02",)), "snow02": Failure()})
    assert both.stranded == {"snow01": ("web01", "web02")}
    assert [(found.id, found.severity, found.subject) for found in both.findings] == [
        ("no-n+1", Severity.WARNING, "snow01")
    ] * 2


def test_where_all_is_well_nothing_is_told() -> None:
    assert WELL.findings == ()


@pytest.mark.parametrize(
    ("known", "message", "remedy"),
    [
        (LOST, "if snow01 fails, web01 would run nowhere", "see snow ha what-if snow01"),
        (
            LOST._replace(failures={"snow01": Failure(("web01",), has_quorum=False)}),
            "if snow01 fails, web01 would run nowhere: the servers that are left have no quorum",
            "see snow ha what-if snow01",
        ),
        (LOST._replace(serving=("snow01",)), "if snow01 fails, there is no other server for web01", ""),
        (
            SQUEEZED,
            "if snow02 fails, web01 and web02 would be started where memory does not suffice",
            "add memory, or stop a domain",
        ),
        (
            SQUEEZED._replace(by_sizes=False),
            "if snow02 fails, web01 and web02 would be started where memory does not suffice:"
            " Pacemaker does not count memory, since placement-strategy is not set",
            "snow ha balance",
        ),
    ],
)
def test_why_a_domain_would_not_run_is_told_with_what_helps(known: NPlus1, message: str, remedy: str) -> None:
    (found,) = known.findings
    assert (found.id, found.severity, found.message, found.remedy) == ("no-n+1", Severity.WARNING, message, remedy)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (WELL._replace(serving=()), ["no server is in service"]),
        (
            WELL._replace(unsized=("web02", "snow01")),
            ["whether a server may fail is unknown: so is the memory of web02 and snow01"],
        ),
        (
            WELL._replace(unasked=("snow02",)),
            ["Pacemaker did not say in time what the failure of snow02 would cost"],
        ),
        # A victim that is known makes what else could be unimportant.
        (LOST._replace(unsized=("web02",)), []),
        (LOST._replace(serving=()), []),
        (
            LOST._replace(unasked=("snow02",)),
            ["Pacemaker did not say in time what the failure of snow02 would cost"],
        ),
    ],
)
def test_what_is_not_known_is_told_where_it_matters(known: NPlus1, told: list[str]) -> None:
    unknown = [found for found in known.findings if found.id == "n+1-unknown"]
    assert [found.message for found in unknown] == told
    assert all(found.severity == Severity.WARNING and found.remedy for found in unknown)


def test_of_many_domains_eight_are_named() -> None:
    names = tuple(f"web{number:02}" for number in range(20))
    messages = [
        *(found.message for found in WELL._replace(failures={"snow01": Failure(names)}).findings),
        *(found.message for found in WELL._replace(failures={"snow01": Failure(squeezed=names)}).findings),
        *(found.message for found in WELL._replace(unsized=names).findings),
    ]
    assert len(messages) == 3
    assert all("web07 and 12 more" in message and "web08" not in message for message in messages)
