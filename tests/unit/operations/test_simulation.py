"""Why something should not happen, in the words that verbs refuse it with."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core.reports.disruption import Sharing
from snow_ha_plugin.core.reports.losses import Failure
from snow_ha_plugin.operations.simulation import Loss

CLOSE = Sharing("snow01", ("dns01", "dns02"), is_harm=True)


@pytest.mark.parametrize(
    ("cost", "sharing", "harm"),
    [
        (Failure(), (), ""),
        (Failure(), (CLOSE._replace(is_harm=False),), ""),
        (Failure(), (CLOSE,), "dns01 and dns02 would share snow01"),
        (Failure(squeezed=("a", "b")), (), "a and b would run where memory does not suffice"),
        (
            Failure(lost=("c",), squeezed=("a",)),
            (CLOSE,),
            "c would not run, and a would run where memory does not suffice, and dns01 and dns02 would share snow01",
        ),
        (Failure(lost=tuple("abcdefghij")), (), "a, b, c, d, e, f, g, h and 2 more would not run"),
    ],
)
def test_the_worst_comes_first(cost: Failure, sharing: tuple[Sharing, ...], harm: str) -> None:
    assert Loss("snow02", cost, sharing, moved=(), fullest=0.5).harm == harm
