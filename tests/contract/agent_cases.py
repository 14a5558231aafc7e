"""What the contract tests of the resource agent share: its exit statuses, a domain's states, and what can be wrong with
what `xl list` says.
"""

from __future__ import annotations

from typing import Any

from tests.contract.xen_pair import XenPair

SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, PERM, INSTALLED, CONFIGURED, NOT_RUNNING = range(8)
# the domain's name on the server and its state there, and what a probe says of it
STATES = [
    ("web01", "running", SUCCESS),
    ("web01", "paused", SUCCESS),
    ("web01", "building", GENERIC),
    ("web01", "suspended", GENERIC),
    ("web01", "rebooting", GENERIC),
    ("web01", "off", GENERIC),
    ("web01", "crashed", GENERIC),
    ("web01--incoming", "paused", NOT_RUNNING),
    ("web01--incoming", "running", GENERIC),
    ("web01--migratedaway", "suspended", GENERIC),
]
BROKEN_LISTS: dict[str, dict[str, Any]] = {
    "fails": {"how": "fail", "stderr": "libxl: error: cannot open libxc handle"},
    "hangs": {"how": "hang"},
    "dies": {"how": "die"},
    "says nothing": {"how": "fail", "status": 0},
    "is garbage": {"how": "fail", "status": 0, "stdout": "\x00\x01 nonsense\n" * 3},
    "has no dom0": {
        "how": "fail",
        "status": 0,
        "stdout": "Name                                        ID   Mem VCPUs\tState\tTime(s)\n",
    },
    "is cut off": {
        "how": "fail",
        "status": 0,
        "stdout": "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
        "Domain-0                                     0  1024     2     r-----     117.3\nweb0",
    },
}


def break_list(pair: XenPair, how: str) -> None:
    pair.world.fault("list", **BROKEN_LISTS[how])


def assert_one_copy(pair: XenPair, server: str) -> None:
    assert pair.world.where("web01") == [server]
    assert [guest.name for guest in pair.world.guests()] == ["web01"]
    assert pair.world.doubles() == []
