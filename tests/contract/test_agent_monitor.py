"""The contract of the resource agent: monitor: what is there, and nothing but that."""

from __future__ import annotations

import pytest

from tests.contract.agent_cases import BROKEN_LISTS, GENERIC, INSTALLED, NOT_RUNNING, STATES, SUCCESS, break_list
from tests.contract.xen_pair import XenPair, environment_without, wait_until


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
