"""Without any one of its assumptions the protocol runs the domain twice: the model is able to see it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.model.assumptions import BROKEN, CUT_AND_HANG, OUTLIVED, STALLED, Broken
from tests.model.explorer import explore
from tests.model.rules import PILL, TWO_WITH_FENCE_SBD, TWO_WITH_PILLS
from tests.model.site import Site
from tests.model.state import healthy

GUARANTEES = Path(__file__).parents[2] / "docs" / "guarantees.md"


@pytest.mark.parametrize("broken", [pytest.param(broken, id=broken.name) for broken in BROKEN])
def test_a_broken_assumption_runs_the_domain_twice(broken: Broken) -> None:
    exploration = broken.explored()
    print(f"{exploration.states} states", *exploration.trace or [], sep="\n")
    assert exploration.trace is not None
    assert exploration.trace[-1].endswith("starts the domain")


@pytest.mark.parametrize(("more_s", "is_found"), [(0, True), (1, False)])
def test_the_inequality_is_exact(more_s: int, is_found: bool) -> None:
    timing = replace(PILL, wait_s=PILL.last_tickle_s + PILL.watchdog_s + more_s)
    rules = replace(TWO_WITH_PILLS, timing=timing)
    site = Site(rules, CUT_AND_HANG | {"sbd", "pacemaker", "corosync"})
    assert (explore(site, healthy(rules, 2, 0)).trace is not None) == is_found


def test_the_inequality_for_a_stalled_sbd_is_exact() -> None:
    """One tick less is among the broken assumptions."""
    rules = replace(TWO_WITH_PILLS, timing=replace(OUTLIVED, wait_s=OUTLIVED.wait_s + 1))
    assert explore(Site(rules, STALLED), healthy(rules, 3, 1)).trace is None


def test_fence_sbd_loses_both_ways() -> None:
    """What Debian's own agent does takes either of the assumptions away: the shortest way is found."""
    assert explore(Site(TWO_WITH_FENCE_SBD), healthy(TWO_WITH_FENCE_SBD, 2, 0)).trace is not None
    heals = Site(TWO_WITH_FENCE_SBD, CUT_AND_HANG | {"network"})
    assert explore(heals, healthy(TWO_WITH_FENCE_SBD, 2, 1)).trace is not None


@pytest.mark.parametrize("broken", [pytest.param(broken, id=broken.name) for broken in BROKEN])
def test_the_guarantees_name_every_assumption(broken: Broken) -> None:
    assert f"`{broken.name}`" in GUARANTEES.read_text()
