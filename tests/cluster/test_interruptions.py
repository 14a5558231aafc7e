"""Migrations interrupted at random, over real ssh: see interruptions.py. SNOW_HA_INTERRUPTIONS says how many.

tests/xen/test_interruptions.py has each known way once; this looks for those that nobody has thought of.
"""

import os
import random

import pytest

from tests.cluster.interruptions import interrupt
from tests.lab.cluster import Lab

pytestmark = pytest.mark.lab

ROUNDS = int(os.environ.get("SNOW_HA_INTERRUPTIONS", "5"))


def test_an_interrupted_migration_leaves_one_copy_and_the_truth(lab: Lab) -> None:
    tally = interrupt(lab, "snow", ROUNDS, random.randrange(1 << 32))
    assert tally.outcomes.total() == ROUNDS
    assert tally.stories == []
