"""`balance` on three servers with 24 domains, all on one at first: by live migration only, also when killed."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.cluster.cluster_state import hasten
from tests.cluster.pair import ENABLED_WITHIN_S
from tests.lab import ledger
from tests.lab.cluster import Lab
from tests.lab.host import wait_until
from tests.lab.site import SiteDomain, build_site
from tests.lab.world import World

pytestmark = pytest.mark.lab

# Of different sizes, so that counting domains is not the same as balancing them.
DOMAINS = {f"d{number:02}": (256, 512, 768)[number % 3] for number in range(24)}
BALANCED_WITHIN_S = 400
FAILOVER_WITHIN_S = 90


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    domains = [SiteDomain(name, "login", memory_mib=memory, vcpus=1) for name, memory in DOMAINS.items()]
    with Lab.up(f"balance-{os.getpid()}", servers=3, site=partial(build_site, domains=domains), disk=hasten) as up:
        for name in DOMAINS:
            up.run("snow01", ["xl", "create", f"/sNow/snow-tools/etc/domains/{name}.cfg"])
        up.run("snow01", ["snow-ha", "enable", "--without-fencing"], timeout=ENABLED_WITHIN_S)
        yield up


def balance(lab: Lab, *words: str) -> str:
    return lab.run("snow01", ["snow-ha", "balance", *words], timeout=BALANCED_WITHIN_S).stdout


def plan(lab: Lab) -> dict[str, Any]:
    return json.loads(balance(lab, "--dry-run", "--json"))


def places(lab: Lab) -> dict[str, list[str]]:
    return {name: World(lab.world_dir).where(name) for name in DOMAINS}


def rules(lab: Lab, prefix: str) -> list[str]:
    found = lab.run("snow01", ["cibadmin", "--query", "--xpath", "//constraints"]).stdout
    return [line for line in found.splitlines() if f'id="{prefix}' in line]


def settle(lab: Lab) -> None:
    lab.run("snow01", ["crm_resource", "--wait", "--timeout=120s"], timeout=130)


def test_a_copy_of_the_cib_has_the_plan_of_the_cluster(lab: Lab) -> None:
    copy = "cibadmin --query >/root/copy.xml && snow-ha balance --cib /root/copy.xml --dry-run --json"
    there = json.loads(lab.run("snow01", ["sh", "-c", copy]).stdout)
    here = plan(lab)
    assert list(there) == [
        "before", "after", "lower_bound", "moves", "servers", "constraints", "n_plus_1", "stranded", "unasked",
        "violations",
    ]  # fmt: skip
    assert there["moves"] == here["moves"] != []
    assert there["servers"] == here["servers"]
    stands = json.loads(lab.run("snow01", ["snow-ha", "status", "--json"]).stdout)["balance"]
    assert (stands["peak_memory"], stands["lower_bound"]) == (here["before"]["peak_memory"], here["lower_bound"])
    assert stands["n_plus_1"] is True


def test_a_migration_that_fails_stops_the_run_with_every_domain_running(lab: Lab) -> None:
    world, first = World(lab.world_dir), plan(lab)["moves"][0]["domain"]
    world.fault("copy", "fail", domain=first)
    ended = lab.run("snow01", ["snow-ha", "balance", "--yes"], timeout=BALANCED_WITHIN_S, check=False)
    world.mend()
    assert ended.returncode == 69
    assert ended.stderr.startswith(f"[E] {first} could not be migrated")
    assert "failed (" in ended.stdout
    assert rules(lab, "snow-ha--move") == []
    assert len([where for where in places(lab).values() if where == ["snow01"]]) >= len(DOMAINS) - 2
    lab.run("snow01", ["crm_resource", "--cleanup"])
    settle(lab)
    assert all(len(where) == 1 for where in places(lab).values())
    assert not world.doubles()


def test_a_run_that_is_killed_can_be_run_again_and_no_domain_is_ever_stopped(lab: Lab) -> None:
    began = time.monotonic()
    skewed = plan(lab)
    assert len(skewed["moves"]) >= 12
    assert skewed["after"]["peak_memory"] < skewed["before"]["peak_memory"]

    process = subprocess.Popen(lab.command("snow01", ["snow-ha", "balance", "--yes"]), stdout=subprocess.DEVNULL)
    wait_until(lambda: sum(where != ["snow01"] for where in places(lab).values()) >= 4, 120, "nothing migrates")
    pid = lab.run("snow01", ["pgrep", "--full", "^/usr/bin/python3 /usr/bin/snow-ha balance"]).stdout.split()[0]
    lab.run("snow01", ["kill", "-9", pid])
    process.wait(timeout=30)
    # Not before what has begun has arrived.
    wait_until(lambda: rules(lab, "snow-ha--move") == [], 120, "the rules of a killed run stay")
    settle(lab)

    balance(lab, "--yes")
    settle(lab)
    reached = places(lab)
    assert all(len(where) == 1 for where in reached.values())
    used = {name: sum(DOMAINS[d] for d, where in reached.items() if where == [name]) for name in lab.names}
    assert max(used.values()) - min(used.values()) <= max(DOMAINS.values()), used

    assert lab.run("snow01", ["find", "/tmp", "-maxdepth", "1", "-name", "snow-ha-*"]).stdout == ""
    assert plan(lab)["moves"] == []
    assert "nothing to do" in balance(lab, "--yes")
    assert places(lab) == reached
    runs = World(lab.world_dir).intervals()
    assert [name for name in DOMAINS if ledger.interrupted(runs, name, began, time.monotonic())] == []
    assert not World(lab.world_dir).doubles()


def test_no_domain_returns_by_itself_unless_failback_was_asked_for(lab: Lab) -> None:
    lab.power_off("snow03")
    wait_until(lambda: all(w and w != ["snow03"] for w in places(lab).values()), FAILOVER_WITHIN_S, "no failover")
    settle(lab)
    away = places(lab)
    lab.power_on("snow03")
    lab.run("snow01", ["snow-ha", "enable", "--without-fencing"], timeout=ENABLED_WITHIN_S)
    settle(lab)
    assert places(lab) == away

    balance(lab, "--yes", "--failback")
    settle(lab)
    settled = places(lab)
    assert sorted({where for (where,) in settled.values()}) == lab.names
    lab.power_off("snow03")
    wait_until(lambda: all(w and w != ["snow03"] for w in places(lab).values()), FAILOVER_WITHIN_S, "no failover")
    settle(lab)
    lab.power_on("snow03")
    lab.run("snow01", ["snow-ha", "enable", "--without-fencing"], timeout=ENABLED_WITHIN_S)
    wait_until(lambda: places(lab) == settled, 180, "the domains do not return")
    assert not World(lab.world_dir).doubles()
