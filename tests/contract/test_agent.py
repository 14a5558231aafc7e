"""The contract of the resource agent: every action in every state, with everything about `xl` that can go wrong."""

from __future__ import annotations

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
# the domain's name on the server and its state there, and what a monitor says of it
STATES = [
    ("web01", "running", SUCCESS),
    ("web01", "paused", SUCCESS),
    ("web01", "building", GENERIC),
    ("web01", "suspended", GENERIC),
    ("web01", "rebooting", GENERIC),
    ("web01", "off", GENERIC),
    ("web01", "crashed", GENERIC),
    ("web01--incoming", "paused", GENERIC),
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


def test_a_probe_of_an_absent_domain_is_7_at_once(pair):
    outcome = pair.agent("monitor")
    assert outcome.status == NOT_RUNNING
    assert outcome.seconds < 1


def test_a_domain_that_is_gone_is_7(pair):
    assert pair.agent("monitor", timeout_s=2, interval_s=10).status == NOT_RUNNING


@pytest.mark.parametrize(("name", "state", "expected"), STATES)
def test_monitor_tells_the_states_apart(pair, name, state, expected):
    pair.world.place("snow01", name, state)
    outcome = pair.agent("monitor", timeout_s=1)
    assert outcome.status == expected
    assert bool(outcome.reason) == (expected != SUCCESS)


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


def test_start_returns_soon_after_the_guest_runs(pair):
    assert pair.agent("start").seconds < 1.5


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
    outcome = pair.agent("start", timeout_s=1.5)
    assert outcome.status == GENERIC
    assert "did not end in time" in outcome.reason
    assert pair.state("snow01") == "building"
    assert pair.agent("stop").status == SUCCESS
    assert pair.names("snow01") == []
    pair.world.mend()
    assert pair.agent("start").status == SUCCESS


@pytest.mark.parametrize(
    ("name", "state"), [(name, state) for name, state, code in STATES if code != SUCCESS]
)
def test_start_creates_nothing_beside_a_form_of_the_domain(pair, name, state):
    pair.world.place("snow01", name, state)
    outcome = pair.agent("start", timeout_s=1)
    assert outcome.status == GENERIC
    assert outcome.reason
    assert pair.names("snow01") == [name]


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
    outcome = pair.agent("stop")
    assert outcome.status == SUCCESS
    assert outcome.seconds < 1.5
    assert [run.ended_by for run in pair.world.intervals()] == ["poweroff"]


def test_stop_of_an_absent_domain_succeeds(pair):
    assert pair.agent("stop").status == SUCCESS


@pytest.mark.parametrize(("name", "state", "_"), STATES)
def test_stop_ends_every_form_of_the_domain(pair, name, state, _):
    pair.world.place("snow01", name, state)
    pair.world.place("snow01", "other")
    assert pair.agent("stop", timeout_s=3).status == SUCCESS
    assert pair.names("snow01") == ["other"]


def test_stop_needs_no_domain_file(pair):
    pair.agent("start")
    pair.file.unlink()
    assert pair.agent("stop").status == SUCCESS
    assert pair.names("snow01") == []


def test_a_guest_that_ignores_the_shutdown_is_destroyed_within_the_timeout(pair):
    pair.world.configure(ignore_shutdown=True)
    pair.agent("start")
    assert pair.agent("stop", timeout_s=4).status == SUCCESS
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
    assert pair.agent("stop", timeout_s=4, shutdown_timeout="600").status == SUCCESS


def test_stop_by_the_power_button(pair):
    pair.agent("start")
    pair.world.fault("shutdown", "fail")
    assert pair.agent("stop", shutdown_acpi="1").status == SUCCESS
    assert [run.ended_by for run in pair.world.intervals()] == ["poweroff"]


@pytest.mark.parametrize("how", ["fail", "hang", "die"])
def test_a_shutdown_that_goes_wrong_ends_in_a_destroy(pair, how):
    pair.agent("start")
    pair.world.fault("shutdown", how)
    assert pair.agent("stop", timeout_s=4).status == SUCCESS
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
    outcome = pair.agent("stop", timeout_s=1.5)
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
    outcome = pair.agent("migrate_to", timeout_s=12)
    assert_the_truth(pair, outcome.status, outcome.output, server)


@pytest.mark.parametrize(("stage", "whom", "server"), HANGS)
def test_a_hung_migration_that_is_ended_leaves_one_copy_and_the_truth(pair, stage, whom, server):
    pair.world.place("snow01", "web01")
    pair.world.fault(stage, "hang", server=whom)
    process = pair.begin("migrate_to", timeout_s=12)
    wait_until(lambda: REACHED[stage](pair))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=12)
    assert_the_truth(pair, process.returncode, errors, server)


def test_a_migration_that_hangs_is_ended_within_its_timeout(pair):
    pair.world.place("snow01", "web01")
    pair.world.fault("copy", "hang", server="snow02")
    outcome = pair.agent("migrate_to", timeout_s=6)
    assert_the_truth(pair, outcome.status, outcome.output, "snow01")


@pytest.mark.parametrize("how", ["die", "hang"])
def test_a_migration_frozen_at_the_source_is_reported_and_leaves_nothing_that_could_run(pair, how):
    """4.17 has no `xl resume`; what is left on the source is ended by the stop that follows."""
    pair.world.place("snow01", "web01")
    pair.world.fault("ready", how, server="snow01")
    outcome = pair.agent("migrate_to", timeout_s=6)
    assert outcome.status == GENERIC
    assert "suspended" in outcome.reason
    assert pair.names("snow02") == []
    assert pair.agent("stop").status == SUCCESS
    assert pair.world.guests() == []


def test_a_sender_that_dies_before_permission_is_told_as_it_ended(pair):
    """The receiver gives its copy up if it hears the end of the stream before the transport is ended too."""
    pair.world.place("snow01", "web01")
    pair.world.fault("permission", "die", server="snow01")
    outcome = pair.agent("migrate_to", timeout_s=12)
    if outcome.status == SUCCESS:
        assert_one_copy(pair, "snow02")
    else:
        assert outcome.status == GENERIC
        assert pair.names("snow02") == []
        assert pair.world.where("web01") == []
        assert pair.agent("stop").status == SUCCESS
    assert pair.world.doubles() == []


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
    process = pair.begin("migrate_to", timeout_s=4)
    wait_until(lambda: pair.state("snow02") == "running")
    pair.unreachable("snow02")
    _, errors = process.communicate(timeout=4)
    assert process.returncode == GENERIC
    assert "nobody knows whether web01 runs there" in errors
    assert pair.names("snow01") == ["web01--migratedaway"]
    assert pair.world.where("web01") == ["snow02"]


def test_a_target_without_memory_keeps_the_guest_here(pair):
    pair.world.place("snow01", "web01", memory_mib=2048)
    pair.world.power_on("snow02", memory_mib=2048)
    assert pair.agent("migrate_to").status == GENERIC
    assert_one_copy(pair, "snow01")


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


# the agent's interface


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
            ["ocf-tester", "-n", "web01", "-o", f"xmfile={pair.file}", "-o", "CRM_meta_timeout=1000", agent],
            env=pair.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr
