"""A third vote from corosync-qnetd on a host of its own, beside the poison pills: who has it fences, and who is left
alone outlives a stall of the shared file system, which without it resets the last one of two."""

import os
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.cluster import cluster_state as state
from tests.cluster.test_fencing import FAILOVER_WITHIN_S, enable, fencing_status, resets, wait_until_back
from tests.lab.cluster import QNETD, Lab
from tests.lab.host import wait_until
from tests.lab.site import build_site

pytestmark = pytest.mark.lab

WATCHDOG_S = 5
# The membership, sbd's own 4 s and the watchdog: without a third vote the last one is reset by then.
STALL_S = 7 + 4 + WATCHDOG_S + 4
VOTES_WITHIN_S = 30


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    build = partial(build_site, SNOW_HA_WATCHDOG_S=str(WATCHDOG_S))
    with Lab.up(f"qdevice-{os.getpid()}", site=build, qnetd=True, disk=state.hasten) as lab:
        state.boot_early_domains(lab)
        yield lab


@pytest.fixture
def voting(site: Lab) -> Lab:
    """Both servers are in the cluster with the third vote, and all domains run; no option is needed any more."""
    if not state.is_whole(site):
        enable(site)
        state.wait_for_all_domains(site)
    wait_until(lambda: votes(site) == 3, VOTES_WITHIN_S, "there is no third vote")
    return site


def votes(lab: Lab) -> int:
    """How many votes snow01's corosync counts."""
    shown = lab.run("snow01", ["corosync-quorumtool", "-s"], check=False).stdout
    return next((int(line.split()[-1]) for line in shown.splitlines() if line.startswith("Total votes:")), 0)


def pass_time(seconds: float) -> None:
    ends = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > ends, seconds + 1, "time stands still")


@pytest.mark.parametrize(("host", "says"), [("snow02", "is a server"), ("nis01", "is a domain"), ("-x", "no name")])
def test_a_host_that_cannot_decide_is_refused(site: Lab, host: str, says: str) -> None:
    refused = state.attempt(site, ["snow-ha", "enable", f"--qdevice={host}"])
    assert refused.returncode != 0
    assert says in refused.stderr


def test_a_host_whose_qnetd_does_not_run_is_refused_before_anything_is_changed(site: Lab) -> None:
    site.run(QNETD, ["systemctl", "stop", "corosync-qnetd"])
    before = state.snapshot(site)
    refused = state.attempt(site, ["snow-ha", "enable", "--qdevice", QNETD])
    site.run(QNETD, ["systemctl", "start", "corosync-qnetd"])
    assert refused.returncode == 69
    assert refused.stderr.splitlines()[-1] == (
        f"[E] corosync-qnetd does not run on {QNETD}; on {QNETD}: systemctl enable --now corosync-qnetd"
    )
    assert before.difference(state.snapshot(site)) == []


def test_enable_killed_and_run_again_on_a_fresh_pair_ends_with_three_votes(site: Lab) -> None:
    began = time.monotonic()
    running = state.domids(site)
    # The seventh command signs the certificate, which nobody has yet; corosync.conf is what remembers the host.
    assert state.killed(site, "within 7 qdevice", "enable", "--qdevice", QNETD)
    assert state.killed(site, "after corosync", "enable", "--qdevice", QNETD)
    assert f"third vote: {QNETD}" in enable(site)
    assert votes(site) == 3
    assert {name: state.domids(site)[name] for name in running} == running
    shown = fencing_status(site)
    assert shown["third_vote"] == {"host": QNETD, "voting": dict.fromkeys(site.names, True)}
    assert shown["findings"] == []
    assert f"third vote: {QNETD}, voting" in state.snow_ha(site, "fencing", "status")
    before = state.snapshot(site)
    assert "nothing to do" in enable(site)
    assert before.difference(state.snapshot(site)) == []
    assert resets(site, began) == []


def test_without_qnetd_the_cluster_goes_on_and_says_so(voting: Lab) -> None:
    began = time.monotonic()
    running = state.domids(voting)
    voting.run(QNETD, ["systemctl", "stop", "corosync-qnetd"])
    wait_until(lambda: votes(voting) == 2, VOTES_WITHIN_S, "the third vote stays")
    pass_time(WATCHDOG_S + 4)
    findings = {finding["id"]: finding["severity"] for finding in fencing_status(voting)["findings"]}
    assert findings == {"third-vote-missing": "warning"}
    assert state.finding_ids(voting) == ["third-vote-missing"]
    assert "nothing to do" in enable(voting)
    voting.run(QNETD, ["systemctl", "start", "corosync-qnetd"])
    wait_until(lambda: votes(voting) == 3, VOTES_WITHIN_S, "the third vote does not come back")
    assert resets(voting, began) == []
    assert state.domids(voting) == running


def test_a_cut_server_is_reset_and_no_other(voting: Lab) -> None:
    began = time.monotonic()
    voting.cut("snow02")
    wait_until(lambda: bool(resets(voting, began)), FAILOVER_WITHIN_S, "nobody was reset")
    state.wait_for_all_domains(voting, FAILOVER_WITHIN_S)
    assert {server for server, _ in state.domids(voting).values()} == {"snow01"}
    voting.heal("snow02")
    wait_until_back(voting, "snow02")
    assert resets(voting, began) == ["snow02"]
    assert state.doubles(voting) == []


def test_a_server_whose_corosync_dies_is_reset_and_the_vote_does_not_start_it_again(voting: Lab) -> None:
    began = time.monotonic()
    voting.run("snow02", ["pkill", "-KILL", "-x", "corosync"])
    wait_until(lambda: resets(voting, began) == ["snow02"], FAILOVER_WITHIN_S, "snow02 was not reset")
    state.wait_for_all_domains(voting, FAILOVER_WITHIN_S)
    wait_until_back(voting, "snow02")
    assert state.doubles(voting) == []


def test_the_last_one_outlives_a_shared_file_system_that_hangs(voting: Lab) -> None:
    began = time.monotonic()
    for server in voting.names:
        voting.shared_hang(server)
    try:
        voting.power_off("snow02")
        pass_time(STALL_S)
        assert resets(voting, began) == []
    finally:
        for server in voting.names:
            voting.shared_mend(server)
    state.wait_for_all_domains(voting, 2 * FAILOVER_WITHIN_S)
    assert resets(voting, began) == []
    assert state.doubles(voting) == []
    voting.power_on("snow02")


def test_disable_takes_it_out_and_it_comes_to_a_cluster_that_runs(voting: Lab) -> None:
    began = time.monotonic()
    running = state.domids(voting)
    state.snow_ha(voting, "disable", "--yes")
    for server in voting.names:
        etc = voting.disk(server) / "etc"
        left = [*etc.glob("systemd/system/*/snow-ha-qdevice.conf"), *etc.glob("corosync/qdevice/net/nssdb")]
        assert left == []
        assert "device" not in (etc / "corosync/corosync.conf").read_text()
    enable(voting)
    assert votes(voting) == 2
    assert f"third vote: {QNETD}" in enable(voting, "--qdevice", QNETD)
    assert votes(voting) == 3
    assert state.domids(voting) == running
    assert resets(voting, began) == []
    assert fencing_status(voting)["findings"] == []
