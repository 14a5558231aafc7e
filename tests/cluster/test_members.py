"""Servers that come to a cluster that runs, or leave it: `enable` after a change of SNOW_NODES."""

import os
import re
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest

from tests.cluster.pair import ENABLED_WITHIN_S, Pair
from tests.lab.cluster import Lab
from tests.lab.site import SiteDomain, build_site

pytestmark = pytest.mark.lab

DOMAIN = "proxy01"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three servers, of which the first and the last are a cluster with a domain that runs."""
    site = partial(build_site, domains=[SiteDomain(DOMAIN, "proxy", 256)], SNOW_NODES="( snow01 snow03 )")
    with Lab.up(f"members-{os.getpid()}", servers=3, site=site) as up:
        up.run("snow03", ["xl", "create", f"/sNow/snow-tools/etc/domains/{DOMAIN}.cfg"])
        assert enable(up).returncode == 0
        assert members(up, "snow01") == {"snow01", "snow03"}
        yield up


def enable(lab: Lab) -> "subprocess.CompletedProcess[str]":
    return lab.run("snow01", ["snow-ha", "enable", "--without-fencing"], timeout=ENABLED_WITHIN_S, check=False)


def set_nodes(lab: Lab, *names: str) -> None:
    conf = lab.shared / "snow-tools/etc/snow.conf"
    lines = conf.read_text().splitlines()
    changed = [f"SNOW_NODES=( {' '.join(names)} )" if line.startswith("SNOW_NODES=") else line for line in lines]
    conf.resolve().write_text("\n".join(changed) + "\n")


def members(lab: Lab, server: str) -> set[str]:
    listed = lab.run(server, ["corosync-quorumtool", "-l"]).stdout
    return {name for name in lab.names if name in listed}


def test_a_third_server_joins_between_the_two_and_no_domain_notices(lab: Lab) -> None:
    pair = Pair(lab, "snow01", "snow03")
    domid = pair.world.domid(DOMAIN)
    set_nodes(lab, "snow01", "snow02", "snow03")
    enabled = enable(lab)
    assert enabled.returncode == 0, enabled.stderr
    for server in lab.names:
        assert members(lab, server) == set(lab.names)
    assert "2Node" not in lab.run("snow01", ["corosync-quorumtool", "-s"], check=False).stdout
    assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == (["snow03"], domid)
    assert "nothing to do" in enable(lab).stdout
    pair.snow_ha("move", DOMAIN, "snow02")
    assert pair.world.where(DOMAIN) == ["snow02"]


def test_a_server_that_runs_cannot_be_left_out(lab: Lab) -> None:
    set_nodes(lab, "snow01", "snow03")
    refused = enable(lab)
    assert (refused.returncode, refused.stdout.count("OK")) == (107, 0)
    assert "snow02 is in the cluster, and not in SNOW_NODES" in refused.stderr
    assert members(lab, "snow01") == set(lab.names)


def test_a_new_machine_takes_the_name_and_the_place_of_one_that_died(lab: Lab) -> None:
    pair = Pair(lab, "snow01", "snow03")
    set_nodes(lab, "snow01", "snow02", "snow03")
    lab.power_off("snow02")
    pair.wait_for(lambda: pair.world.where(DOMAIN) in (["snow01"], ["snow03"]), "its domain is started nowhere")
    pair.settle()
    (server,), domid = pair.world.where(DOMAIN), pair.world.domid(DOMAIN)
    for place in ("etc/corosync", "var/lib/corosync", "var/lib/pacemaker/cib", "var/lib/snow-ha"):
        for file in (lab.disk("snow02") / place).rglob("*"):
            if file.is_file():
                file.unlink()
    lab.power_on("snow02")
    enabled = enable(lab)
    assert enabled.returncode == 0, enabled.stderr
    assert all(members(lab, name) == set(lab.names) for name in lab.names)
    assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == ([server], domid)
    pair.snow_ha("move", DOMAIN, "snow02")


def test_an_empty_server_that_was_stopped_can_be_left_out(lab: Lab) -> None:
    pair = Pair(lab, "snow01", "snow03")
    set_nodes(lab, "snow01", "snow03")
    pair.snow_ha("drain", "snow02")
    (server,) = pair.world.where(DOMAIN)
    domid = pair.world.domid(DOMAIN)
    lab.run("snow02", ["systemctl", "stop", "pacemaker", "corosync"], timeout=60)
    left = enable(lab)
    assert left.returncode == 0, left.stderr
    assert members(lab, "snow01") == {"snow01", "snow03"}
    assert "2Node" in lab.run("snow01", ["corosync-quorumtool", "-s"], check=False).stdout
    assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == ([server], domid)
    assert [found["name"] for found in pair.status()["servers"]] == ["snow01", "snow03"]
    assert "nothing to do" in enable(lab).stdout


def test_a_server_that_has_left_comes_back_with_another_address(lab: Lab) -> None:
    pair = Pair(lab, "snow01", "snow03")
    old, new = lab.address("snow02"), "10.77.0.62"
    (server,), domid = pair.world.where(DOMAIN), pair.world.domid(DOMAIN)
    for file in (lab.shared / "snow-tools/etc/domains.conf", *(lab.disk(name) / "etc/hosts" for name in lab.names)):
        text = re.sub(rf"(?<![\d.]){re.escape(old)}(?!\d)", new, file.read_text())
        file.resolve().write_text(text)
    # Who deletes the first address of a network deletes all others of it.
    lab.run("snow02", ["ip", "address", "delete", f"{old}/24", "dev", "xsnow0"])
    lab.run("snow02", ["ip", "address", "add", f"{new}/24", "dev", "xsnow0"])
    set_nodes(lab, "snow01", "snow02", "snow03")
    enabled = enable(lab)
    assert enabled.returncode == 0, enabled.stderr
    for name in lab.names:
        assert members(lab, name) == set(lab.names)
        assert f"ring0_addr: {new}\n" in (lab.disk(name) / "etc/corosync/corosync.conf").read_text()
    assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == ([server], domid)
    pair.snow_ha("move", DOMAIN, "snow02")


def test_a_server_that_is_dead_for_good_is_left_out(lab: Lab) -> None:
    pair = Pair(lab, "snow01", "snow03")
    lab.power_off("snow02")
    pair.wait_for(lambda: pair.world.where(DOMAIN) in (["snow01"], ["snow03"]), "its domain is started nowhere")
    pair.settle()
    (server,), domid = pair.world.where(DOMAIN), pair.world.domid(DOMAIN)
    table = (lab.shared / "snow-tools/etc/domains.conf").resolve()
    table.write_text("".join(row for row in table.read_text().splitlines(True) if not row.startswith("snow02")))
    set_nodes(lab, "snow01", "snow03")
    left = enable(lab)
    assert left.returncode == 0, left.stderr
    assert members(lab, "snow01") == members(lab, "snow03") == {"snow01", "snow03"}
    assert "2Node" in lab.run("snow01", ["corosync-quorumtool", "-s"], check=False).stdout
    assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == ([server], domid)
    assert [found["name"] for found in pair.status()["servers"]] == ["snow01", "snow03"]
    assert "nothing to do" in enable(lab).stdout
