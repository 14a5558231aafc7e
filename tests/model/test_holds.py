"""With its assumptions the protocol never runs the domain twice, and the domain comes back when the faults are over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snow_ha_plugin.core.configure.fencing import LEAST_WATCHDOG_S
from tests.model.assumptions import CUT_AND_HANG, STALLED
from tests.model.explorer import Return, explore
from tests.model.rules import (
    PILL,
    THREE_WITH_PILLS,
    TWO_WITH_BMCS,
    TWO_WITH_PILLS,
    TWO_WITH_QDEVICE,
    Rules,
)
from tests.model.site import Site
from tests.model.state import World, alone, cold_and_cut, healthy
from tests.model.timing import pill

FLAPPING = CUT_AND_HANG | {"network", "file"}
DAEMONS = CUT_AND_HANG | {"sbd", "pacemaker", "corosync", "dom0"}
# No proportions: what `enable` sets up for the least watchdog.
IN_SECONDS = replace(TWO_WITH_PILLS, timing=pill(LEAST_WATCHDOG_S))
# Long enough for a wait that starts over, a fencing of the other one, and the start.
BACK_WITHIN_TICKS = 5 * PILL.wait_s


def a_server_is_down(world: World) -> bool:
    return any(not server.up for server in world.servers)


@pytest.mark.parametrize(
    ("rules", "faults", "repairs"),
    [
        pytest.param(TWO_WITH_PILLS, 2, 2, id="two servers"),
        pytest.param(replace(TWO_WITH_PILLS, clocks=(101, 100)), 2, 1, id="first clock 1 % fast"),
        pytest.param(replace(TWO_WITH_PILLS, clocks=(99, 100)), 2, 1, id="first clock 1 % slow"),
        pytest.param(TWO_WITH_BMCS, 2, 2, id="two servers with BMCs"),
        pytest.param(TWO_WITH_QDEVICE, 2, 0, id="two servers with a quorum device"),
        pytest.param(THREE_WITH_PILLS, 2, 0, id="three servers"),
    ],
)
def test_nothing_runs_twice_and_everything_comes_back(rules: Rules, faults: int, repairs: int) -> None:
    site = Site(rules)
    exploration = explore(site, healthy(rules, faults, repairs))
    assert exploration.trace is None
    back = Return(site)
    stuck = [world for world in exploration.worlds if not back.follows(world, BACK_WITHIN_TICKS)]
    assert stuck == []


def test_servers_that_boot_without_a_network_start_nothing() -> None:
    exploration = explore(
        Site(TWO_WITH_PILLS, frozenset({"snow01", "snow02", "hang"})),
        cold_and_cut(TWO_WITH_PILLS, 1, 3),
        lambda world: any(server.runs for server in world.servers),
    )
    assert exploration.trace is None


@pytest.mark.parametrize(
    ("rules", "kinds", "faults", "repairs"),
    [
        pytest.param(TWO_WITH_PILLS, DAEMONS, 3, 0, id="three faults"),
        pytest.param(TWO_WITH_PILLS, STALLED | {"network"}, 3, 1, id="sbd is held up, and the network may heal"),
        pytest.param(TWO_WITH_PILLS, FLAPPING | {"writes"}, 3, 2, id="network and file system flap, or refuse pills"),
        pytest.param(IN_SECONDS, FLAPPING, 2, 2, id="the product's own seconds"),
        pytest.param(TWO_WITH_QDEVICE, FLAPPING, 3, 1, id="the cut moves, with a quorum device"),
        pytest.param(THREE_WITH_PILLS, FLAPPING, 2, 1, id="three servers, and a heal"),
    ],
)
def test_nothing_runs_twice_though_more_than_two_things_happen(
    rules: Rules, kinds: frozenset[str], faults: int, repairs: int
) -> None:
    assert explore(Site(rules, kinds), healthy(rules, faults, repairs)).trace is None


def test_a_file_system_that_hangs_resets_nobody_while_the_servers_see_each_other() -> None:
    exploration = explore(
        Site(TWO_WITH_PILLS, frozenset({"hang", "writes", "file"})), healthy(TWO_WITH_PILLS, 3, 2), a_server_is_down
    )
    assert exploration.trace is None


def test_a_file_system_that_hangs_resets_the_last_one_of_two() -> None:
    exploration = explore(
        Site(TWO_WITH_PILLS, frozenset({"hang"})),
        alone(TWO_WITH_PILLS, 1),
        lambda world: not any(server.up for server in world.servers),
    )
    assert exploration.trace is not None
