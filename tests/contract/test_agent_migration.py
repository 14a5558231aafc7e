"""The contract of the resource agent: live migration, and its interruptions by faults of the stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.contract.agent_cases import ARGS, GENERIC, NOT_RUNNING, SUCCESS, assert_one_copy
from tests.contract.xen_pair import XenPair, wait_until
from tests.lab import ledger


def test_a_migration_moves_the_running_guest(pair):
    pair.agent("start")
    (before,) = pair.world.guests()
    began = pair.world.intervals()[0].start
    assert pair.agent("migrate_to").status == SUCCESS
    assert pair.agent("migrate_from", "snow02").status == SUCCESS
    assert_one_copy(pair, "snow02")
    (after,) = pair.world.guests()
    assert after.uuid == before.uuid
    now = pair.world.intervals()[-1].start
    assert not ledger.interrupted(pair.world.intervals(), "web01", began, now)
    assert pair.agent("monitor").status == NOT_RUNNING
    assert pair.agent("monitor", "snow02").status == SUCCESS


INTERRUPTIONS = [
    # stage, what happens there, to whom, and on which server the domain runs in the end
    ("copy", "fail", "snow01", "snow01"),
    ("copy", "die", "snow01", "snow01"),
    ("copy", "cut", "snow01", "snow01"),
    ("copy", "fail", "snow02", "snow01"),
    ("copy", "die", "snow02", "snow01"),
    ("ready", "cut", "snow01", "snow01"),
    ("ready", "die", "snow02", "snow01"),
    ("permission", "cut", "snow01", "snow02"),
    ("permission", "fail", "snow02", "snow01"),
    ("permission", "die", "snow02", "snow02"),
    ("report", "cut", "snow01", "snow02"),
    ("report", "die", "snow01", "snow02"),
    ("report", "die", "snow02", "snow02"),
]
HANGS = [
    ("copy", "snow01", "snow01"),
    ("copy", "snow02", "snow01"),
    ("ready", "snow01", "snow01"),
    ("ready", "snow02", "snow01"),
    ("permission", "snow01", "snow02"),
    ("permission", "snow02", "snow02"),
    ("report", "snow01", "snow02"),
    ("report", "snow02", "snow02"),
]
# how one sees from outside that a migration has come to the stage
REACHED = {
    "copy": lambda pair: pair.names("snow02") == ["web01--incoming"],
    "ready": lambda pair: pair.state("snow01") == "suspended",
    "permission": lambda pair: pair.names("snow01") == ["web01--migratedaway"],
    "report": lambda pair: pair.state("snow02") == "running",
}


def assert_the_truth(pair: XenPair, status: int, output: str, server: str) -> None:
    assert status == (SUCCESS if server == "snow02" else GENERIC), output
    assert_one_copy(pair, server)
    assert ("still runs here" in output) == (server == "snow01")


@pytest.mark.parametrize(("stage", "how", "whom", "server"), INTERRUPTIONS)
def test_an_interrupted_migration_leaves_one_copy_and_the_truth(pair, stage, how, whom, server):
    pair.world.place("snow01", "web01")
    pair.world.fault(stage, how, server=whom)
    outcome = pair.agent("migrate_to", timeout_s=24)
    assert_the_truth(pair, outcome.status, outcome.output, server)


@pytest.mark.parametrize(("stage", "whom", "server"), HANGS)
def test_a_hung_migration_that_is_ended_leaves_one_copy_and_the_truth(pair, stage, whom, server):
    pair.world.place("snow01", "web01")
    pair.world.fault(stage, "hang", server=whom)
    process = pair.begin("migrate_to", timeout_s=24)
    wait_until(lambda: REACHED[stage](pair))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=24)
    assert_the_truth(pair, process.returncode, errors, server)


def test_a_migration_that_hangs_is_ended_within_its_timeout(pair):
    pair.world.place("snow01", "web01")
    pair.world.fault("copy", "hang", server="snow02")
    outcome = pair.agent("migrate_to", timeout_s=6)
    assert_the_truth(pair, outcome.status, outcome.output, "snow01")


def test_a_migration_frozen_at_the_source_goes_on_there(pair):
    """4.17 has no `xl resume`: a migration that a make-believe target hangs up on does it."""
    pair.world.place("snow01", "web01")
    pair.world.fault("ready", "die", server="snow01")
    outcome = pair.agent("migrate_to", timeout_s=20)
    assert_the_truth(pair, outcome.status, outcome.output, "snow01")
    pair.world.mend()
    assert pair.agent("migrate_to").status == SUCCESS


def test_a_guest_frozen_before_permission_goes_on_also_when_the_target_is_gone(pair):
    pair.world.place("snow01", "web01")
    pair.world.fault("ready", "hang", server="snow01")
    process = pair.begin("migrate_to", timeout_s=24)
    wait_until(lambda: REACHED["ready"](pair))
    pair.unreachable("snow02")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=24)
    assert process.returncode == GENERIC
    assert "web01 still runs here" in errors
    assert pair.world.where("web01") == ["snow01"]


def test_a_guest_whose_copy_vanished_from_the_target_goes_on_under_its_own_name(pair):
    pair.world.place("snow01", "web01")
    pair.world.fault("permission", "hang", server="snow01")
    process = pair.begin("migrate_to", timeout_s=24)
    wait_until(lambda: REACHED["permission"](pair))
    assert pair.xl("snow02", "destroy", "web01--incoming").returncode == 0
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=24)
    assert_the_truth(pair, process.returncode, errors, "snow01")


@pytest.mark.parametrize("verb", ["rename", "unpause"])
def test_a_whole_copy_that_cannot_be_run_on_the_target_goes_on_at_the_source(pair, verb):
    pair.world.place("snow01", "web01")
    pair.world.fault("permission", "cut", server="snow01")
    pair.world.fault(verb, "fail", server="snow02")
    outcome = pair.agent("migrate_to", timeout_s=16)
    assert_the_truth(pair, outcome.status, outcome.output, "snow01")


def test_a_copy_that_ran_on_the_target_is_not_given_up_for_the_older_one_at_the_source(pair):
    """It has written to its images: the guest at the source knows nothing of that."""
    pair.world.place("snow01", "web01")
    pair.world.fault("report", "hang", server="snow01")
    process = pair.begin("migrate_to", timeout_s=16)
    wait_until(lambda: pair.state("snow02") == "running")
    pair.world.crash("snow02", "web01")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=16)
    assert process.returncode == GENERIC
    assert "runs on neither side" in errors
    assert pair.names("snow01") == ["web01--migratedaway"]


def test_a_sender_that_dies_before_permission_leaves_one_copy_and_the_truth(pair):
    """The receiver gives its copy up if it hears the end of the stream before the transport is ended too."""
    pair.world.place("snow01", "web01")
    pair.world.fault("permission", "die", server="snow01")
    outcome = pair.agent("migrate_to", timeout_s=24)
    assert_the_truth(pair, outcome.status, outcome.output, "snow02" if outcome.status == SUCCESS else "snow01")


def test_stop_ends_a_migration_whose_agent_was_killed(pair):
    pair.world.place("snow01", "web01")
    pair.world.fault("copy", "hang", server="snow01")
    process = pair.begin("migrate_to", timeout_s=20)
    wait_until(lambda: REACHED["copy"](pair))
    process.kill()
    process.wait(timeout=10)
    assert pair.agent("stop").status == SUCCESS
    pair.world.mend()
    wait_until(lambda: pair.world.guests() == [])
    assert [run.server for run in pair.world.intervals()] == ["snow01"]


def test_a_target_that_cannot_be_reached_costs_nothing(pair):
    pair.world.place("snow01", "web01")
    pair.unreachable("snow02")
    outcome = pair.agent("migrate_to")
    assert outcome.status == GENERIC
    assert "No route to host" in outcome.reason
    assert_one_copy(pair, "snow01")


def test_a_target_whose_toolstack_is_away_for_a_while_is_asked_again(pair):
    pair.world.place("snow01", "web01")
    pair.world.fault("list", how="fail", server="snow02")
    process = pair.begin("migrate_to", timeout_s=24)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    pair.world.mend()
    assert process.wait(timeout=20) == SUCCESS
    assert_one_copy(pair, "snow02")


def test_a_target_lost_after_permission_leaves_the_source_untouched(pair):
    pair.world.place("snow01", "web01")
    pair.world.fault("report", "hang", server="snow02")
    process = pair.begin("migrate_to", timeout_s=24)
    wait_until(lambda: pair.state("snow02") == "running")
    pair.unreachable("snow02")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=24)
    assert process.returncode == GENERIC
    assert "nobody knows whether web01 runs there" in errors
    assert pair.names("snow01") == ["web01--migratedaway"]
    assert pair.world.where("web01") == ["snow02"]


def test_a_target_without_memory_keeps_the_guest_here(pair):
    pair.world.place("snow01", "web01", memory_mib=2048)
    pair.world.power_on("snow02", memory_mib=2048)
    outcome = pair.agent("migrate_to")
    assert outcome.status == GENERIC
    assert "too little free memory for the 2048 MiB" in outcome.reason
    assert_one_copy(pair, "snow01")


@pytest.mark.parametrize("missing", ["image", "kernel", "bridge"])
def test_a_target_without_what_the_domain_needs_is_refused_before_the_copy(pair, missing):
    pair.write_domain_file(vif=["mac=00:16:3e:00:00:01, bridge=lo"])
    pair.agent("start")
    bridge = "no-such-bridge" if missing == "bridge" else "lo"
    pair.write_domain_file(vif=[f"mac=00:16:3e:00:00:01, bridge={bridge}"])
    if missing != "bridge":
        getattr(pair, missing).unlink()
    pair.world.fault("migrate-receive", "hang")
    outcome = pair.agent("migrate_to")
    assert outcome.status == GENERIC
    assert (
        f"snow02 has no readable {bridge if missing == 'bridge' else getattr(pair, missing)}"
        in outcome.reason.replace("/sys/class/net/", "")
    )
    assert_one_copy(pair, "snow01")


def test_a_migration_s_progress_can_be_seen_while_it_lasts(tmp_path):
    pair = XenPair(tmp_path, f"web-{os.getpid()}")
    pair.world.place("snow01", pair.name)
    pair.world.configure(copy_s=3)
    file = Path(f"/run/snow-ha/{pair.name}.migration")
    process = pair.begin("migrate_to", timeout_s=20)
    wait_until(file.exists)
    seen = json.loads(file.read_text())
    assert seen.keys() == {"target", "sent_mib", "memory_mib", "mib_per_s"}
    assert (seen["target"], seen["memory_mib"]) == ("snow02", 512)
    assert process.wait(timeout=20) == SUCCESS
    assert not file.exists()


def test_a_hypervisor_that_cannot_migrate_the_guest_keeps_it(pair):
    pair.world.place("snow01", "web01")
    pair.world.configure(server="snow01", shadow=False)
    assert pair.agent("migrate_to").status == GENERIC
    assert_one_copy(pair, "snow01")


@pytest.mark.parametrize("state", ["running", "paused", "crashed"])
def test_a_domain_of_that_name_on_the_target_is_not_touched(pair, state):
    pair.world.place("snow01", "web01")
    pair.world.place("snow02", "web01", state)
    outcome = pair.agent("migrate_to")
    assert outcome.status == GENERIC
    assert "has web01 already" in outcome.reason
    assert pair.state("snow01") == "running"
    assert pair.state("snow02") == state


def test_what_an_earlier_migration_left_on_the_target_is_in_nobody_s_way(pair):
    pair.world.place("snow01", "web01")
    pair.world.place("snow02", "web01--incoming", "paused")
    assert pair.agent("migrate_to").status == SUCCESS
    assert_one_copy(pair, "snow02")


def test_a_received_copy_that_somebody_runs_is_not_removed_from_the_target(pair):
    pair.world.place("snow01", "web01")
    pair.world.place("snow02", "web01--incoming", "running")
    assert pair.agent("migrate_to").status == GENERIC
    assert pair.names("snow02") == ["web01--incoming"]


@pytest.mark.parametrize("state", [None, "crashed", "off", "paused"])
def test_only_a_running_guest_is_migrated(pair, state):
    if state:
        pair.world.place("snow01", "web01", state)
    outcome = pair.agent("migrate_to", timeout_s=2)
    assert outcome.status == GENERIC
    assert "does not run here" in outcome.reason
    assert pair.world.guests("snow02") == []


@pytest.mark.parametrize("target", ["", "a b", "-oProxyCommand=x", "a;b"])
def test_a_target_that_is_no_name_is_refused(pair, target):
    pair.world.place("snow01", "web01")
    assert pair.agent("migrate_to", CRM_meta_migrate_target=target).status == ARGS


def test_a_node_attribute_can_hold_the_target_s_address(pair):
    pair.world.place("snow01", "web01")
    asked = "--type nodes --node snow02 -n ip -G -q"
    pair.write_program("crm_attribute", f'#!/bin/sh\n[ "$*" = "{asked}" ] && echo 10.9.0.2\n')
    pair.unreachable("10.9.0.2")
    outcome = pair.agent("migrate_to", node_ip_attribute="ip")
    assert "10.9.0.2" in outcome.reason


def test_migrate_from_waits_until_the_domain_is_there(pair):
    process = pair.begin("migrate_from", "snow02")
    pair.world.place("snow02", "web01")
    assert process.wait(timeout=10) == SUCCESS


@pytest.mark.parametrize("name", [None, "web01--incoming"])
def test_migrate_from_does_not_take_an_incoming_domain_for_the_domain(pair, name):
    if name:
        pair.world.place("snow02", name, "paused")
    outcome = pair.agent("migrate_from", "snow02", timeout_s=1)
    assert outcome.status == GENERIC
    assert "did not arrive" in outcome.reason
