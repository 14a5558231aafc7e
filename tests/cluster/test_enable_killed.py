"""`enable` killed at a step's boundary, or within one, and run again ends where an undisturbed run ends.

A step's `after` is the next one's `before`: nothing happens in between. One lab is killed at all points, one after
the other; the others once each. They mostly wait, so several are up at the same time.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from snow_ha_plugin.guide import AFTERWARDS, SERVER_STEPS
from tests.cluster import cluster_state as state
from tests.cluster.cluster_state import DOMAINS, EARLY, Snapshot
from tests.lab.cluster import Lab
from tests.lab.site import build_site

pytestmark = pytest.mark.lab

LABS_AT_ONCE = 3
WITHIN_S = 1500

# Without a third vote and numbers for Prometheus, and no server has left: these steps have nothing to do.
IDLE = ("metrics", "qdevice", "qdevice-vote", "left")
BEFORE, AFTER = (
    [step.name for step in steps if step.apply and step.name not in IDLE] for steps in (SERVER_STEPS, AFTERWARDS)
)
# The CIB is committed when the servers are ready and the hook is not there yet.
IN_ORDER = [*BEFORE, "commit", *AFTER]
# Each of them alone, where the next run finds something else than a step that is done or not.
ONCE = {point: [point] for point in ("after corosync", "after fencing-set-up", "after start", "after commit")}
EVERYWHERE = [
    f"before {IN_ORDER[0]}",
    *(
        point
        for name in IN_ORDER
        for point in (
            *([f"within 1 {name}"] if name != "commit" else []),
            # Debian's cluster is put away on the first server, which then has our configuration, the second has not.
            *(["within 2 corosync"] if name == "corosync" else []),
            f"after {name}",
        )
    ),
]
# The longest goes first.
CASES = {"everywhere, one after the other": EVERYWHERE, "nowhere": []} | ONCE


@dataclass(frozen=True)
class Outcome:
    """What a lab came to after the last run; `reached`: whether each kill took place."""

    reached: dict[str, bool]
    snapshot: Snapshot
    keys: list[bytes]
    key_modes: list[int]
    early_before: dict[str, tuple[str, int]]
    interrupted: list[str]
    doubles: list[str]
    once_more: str


def enable_killed(number: int, points: list[str]) -> Outcome:
    with Lab.up(f"killed-{number}-{os.getpid()}", site=build_site) as lab:
        state.boot_early_domains(lab)
        early, began = state.domids(lab), time.monotonic()
        reached = {point: state.killed(lab, point, "enable") for point in points}
        state.snow_ha(lab, "enable")
        keys = [lab.disk(server) / "etc/corosync/authkey" for server in lab.names]
        return Outcome(
            reached,
            state.snapshot(lab),
            [key.read_bytes() for key in keys],
            [key.stat().st_mode & 0o7777 for key in keys],
            early,
            state.interrupted(lab, list(EARLY), began, time.monotonic()),
            state.doubles(lab),
            state.snow_ha(lab, "enable"),
        )


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, "Future[Outcome]"]]:
    pool = ThreadPoolExecutor(LABS_AT_ONCE)
    yield {case: pool.submit(enable_killed, at, points) for at, (case, points) in enumerate(CASES.items())}
    pool.shutdown(cancel_futures=True)


@pytest.fixture(params=list(CASES))
def outcome(request: pytest.FixtureRequest, outcomes: dict[str, "Future[Outcome]"]) -> Outcome:
    return outcomes[request.param].result(WITHIN_S)


@pytest.fixture
def undisturbed(outcomes: dict[str, "Future[Outcome]"]) -> Outcome:
    return outcomes["nowhere"].result(WITHIN_S)


class TestEnable:
    def test_ends_where_an_undisturbed_run_ends(self, outcome: Outcome, undisturbed: Outcome) -> None:
        assert [point for point, reached in outcome.reached.items() if not reached] == []
        assert outcome.snapshot.units == undisturbed.snapshot.units
        assert outcome.snapshot.configuration == undisturbed.snapshot.configuration
        assert comparable(outcome.snapshot) == comparable(undisturbed.snapshot)
        assert len(set(outcome.keys)) == 1
        assert outcome.key_modes == [0o400, 0o400]
        assert "nothing to do" in outcome.once_more
        assert {name: outcome.snapshot.domains[name] for name in EARLY} == outcome.early_before
        assert sorted(outcome.snapshot.domains) == DOMAINS
        assert (outcome.interrupted, outcome.doubles) == ([], [])


def comparable(snapshot: Snapshot) -> dict[str, str]:
    """The files that do not differ from lab to lab by their nature: identities, keys, and what was kept when."""
    own = ("/etc/machine-id", "/etc/ssh/", "/etc/corosync/authkey", "/var/lib/snow-ha/history/", "/default-cib/")
    return {path: look for path, look in snapshot.files.items() if not any(part in path for part in own)}
