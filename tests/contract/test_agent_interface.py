"""The contract of the resource agent: what holds of every action, and how the agent describes itself."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.contract.agent_cases import (
    ARGS,
    CONFIGURED,
    GENERIC,
    INSTALLED,
    NOT_RUNNING,
    PERM,
    SUCCESS,
    UNIMPLEMENTED,
    break_list,
)
from tests.contract.xen_pair import AGENT, XenPair, environment_without, install

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


@pytest.mark.parametrize("action", ACTIONS)
def test_what_runs_can_be_dealt_with_when_its_domain_file_is_gone(pair, action):
    pair.world.place("snow01", "web01")
    pair.file.unlink()
    assert pair.agent(action).status == SUCCESS


@pytest.mark.parametrize(
    ("action", "expected"),
    [("start", INSTALLED), ("stop", SUCCESS), ("monitor", NOT_RUNNING), ("migrate_to", GENERIC)],
)
def test_what_does_not_run_is_told_as_such_when_its_domain_file_is_gone(pair, action, expected):
    pair.file.unlink()
    outcome = pair.agent(action, timeout_s=3)
    assert outcome.status == expected
    assert bool(outcome.reason) == (expected in (INSTALLED, GENERIC))


@pytest.mark.parametrize(
    "key",
    [
        "xmfile",
        "name",
        "shutdown_timeout",
        "shutdown_acpi",
        "node_ip_attribute",
        "monitor_scripts",
        "watch",
        "watch_grace",
        "CRM_meta_migrate_target",
        "CRM_meta_timeout",
    ],
)
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
        for action, expected in (
            ("monitor", GENERIC),
            ("start", GENERIC),
            ("migrate_to", GENERIC),
            ("stop", SUCCESS),
            ("start", SUCCESS),
            ("reload", SUCCESS),
            ("reload-agent", SUCCESS),
            ("validate-all", SUCCESS),
            ("migrate_to", SUCCESS),
            ("migrate_from", GENERIC),
        ):
            assert pair.begin(action, stderr=full).wait(timeout=20) == expected, action
        assert pair.begin("meta-data", stdout=full).wait(timeout=10) == GENERIC


def test_progress_that_cannot_be_written_ends_no_migration(tmp_path):
    pair = XenPair(tmp_path, f"web-{os.getpid()}")
    pair.world.place("snow01", pair.name)
    pair.world.configure(copy_s=3)
    obstacle = Path(f"/run/snow-ha/{pair.name}.migration.new")
    obstacle.mkdir(parents=True)
    try:
        assert pair.agent("migrate_to", timeout_s=20).status == SUCCESS
    finally:
        obstacle.rmdir()


@pytest.mark.parametrize("action", LOOKING)
def test_an_xl_that_may_not_be_run_is_told_as_such(pair, action):
    (pair.programs / "xl").unlink()
    programs = environment_without("xl", pair.path)
    (Path(programs["PATH"]) / "xl").touch(mode=0o644)
    outcome = pair.agent(action, environment=programs)
    assert (outcome.status, outcome.reason) == (PERM, "xl may not be run on this server")


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "validate-all"])
def test_who_may_not_ask_the_hypervisor_is_told_so(action):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        agent = install(Path(directory))
        result = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", agent, action],
            env={"PATH": "/usr/bin:/bin", "OCF_RESOURCE_INSTANCE": "web01", "OCF_RESKEY_xmfile": "/web01.cfg"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (result.returncode, "only root" in result.stderr) == (PERM, True)


@pytest.mark.parametrize("action", ["reload", "reload-agent"])
def test_a_reload_touches_nothing_and_refuses_what_makes_no_sense(pair, action):
    pair.world.place("snow01", "web01")
    domid = pair.world.domid("web01")
    assert pair.agent(action, shutdown_timeout="30").status == SUCCESS
    assert pair.agent(action, shutdown_timeout="soon").status == CONFIGURED
    assert pair.world.domid("web01") == domid


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
        agent = install(Path(directory))
        result = subprocess.run(
            ["ocf-tester", "-n", "web01", "-o", f"xmfile={pair.file}", "-o", "CRM_meta_timeout=4000", agent],
            env=pair.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr
