"""Faults at random against two servers, as `tests/lab/chaos` does it: nothing runs twice, and everything comes back.

SNOW_HA_CHAOS_ROUNDS says how many rounds, SEED which; what is printed of a failure says how to play it again.
"""

import os
import random

import pytest

from tests.chaos.campaign import Campaign, Plan, command_line, totals
from tests.chaos.ways import WAYS

pytestmark = pytest.mark.lab

ROUNDS = int(os.environ.get("SNOW_HA_CHAOS_ROUNDS", "20"))
# In CI the same each time: a change is judged by itself.
SEED = int(os.environ.get("SEED") or (1 if "CI" in os.environ else random.randrange(1 << 16)))


def test_nothing_runs_twice_and_everything_comes_back() -> None:
    plan = Plan(WAYS["sbd"], seed=SEED, rounds=ROUNDS)
    outcome = Campaign(plan, print).run()
    print(totals(outcome.reports))
    if outcome.failed:
        pytest.fail(f"seed {SEED}: {outcome.reports[-1]}\nplay it again: {command_line(plan, outcome.failed)}")
    assert len(outcome.reports) == ROUNDS
