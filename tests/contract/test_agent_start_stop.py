"""The contract of the resource agent: start and stop."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from tests.contract.agent_cases import CONFIGURED, GENERIC, INSTALLED, STATES, SUCCESS, assert_one_copy, break_list
from tests.contract.xen_pair import XenPair, wait_until


def test_start_runs_the_domain_and_a_second_one_changes_nothing(pair):
    assert pair.agent("start").status == SUCCESS
    domid = pair.world.domid("web01")
    assert domid is not None
    assert pair.agent("start").status == SUCCESS
    assert pair.world.domid("web01") == domid


def test_start_gives_the_domain_the_resource_parameter_name(pair):
    assert pair.agent("start", name="other").status == SUCCESS
    assert pair.names("snow01") == ["other"]


@pytest.mark.parametrize("missing", ["image", "kernel", "file"])
def test_start_refuses_what_is_missing_here_and_says_which(pair, missing):
    path = getattr(pair, missing)
    path.unlink()
    outcome = pair.agent("start")
    assert outcome.status == INSTALLED
    assert str(path) in outcome.reason
    assert pair.world.guests() == []


@pytest.mark.parametrize(
    "disk",
    [
        "phy:{},xvda2,w",
        "file:{},xvda2,w",
        "tap:aio:{},xvda2,w",
        "{},raw,xvda2,rw",
        "format=raw, vdev=xvda2, access=rw, target={}",
        "qcow2:{},xvda2,w",
        "{},qcow2,xvda2",
        "tap:tapdisk:aio:{},xvda2,w",
        "vdev=xvda2,backendtype=qdisk,target={}",
        "vdev=xvda2,script=block-snow,target={}",
    ],
)
def test_start_finds_the_image_in_every_form_of_disk_line(pair, disk):
    pair.write_domain_file(disk=[disk.format("/nowhere/disk.img")])
    outcome = pair.agent("start")
    assert outcome.status == INSTALLED
    assert "/nowhere/disk.img is missing" in outcome.reason


def test_a_disk_without_a_slash_in_front_is_below_dev(pair):
    pair.write_domain_file(disk=["phy:no_vg/web01-disk,xvda2,w"])
    outcome = pair.agent("start")
    assert outcome.status == INSTALLED
    assert "/dev/no_vg/web01-disk is missing" in outcome.reason


@pytest.mark.parametrize(
    "disk",
    [
        "format=raw, vdev=xvda, access=rw, backendtype=qdisk, target=rbd:pool/web01",
        "vdev=xvda,backendtype=qdisk,target=nbd://nas/web01",
        "script=block-nbd,vdev=xvdb,access=rw,target=nbd://nas/web01",
        "drbd:web01,xvda,w",
        "script=/usr/local/bin/san,vdev=xvda,target=/lun/7",
        "vdev=xvda,backend=storage,target=/dev/of/another/domain",
        ",hdc:cdrom,r",
        "vdev=hdc,cdrom",
    ],
)
def test_start_looks_for_no_disk_that_is_no_path(pair, disk):
    pair.write_domain_file(disk=[f"file:{pair.image},xvda2,w", disk])
    assert pair.agent("start").status == SUCCESS


def test_what_xl_does_not_take_for_a_disk_is_for_xl_to_tell(pair):
    pair.write_domain_file(disk=[f"file:{pair.image},xvda2,w", "no such disk"])
    outcome = pair.agent("start")
    assert outcome.status == GENERIC
    assert "no device of the guest" in outcome.reason


def test_start_looks_for_what_the_file_adds(pair):
    with pair.file.open("a") as file:
        file.write("disk += [ '/nowhere/swap.img,raw,xvdb,rw' ]\n")
    outcome = pair.agent("start")
    assert outcome.status == INSTALLED
    assert "/nowhere/swap.img is missing" in outcome.reason


@pytest.mark.parametrize(
    "text",
    [
        "vnuma = [ [ 'pnode=0', 'size=512' ], [ 'pnode=1', 'size=0' ], ]",
        "extra = 'root=\\\"/dev/xvda2\\\"'",
        "# caf\u00e9",
    ],
)
def test_start_reads_what_xl_reads(pair, text):
    pair.file.write_bytes(f"{pair.file.read_text()}{text}\n".encode("latin-1"))
    assert pair.agent("start").status == SUCCESS


@pytest.mark.parametrize(
    "text", ["name = 'web01", "name 'web01'", "disk = [ 'a', ", "name = [ [ , ] ]", "= 3", "a = 1\r\n"]
)
def test_start_refuses_a_domain_file_that_xl_refuses(pair, text):
    pair.file.write_text(text, newline="")
    outcome = pair.agent("start", name="web01")
    assert outcome.status == INSTALLED
    assert str(pair.file) in outcome.reason


def test_start_needs_an_absolute_domain_file(pair):
    outcome = pair.agent("start", xmfile="web01.cfg")
    assert outcome.status == CONFIGURED


@pytest.mark.parametrize("name", ["a b", "a;b", "$(id)", "a'b", "-x", "12", "a\nb"])
def test_names_that_xl_or_a_shell_could_misread_are_refused(pair, name):
    outcome = pair.agent("start", name=name)
    assert outcome.status == CONFIGURED
    assert pair.world.guests() == []


def test_start_reports_what_xl_says(pair):
    pair.write_domain_file(memory="99999")
    outcome = pair.agent("start")
    assert outcome.status == GENERIC
    assert "failed to free memory" in outcome.reason


@pytest.mark.parametrize("how", ["fails", "hangs", "is garbage"])
def test_start_creates_nothing_while_it_does_not_know_what_is_there(pair, how):
    break_list(pair, how)
    assert pair.agent("start", timeout_s=1).status == GENERIC
    assert pair.world.guests() == []


def test_a_create_that_hangs_is_ended_in_time_and_a_stop_cleans_up(pair):
    pair.world.fault("build", "hang")
    outcome = pair.agent("start", timeout_s=12)
    assert outcome.status == GENERIC
    assert "did not end in time" in outcome.reason
    assert pair.state("snow01") == "building"
    assert pair.agent("stop").status == SUCCESS
    assert pair.names("snow01") == []
    pair.world.mend()
    assert pair.agent("start").status == SUCCESS


def test_a_create_that_goes_on_without_its_agent_is_ended_by_the_stop(pair):
    """Pacemaker would start the domain elsewhere, and then it would come here, too."""
    pair.world.fault("create", "hang", seconds=3)
    start = pair.begin("start", timeout_s=30)
    wait_until(lambda: creators(pair))
    start.kill()
    start.wait()
    assert pair.agent("stop").status == SUCCESS
    wait_until(lambda: not creators(pair))
    assert pair.world.intervals() == []


def creators(pair):
    found = subprocess.run(["pgrep", "-f", f"create {pair.file}"], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.mark.parametrize(("name", "state"), [(name, state) for name, state, code in STATES if code == GENERIC])
def test_start_creates_nothing_beside_a_form_of_the_domain(pair, name, state):
    pair.world.place("snow01", name, state)
    outcome = pair.agent("start", timeout_s=1)
    assert outcome.status == GENERIC
    assert outcome.reason
    assert pair.names("snow01") == [name]


def test_start_removes_the_incoming_domain_that_a_migration_left(pair):
    pair.world.place("snow01", "web01--incoming", "paused")
    assert pair.agent("start", timeout_s=20).status == SUCCESS
    assert_one_copy(pair, "snow01")


@pytest.mark.parametrize("state", ["running", "paused"])
def test_start_refuses_what_runs_on_another_server(pair, state):
    pair.world.place("snow02", "web01", state)
    outcome = pair.agent("start")
    assert outcome.status == GENERIC
    assert "web01 runs on snow02 already" in outcome.reason
    assert pair.names("snow01") == []


def test_start_goes_by_the_servers_that_answer(pair):
    pair.world.place("snow02", "web01")
    pair.unreachable("snow02")
    assert pair.agent("start").status == SUCCESS


def test_start_refuses_what_reboots_on_another_server(pair):
    pair.world.place("snow02", "web01", "rebooting")
    assert "web01 runs on snow02 already" in pair.agent("start").reason


@pytest.mark.parametrize("state", ["crashed", "off"])
def test_what_is_left_of_it_on_another_server_is_no_obstacle_to_start(pair, state):
    pair.world.place("snow02", "web01", state)
    assert pair.agent("start").status == SUCCESS


@pytest.mark.parametrize("cluster", ["exec sleep 60", "exit 102", "echo; echo '-oProxyCommand=x $(id)'"])
def test_start_does_not_need_to_know_of_other_servers(pair, cluster):
    pair.write_program("crm_node", f"#!/bin/sh\n{cluster}\n")
    assert pair.agent("start", timeout_s=12).status == SUCCESS


def test_start_during_a_reboot_waits_for_it(pair):
    pair.world.place("snow01", "web01")
    pair.world.configure(reboot_s=0.5)
    pair.xl("snow01", "reboot", "web01")
    wait_until(lambda: pair.state("snow01") == "rebooting")
    assert pair.agent("start").status == SUCCESS
    assert pair.names("snow01") == ["web01"]


def test_stop_shuts_the_guest_down_in_order(pair):
    pair.agent("start")
    assert pair.agent("stop").status == SUCCESS
    assert [run.ended_by for run in pair.world.intervals()] == ["poweroff"]


def test_stop_of_an_absent_domain_succeeds(pair):
    assert pair.agent("stop").status == SUCCESS


@pytest.mark.parametrize(("name", "state", "_"), STATES)
def test_stop_ends_every_form_of_the_domain(pair, name, state, _):
    pair.world.place("snow01", name, state)
    pair.world.place("snow01", "other")
    assert pair.agent("stop", timeout_s=10).status == SUCCESS
    assert pair.names("snow01") == ["other"]


def test_stop_needs_no_domain_file(pair):
    pair.agent("start")
    pair.file.unlink()
    assert pair.agent("stop").status == SUCCESS
    assert pair.names("snow01") == []


def test_a_guest_that_ignores_the_shutdown_is_destroyed_within_the_timeout(pair):
    pair.world.configure(ignore_shutdown=True)
    pair.agent("start")
    assert pair.agent("stop", timeout_s=10).status == SUCCESS
    assert [run.ended_by for run in pair.world.intervals()] == ["destroy"]


def test_shutdown_timeout_0_destroys_at_once(pair):
    pair.world.configure(ignore_shutdown=True)
    pair.agent("start")
    outcome = pair.agent("stop", timeout_s=30, shutdown_timeout="0")
    assert outcome.status == SUCCESS
    assert outcome.seconds < 2


def test_a_shutdown_timeout_longer_than_the_operation_still_leaves_time_to_destroy(pair):
    pair.world.configure(ignore_shutdown=True)
    pair.agent("start")
    assert pair.agent("stop", timeout_s=10, shutdown_timeout="600").status == SUCCESS


def test_stop_by_the_power_button(pair):
    pair.agent("start")
    pair.world.fault("shutdown", "fail")
    assert pair.agent("stop", shutdown_acpi="1").status == SUCCESS
    assert [run.ended_by for run in pair.world.intervals()] == ["poweroff"]


@pytest.mark.parametrize("how", ["fail", "hang", "die"])
def test_a_shutdown_that_goes_wrong_ends_in_a_destroy(pair, how):
    pair.agent("start")
    pair.world.fault("shutdown", how)
    assert pair.agent("stop", timeout_s=10).status == SUCCESS
    assert pair.names("snow01") == []


@pytest.mark.parametrize("how", ["fails", "hangs", "is garbage"])
def test_stop_does_not_claim_what_it_cannot_see(pair, how):
    pair.world.place("snow01", "web01")
    break_list(pair, how)
    outcome = pair.agent("stop", timeout_s=1)
    assert outcome.status == GENERIC
    assert outcome.reason


@pytest.mark.parametrize("how", ["fail", "hang"])
def test_a_destroy_that_goes_wrong_is_an_error_with_xl_s_words(pair, how):
    pair.world.place("snow01", "web01", "crashed")
    pair.world.fault("destroy", how, stderr="libxl: error: xenstore is dead")
    outcome = pair.agent("stop", timeout_s=4)
    assert outcome.status == GENERIC
    assert ("xenstore is dead" if how == "fail" else "did not end in time") in outcome.reason


def test_stop_waits_for_a_dying_domain(pair):
    pair.world.configure(dying_s=0.7)
    pair.agent("start")
    outcome = pair.agent("stop", shutdown_timeout="0")
    assert outcome.status == SUCCESS
    assert pair.world.guests() == []


def test_stop_of_a_guest_that_reboots_ends_the_new_one_too(pair):
    pair.world.configure(reboot_s=0.4)
    pair.world.place("snow01", "web01")
    pair.xl("snow01", "reboot", "web01")
    wait_until(lambda: pair.state("snow01") == "rebooting")
    assert pair.agent("stop").status == SUCCESS
    assert pair.world.guests() == []


@pytest.fixture
def rebooting(tmp_path):
    """A domain whose name no other test has, as xl's process of it is on the machine, between its old life and the new.

    That lasts for 2 s, as long as xl sleeps.
    """
    pair = XenPair(tmp_path, f"reboot{os.getpid()}")
    pair.world.place("snow01", pair.name)
    pair.xl("snow01", "reboot", pair.name)
    wait_until(lambda: pair.names("snow01") == [])
    return pair


@pytest.mark.parametrize("wait_s", [0, 1])
def test_stop_between_the_old_and_the_new_domain_of_a_reboot_ends_the_new_one(rebooting, wait_s):
    time.sleep(wait_s)
    assert rebooting.names("snow01") == []
    outcome = rebooting.agent("stop", timeout_s=20)
    assert outcome.status == SUCCESS
    # It may end the new one before that has run.
    assert outcome.seconds > 1.5 - wait_s, "it has waited for the new one"
    assert rebooting.world.guests() == []


def test_start_between_the_old_and_the_new_domain_of_a_reboot_waits_for_the_new_one(rebooting):
    assert rebooting.agent("start", timeout_s=20).status == SUCCESS
    assert [run.started_by for run in rebooting.world.intervals()] == ["create", "reboot"]


@pytest.mark.parametrize("interval_s", [None, 10])
def test_a_monitor_between_the_old_and_the_new_domain_of_a_reboot_waits_for_the_new_one(rebooting, interval_s):
    assert rebooting.agent("monitor", timeout_s=20, interval_s=interval_s).status == SUCCESS
