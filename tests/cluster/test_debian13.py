"""Debian 13: its Python libraries pass the unit tests, its Pacemaker 3 and crmsh 5 do the main job."""

import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.cluster_state import hasten
from tests.lab.cluster import Lab
from tests.lab.host import wait_until
from tests.lab.site import FLOATING_IP, GUIDE_DOMAINS, build_site
from tests.lab.world import World

pytestmark = pytest.mark.lab

CHECKOUT = Path(__file__).resolve().parents[2]
# What meets Debian 13 itself: its Python, its libraries, Xen's and Pacemaker's programs, its scheduler. All else has
# PyPI's newest libraries in unit-newest, and its scheduler in the clusters by chance.
UNIT_TESTS = (
    "unit/agent", "unit/guide", "unit/system", "unit/test_plugin.py",
    "unit/cli/test_program.py", "unit/cli/test_screens.py", "unit/cli/test_verbs.py", "scenarios",
)  # fmt: skip
FAILOVER_WITHIN_S = 120
ENABLE_WITHIN_S = 240


@pytest.mark.xdist_group("debian13-unit-tests")
def test_unit_tests_and_clusters_by_chance_pass_on_debian_13() -> None:
    # What asks for a cluster finds none, as on the machine that builds the package.
    with Lab.up(f"unit13-{os.getpid()}", servers=1, debian="trixie", disk=hasten) as lab:
        source = lab.shared / "source"
        ignore = shutil.ignore_patterns("__pycache__", ".*")
        for part in ("snow_ha_plugin", "tests", "ocf", "hooks", "docs", "packaging"):
            shutil.copytree(CHECKOUT / part, source / part, ignore=ignore)
        for part in ("setup.cfg", "pyproject.toml"):
            shutil.copy(CHECKOUT / part, source)
        chosen = [f"tests/{part}" for part in UNIT_TESTS]
        lab.run("snow01", ["sh", "-c", 'cd /sNow/source && python3 -m pytest -q "$@"', "sh", *chosen], timeout=1800)
        some = "cd /sNow/source && SNOW_HA_RANDOM_CLUSTERS=4 python3 -m pytest -q tests/random_clusters"
        lab.run("snow01", ["sh", "-c", some], timeout=900)


def test_enable_failover_and_return_on_pacemaker_3() -> None:
    site = partial(build_site, SNOW_HA_WATCHDOG_S="5")
    with Lab.up(f"debian13-{os.getpid()}", debian="trixie", site=site) as lab:
        enable_failover_and_return(lab)


def enable_failover_and_return(lab: Lab) -> None:
    world = World(lab.world_dir)
    lab.run("snow01", ["xl", "create", "/sNow/snow-tools/etc/domains/deploy01.cfg"])
    domid = world.domid("deploy01")

    lab.run("snow01", ["snow-ha", "enable"], timeout=ENABLE_WITHIN_S)
    assert world.domid("deploy01") == domid
    fencing = json.loads(lab.run("snow01", ["snow-ha", "fencing", "status", "--json"]).stdout)
    assert (fencing["way"], fencing["findings"]) == ("sbd", [])
    again = lab.run("snow01", ["snow", "ha", "enable"], timeout=ENABLE_WITHIN_S)
    assert "nothing to do" in again.stdout
    assert all(len(world.where(domain.name)) == 1 for domain in GUIDE_DOMAINS)

    lab.power_off("snow01")
    everything = [["snow02"]] * len(GUIDE_DOMAINS)
    came = "not everything came to snow02"
    wait_until(lambda: [world.where(one.name) for one in GUIDE_DOMAINS] == everything, FAILOVER_WITHIN_S, came)
    wait_until(lambda: _all_on(lab, "snow02"), FAILOVER_WITHIN_S, came)

    lab.power_on("snow01")
    lab.run("snow02", ["snow-ha", "enable"], timeout=ENABLE_WITHIN_S)
    assert _all_on(lab, "snow02"), "a domain moved back by itself"
    lab.run("snow02", ["snow-ha", "disable", "--yes"], timeout=ENABLE_WITHIN_S)
    assert all(world.where(domain.name) == ["snow02"] for domain in GUIDE_DOMAINS)
    assert not world.doubles()


def _all_on(lab: Lab, server: str) -> bool:
    view = json.loads(lab.run(server, ["snow-ha", "status", "--json"]).stdout)
    running = [domain["server"] for domain in view["domains"] if domain["state"] == "running"]
    return running == [server] * len(GUIDE_DOMAINS) and view["floating_ips"] == [
        {"address": FLOATING_IP, "server": server}
    ]
