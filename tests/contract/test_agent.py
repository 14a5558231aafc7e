"""The contract of the resource agent: every action in every state, with everything about `xl` that can go wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.xen_pair import AGENT, XenPair, environment_without, wait_until
from tests.lab import ledger

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
BROKEN_LISTS = {
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


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[XenPair]:
    pair = XenPair(tmp_path)
    yield pair
    pair.world.mend()  # what was made to hang must not outlive its test


def break_list(pair: XenPair, how: str) -> None:
    pair.world.fault("list", **BROKEN_LISTS[how])


# monitor


def test_a_probe_of_an_absent_domain_is_7(pair):
    assert pair.agent("monitor").status == NOT_RUNNING


def test_a_domain_that_is_gone_is_7(pair):
    assert pair.agent("monitor", timeout_s=2, interval_s=10).status == NOT_RUNNING


@pytest.mark.parametrize(("name", "state", "expected"), STATES)
def test_a_probe_tells_the_states_apart(pair, name, state, expected):
    pair.world.place("snow01", name, state)
    outcome = pair.agent("monitor", timeout_s=2 if expected == GENERIC else 10)
    assert outcome.status == expected
    assert bool(outcome.reason) == (expected == GENERIC)


def test_the_half_of_a_migration_is_an_error_where_the_domain_should_run(pair):
    pair.world.place("snow01", "web01--incoming", "paused")
    assert pair.agent("monitor", timeout_s=1, interval_s=10).status == GENERIC


def test_the_half_of_a_migration_beside_the_domain_does_no_harm(pair):
    pair.world.place("snow01", "web01")
    pair.world.place("snow01", "web01--incoming", "paused")
    assert pair.agent("monitor", interval_s=10).status == SUCCESS


def test_status_is_monitor(pair):
    pair.world.place("snow01", "web01")
    assert pair.agent("status").status == SUCCESS


def test_a_crashed_domain_that_is_kept_is_a_failure(pair):
    pair.world.place("snow01", "web01", on_crash="preserve")
    pair.world.crash("snow01", "web01")
    outcome = pair.agent("monitor", interval_s=10)
    assert outcome.status == GENERIC
    assert "crashed" in outcome.reason


def test_other_domains_with_similar_names_do_not_count(pair):
    for name in ("web", "web011", "web01-incoming", "web02--incoming"):
        pair.world.place("snow01", name)
    assert pair.agent("monitor").status == NOT_RUNNING


def test_a_guest_that_reboots_is_not_a_failure(pair):
    pair.world.place("snow01", "web01")
    pair.world.configure(reboot_s=1)
    domid = pair.world.domid("web01")
    assert pair.xl("snow01", "reboot", "web01").returncode == 0
    wait_until(lambda: pair.state("snow01") == "rebooting")
    assert pair.agent("monitor", interval_s=10).status == SUCCESS
    assert pair.world.domid("web01") != domid


@pytest.mark.parametrize("how", BROKEN_LISTS)
def test_what_xl_does_not_tell_is_an_error_and_never_7(pair, how):
    break_list(pair, how)
    outcome = pair.agent("monitor", timeout_s=1)
    assert outcome.status == GENERIC
    assert "xl list" in outcome.reason


def test_a_list_that_fails_once_is_asked_again(pair):
    pair.world.place("snow01", "web01")
    break_list(pair, "fails")
    monitor = pair.begin("monitor", interval_s=10)
    pair.world.mend()
    assert monitor.wait(timeout=10) == SUCCESS


def test_without_xl_nothing_is_installed(pair):
    environment = environment_without("xl", pair.path)
    for action in ("monitor", "start", "stop"):
        outcome = pair.agent(action, environment=environment)
        assert outcome.status == INSTALLED
        assert "xl is not installed" in outcome.reason


def test_the_name_in_the_domain_file_counts_where_none_is_given(pair):
    pair.write_domain_file(name="other")
    pair.world.place("snow01", "other")
    assert pair.agent("monitor").status == SUCCESS
    assert pair.agent("monitor", name="web01").status == NOT_RUNNING


def test_without_its_file_a_domain_is_known_by_the_resource(pair):
    pair.file.unlink()
    pair.world.place("snow01", "web01")
    assert pair.agent("monitor").status == SUCCESS


def test_monitor_scripts_must_all_succeed(pair):
    pair.world.place("snow01", "web01")
    good = pair.write_program("good", "#!/bin/sh\nexit 0\n")
    bad = pair.write_program("bad", "#!/bin/sh\necho no answer on port 80 >&2\nexit 3\n")
    assert pair.agent("monitor", monitor_scripts=f"{good} {good}").status == SUCCESS
    outcome = pair.agent("monitor", monitor_scripts=f"{good} {bad}")
    assert outcome.status == GENERIC
    assert "no answer on port 80" in outcome.reason


def test_a_monitor_script_that_hangs_ends_within_the_timeout(pair):
    pair.world.place("snow01", "web01")
    script = pair.write_program("slow", "#!/bin/sh\nexec sleep 60\n")
    assert pair.agent("monitor", timeout_s=1, monitor_scripts=str(script)).status == GENERIC


# start


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
    ],
)
def test_start_finds_the_image_in_every_form_of_disk_line(pair, disk):
    pair.write_domain_file(disk=[disk.format("/nowhere/disk.img")])
    outcome = pair.agent("start")
    assert outcome.status == INSTALLED
    assert "/nowhere/disk.img is missing" in outcome.reason


@pytest.mark.parametrize("text", ["name = 'web01", "name 'web01'", "disk = [ 'a', ", "name = [ [ ] ]", "= 3"])
def test_start_refuses_a_domain_file_that_does_not_parse(pair, text):
    pair.file.write_text(text)
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


@pytest.mark.parametrize(("name", "state"), [(name, state) for name, state, code in STATES if code == GENERIC])
def test_start_creates_nothing_beside_a_form_of_the_domain(pair, name, state):
    pair.world.place("snow01", name, state)
    outcome = pair.agent("start", timeout_s=1)
    assert outcome.status == GENERIC
    assert outcome.reason
    assert pair.names("snow01") == [name]


def test_start_removes_the_half_that_a_migration_left(pair):
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


# stop


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


# migration


def assert_one_copy(pair: XenPair, server: str) -> None:
    assert pair.world.where("web01") == [server]
    assert [guest.name for guest in pair.world.guests()] == ["web01"]
    assert pair.world.doubles() == []


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
def test_migrate_from_does_not_take_a_half_for_a_domain(pair, name):
    if name:
        pair.world.place("snow02", name, "paused")
    outcome = pair.agent("migrate_from", "snow02", timeout_s=1)
    assert outcome.status == GENERIC
    assert "did not arrive" in outcome.reason


# whatever the action


ACTIONS = ("start", "stop", "monitor", "migrate_to", "migrate_from", "reload", "reload-agent", "validate-all")
LOOKING = ("start", "stop", "monitor", "migrate_to", "migrate_from")


@pytest.mark.parametrize("action", LOOKING)
@pytest.mark.parametrize("how", ["hangs", "is garbage"])
def test_a_bad_xl_is_an_error_with_a_reason_within_a_timeout_of_one_second(pair, action, how):
    pair.world.place("snow01", "web01")
    break_list(pair, how)
    outcomes = [pair.agent(action, timeout_s=1) for _ in range(3)]
    assert {outcome.status for outcome in outcomes} == {GENERIC}
    assert all(outcome.reason for outcome in outcomes)
    assert min(outcome.seconds for outcome in outcomes) < 1


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("monitor", SUCCESS),
        ("start", SUCCESS),
        ("stop", SUCCESS),
        ("migrate_to", SUCCESS),
        ("reload", SUCCESS),
        ("validate-all", SUCCESS),
    ],
)
def test_what_runs_can_be_dealt_with_when_its_domain_file_is_gone(pair, action, expected):
    pair.world.place("snow01", "web01")
    pair.file.unlink()
    assert pair.agent(action).status == expected


@pytest.mark.parametrize("key", ["xmfile", "name", "shutdown_timeout", "shutdown_acpi", "node_ip_attribute"])
def test_quotes_and_newlines_in_a_parameter_reach_nobody_who_misreads_them(pair, key):
    pair.world.place("snow01", "web01")
    before = pair.world.guests()
    trap = pair.path / "trap"
    for action in ACTIONS:
        outcome = pair.agent(action, timeout_s=2, **{key: f"/x'\"\n$(touch {trap});`touch {trap}`"})
        assert outcome.status in range(8)
        assert bool(outcome.reason) == (outcome.status in range(1, 7)), action
        if pair.world.guests() != before:  # a parameter that this action has no use for
            assert (key, outcome.status) != ("name", SUCCESS)
            pair.world.power_off("snow01")
            pair.world.power_off("snow02")
            pair.world.power_on("snow01")
            pair.world.power_on("snow02")
            pair.world.place("snow01", "web01")
            before = pair.world.guests()
    assert not trap.exists()


def test_a_path_with_quotes_is_looked_for_on_the_target_as_it_is(pair):
    trap = pair.path / "trap"
    image = f"/nowhere/it's $(touch {trap})"
    pair.world.place("snow01", "web01")
    pair.file.write_text(f'name = "web01"\ndisk = [ "file:{image},xvda2,w" ]\n')
    outcome = pair.agent("migrate_to")
    assert "has no readable /nowhere/it's $(touch" in outcome.reason
    assert not trap.exists()


def test_a_full_disk_changes_no_answer(pair):
    """Nothing that the agent writes matters so much: not the log, not the progress of a migration."""
    pair.world.place("snow01", "web01", "crashed")
    with Path("/dev/full").open("w") as full:
        assert pair.begin("monitor", stderr=full).wait(timeout=10) == GENERIC
        assert pair.begin("stop", stderr=full).wait(timeout=10) == SUCCESS
        assert pair.begin("start", stderr=full).wait(timeout=10) == SUCCESS
        assert pair.begin("migrate_to", stderr=full).wait(timeout=10) == SUCCESS
        assert pair.begin("meta-data", stdout=full).wait(timeout=10) == GENERIC


@pytest.mark.parametrize("action", ["start", "stop", "monitor"])
def test_who_may_not_ask_the_hypervisor_is_told_so(action):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        agent = shutil.copy(AGENT, directory)
        result = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", agent, action],
            env={"PATH": "/usr/bin:/bin", "OCF_RESOURCE_INSTANCE": "web01", "OCF_RESKEY_xmfile": "/web01.cfg"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (result.returncode, "only root" in result.stderr) == (PERM, True)


# the agent's interface


@pytest.mark.parametrize("action", ["reload", "reload-agent"])
def test_a_reload_touches_nothing_and_refuses_what_makes_no_sense(pair, action):
    pair.world.place("snow01", "web01")
    domid = pair.world.domid("web01")
    assert pair.agent(action, shutdown_timeout="30").status == SUCCESS
    assert pair.agent(action, shutdown_timeout="soon").status == CONFIGURED
    assert pair.world.domid("web01") == domid


DEEP = {"OCF_CHECK_LEVEL": "10"}


def answer_pings(pair: XenPair, text: str) -> None:
    pair.write_domain_file(vif=["ip=10.9.0.7, mac=00:16:3e:00:00:01, bridge=lo"])
    pair.write_program("ping", f'#!/bin/sh\ncase "$*" in *" 10.9.0.7") ;; *) exit 2 ;; esac\n{text}\n')


def test_a_deep_monitor_wants_an_answer_from_the_guest(pair):
    pair.world.place("snow01", "web01")
    answer_pings(pair, "exit 0")
    assert pair.agent("monitor", environment=DEEP).status == SUCCESS
    answer_pings(pair, "echo 100% packet loss; exit 1")
    outcome = pair.agent("monitor", timeout_s=2, environment=DEEP)
    assert outcome.status == GENERIC
    assert "does not answer" in outcome.reason
    assert pair.agent("monitor").status == SUCCESS


def test_a_deep_monitor_asks_a_silent_guest_again(pair):
    pair.world.place("snow01", "web01")
    counter = pair.path / "asked"
    answer_pings(pair, f"echo >> {counter}; [ $(wc -l < {counter}) -ge 3 ]")
    assert pair.agent("monitor", environment=DEEP).status == SUCCESS


def test_a_guest_without_an_address_cannot_be_asked(pair):
    pair.world.place("snow01", "web01")
    answer_pings(pair, "exit 1")
    pair.write_domain_file()
    assert pair.agent("monitor", environment=DEEP).status == SUCCESS


def test_validate_all_looks_at_the_host_only_when_asked_to(pair):
    pair.image.unlink()
    assert pair.agent("validate-all").status == SUCCESS
    outcome = pair.agent("validate-all", environment={"OCF_CHECK_LEVEL": "10"})
    assert outcome.status == INSTALLED
    assert str(pair.image) in outcome.reason


@pytest.mark.parametrize(
    "parameters",
    [
        {"xmfile": ""},
        {"xmfile": "relative.cfg"},
        {"shutdown_timeout": "soon"},
        {"allow_mem_management": "1"},
        {"autoset_utilization_cpu": "true"},
        {"name": "a b"},
    ],
    ids=str,
)
def test_validate_all_refuses_parameters_that_make_no_sense(pair, parameters):
    outcome = pair.agent("validate-all", **parameters)
    assert outcome.status == CONFIGURED
    assert outcome.reason


def test_unknown_actions_are_unimplemented_and_none_is_an_error():
    assert subprocess.run([AGENT, "promote"], capture_output=True, check=False).returncode == UNIMPLEMENTED
    assert subprocess.run([AGENT], capture_output=True, check=False).returncode == ARGS
    usage = subprocess.run([AGENT, "usage"], capture_output=True, text=True, check=True).stdout
    assert "migrate_to" in usage


@pytest.mark.parametrize("schema", [["--dtdvalid", "ra-api-1.dtd"], ["--relaxng", "metadata.rng"]], ids=lambda s: s[1])
def test_the_meta_data_satisfies_resource_agents_schemas(tmp_path, schema):
    document = tmp_path / "Xen.xml"
    document.write_bytes(subprocess.run([AGENT, "meta-data"], env={}, capture_output=True, check=True).stdout)
    result = subprocess.run(
        ["xmllint", "--nonet", "--noout", schema[0], f"/usr/share/resource-agents/{schema[1]}", document],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_the_meta_data_has_every_parameter_of_the_stock_agent():
    from xml.etree import ElementTree

    def parameters(agent: Path) -> set[str]:
        environment = {"OCF_ROOT": "/usr/lib/ocf", "PATH": os.environ["PATH"]}
        text = subprocess.run([agent, "meta-data"], env=environment, capture_output=True, check=True).stdout
        return {element.attrib["name"] for element in ElementTree.fromstring(text).iter("parameter")}

    assert parameters(Path("/usr/lib/ocf/resource.d/heartbeat/Xen")) <= parameters(AGENT)


def test_ocf_tester_is_content(pair):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        agent = shutil.copy(AGENT, directory)
        result = subprocess.run(
            ["ocf-tester", "-n", "web01", "-o", f"xmfile={pair.file}", "-o", "CRM_meta_timeout=4000", agent],
            env=pair.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr
