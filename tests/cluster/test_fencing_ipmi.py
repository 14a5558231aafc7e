"""Fencing by the servers' BMCs, real ipmi_sim and fence_ipmilan, with sbd behind them; and no password anywhere."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cluster import cluster_state as state
from tests.cluster.test_fencing import (
    BACK_WITHIN_S,
    ENABLE_WITHIN_S,
    FAILOVER_WITHIN_S,
    WATCHDOG_S,
    enable,
    fencing_status,
)
from tests.lab.cluster import Lab
from tests.lab.host import wait_until
from tests.lab.site import IPMI_PASSWORD, build_site

pytestmark = pytest.mark.lab

CONF = "snow-configspace/system_files/etc/snow.conf"
# fence_ipmilan gives a dead BMC up after its own 20 s.
SECOND_LEVEL_WITHIN_S = FAILOVER_WITHIN_S + 60


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    settings = partial(build_site, SNOW_HA_WATCHDOG_S=str(WATCHDOG_S))
    with Lab.up(f"ipmi-{os.getpid()}", site=settings, bmc=True, disk=state.hasten) as lab:
        yield lab


@pytest.fixture
def protected(site: Lab) -> Lab:
    if not state.is_whole(site):
        enable(site)
        state.wait_for_all_domains(site)
    assert state.online(site, "snow01") == site.names
    return site


def events(lab: Lab, since: float, what: str) -> list[str]:
    return [event.server for event in lab.power_events() if event.mono >= since and event.what == what]


def wrong_password(lab: Lab) -> Path:
    return lab.shared / CONF


def wrong_cipher(lab: Lab) -> Path:
    """In the program that every question to a BMC goes through."""
    return lab.disk("snow01") / "usr/share/snow-ha/ipmitool"


def agent_that_hangs(lab: Lab) -> Path:
    return lab.disk("snow01") / "usr/sbin/fence_ipmilan"


@pytest.mark.parametrize(
    ("where", "edit", "says"),
    [
        (wrong_password, lambda text: text + "IPMI_PASSWORD='not this one'\n", ""),
        (wrong_cipher, lambda text: text.replace("exec ", 'arguments=("${arguments[@]/#3/99}")\nexec '), ""),
        (agent_that_hangs, lambda text: "#!/bin/sh\nexec sleep 600\n", "no answer within"),
    ],
    ids=["password", "cipher", "hangs"],
)
def test_what_keeps_a_bmc_from_answering_is_told_before_anything_is_changed(
    site: Lab, where: Callable[[Lab], Path], edit: Callable[[str], str], says: str
) -> None:
    path = where(site)
    right = path.read_text()
    assert edit(right) != right
    try:
        path.write_text(edit(right))
        done = site.run("snow01", ["snow-ha", "enable", "--fencing", "ipmi"], check=False, timeout=ENABLE_WITHIN_S)
    finally:
        path.write_text(right)
    assert done.returncode == 69
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("[E]")]
    assert "not every BMC answers" in told
    assert says in told
    assert not state.is_active(site, "snow01", "pacemaker")


def test_enable_takes_the_bmcs_first_because_they_answer(protected: Lab) -> None:
    assert "fencing: ipmi" in enable(protected)
    assert state.status(protected)["fencing"]["way"] == "ipmi"
    assert fencing_status(protected)["findings"] == []
    listed = protected.run("snow01", ["stonith_admin", "--list", "snow02"]).stdout
    assert "snow-ha-ipmi-snow02" in listed
    assert "snow-ha-sbd" in listed


def test_no_password_is_anywhere_but_in_snow_conf(protected: Lab) -> None:
    # ps sees every process that a status call starts: it is asked all the while.
    watch = "for n in $(seq 40); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.05; done"
    device = ["fence_ipmilan", "--ip=snow02-mgmt", "--lanplus", "--cipher=3", "-o", "status",
              "--ipmitool-path=/usr/share/snow-ha/ipmitool"]  # fmt: skip
    both = f"({watch}) & {' '.join(device)}; wait"
    seen = {
        "ps": protected.run("snow01", ["bash", "-c", both]).stdout,
        "cib": protected.run("snow01", ["cibadmin", "--query"]).stdout,
        "status": protected.run("snow01", ["snow-ha", "status", "--json"]).stdout,
        "fencing": protected.run("snow01", ["snow-ha", "fencing", "status", "--json"], check=False).stdout,
        "log": "".join(path.read_text(errors="replace") for path in (protected.shared / "log").glob("*")),
    }
    for server in protected.names:
        seen[f"journal of {server}"] = protected.run(server, ["journalctl", "--no-pager", "--output=cat"]).stdout
        pacemaker_log = protected.disk(server) / "var/log/pacemaker/pacemaker.log"
        seen[f"log of {server}"] = pacemaker_log.read_text(errors="replace")
    assert "Status: ON" in seen["ps"]
    assert [place for place, text in seen.items() if IPMI_PASSWORD in text] == []


def test_of_equals_with_a_cut_network_one_is_off_by_its_bmc_and_every_domain_runs_once(protected: Lab) -> None:
    state.split_evenly(protected)
    began = time.monotonic()
    protected.cut("snow02")
    wait_until(lambda: bool(events(protected, began, "bmc-off")), FAILOVER_WITHIN_S, "no BMC switched anything off")
    state.wait_for_all_domains(protected, FAILOVER_WITHIN_S)
    (off,) = set(events(protected, began, "bmc-off"))
    survivor = next(name for name in protected.names if name != off)
    protected.heal("snow02")
    assert {server for server, _ in state.domids(protected).values()} == {survivor}
    assert state.doubles(protected) == []
    wait_until(
        lambda: protected.is_on(off) and protected.run(survivor, ["ssh", off, "true"], check=False).returncode == 0,
        BACK_WITHIN_S, f"{off} is not back",
    )  # fmt: skip
    enable(protected)
    assert state.doubles(protected) == []


def test_a_bmc_that_dies_with_its_server_leaves_it_to_the_poison_pill(protected: Lab) -> None:
    protected.bmc_dead("snow02")
    protected.power_off("snow02")
    try:
        state.wait_for_all_domains(protected, SECOND_LEVEL_WITHIN_S)
        assert {server for server, _ in state.domids(protected).values()} == {"snow01"}
        assert state.doubles(protected) == []
    finally:
        protected.bmc_mend("snow02")
        protected.power_on("snow02")
