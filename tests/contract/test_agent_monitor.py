"""The contract of the resource agent: monitor: what is there, and nothing but that."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.agent_cases import BROKEN_LISTS, GENERIC, INSTALLED, NOT_RUNNING, STATES, SUCCESS, break_list
from tests.contract.xen_pair import AGENT, STAND_IN, XenPair, environment_without, install, wait_until

# of a monitor
DEEP = {"OCF_CHECK_LEVEL": "10"}


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


def test_an_incoming_domain_is_an_error_where_the_domain_should_run(pair):
    pair.world.place("snow01", "web01--incoming", "paused")
    assert pair.agent("monitor", timeout_s=1, interval_s=10).status == GENERIC


def test_an_incoming_domain_beside_the_domain_does_no_harm(pair):
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


def test_while_xl_fails_nothing_is_said_of_the_domain(pair):
    pair.world.place("snow01", "web01")
    break_list(pair, "fails")
    monitor = pair.begin("monitor", timeout_s=15, interval_s=10)
    # longer than any patience of the agent's with a state of the domain
    with pytest.raises(subprocess.TimeoutExpired):
        monitor.wait(timeout=7)
    pair.world.mend()
    assert monitor.wait(timeout=8) == SUCCESS


@pytest.mark.parametrize("name", [{}, {"name": "web01"}], ids=["quick look", "deep look"])
def test_a_question_that_hangs_for_ever_does_not_take_all_the_time(pair, name):
    pair.world.place("snow01", "web01")
    asked = pair.path / "asked"
    (pair.programs / "xl").unlink()
    pair.write_program("xl", f'#!/bin/sh\n[ -e {asked} ] || {{ : > {asked}; exec sleep 60; }}\nexec {STAND_IN} "$@"\n')
    more = {"environment": DEEP} if name else {}
    assert pair.agent("monitor", timeout_s=11, interval_s=10, **name, **more).status == SUCCESS
    assert asked.exists()


def test_without_xl_nothing_is_installed(pair):
    environment = environment_without("xl", pair.path)
    for action in ("monitor", "start", "stop"):
        outcome = pair.agent(action, environment=environment)
        assert outcome.status == INSTALLED
        assert "xl is not installed" in outcome.reason


def test_an_xl_that_is_just_being_replaced_is_waited_for(pair):
    pair.world.place("snow01", "web01")
    programs = environment_without("xl", pair.path)
    xl = Path(programs["PATH"]) / "xl"
    monitor = pair.begin("monitor", interval_s=10, environment=programs)
    with pytest.raises(subprocess.TimeoutExpired):
        monitor.wait(timeout=1)
    xl.symlink_to(STAND_IN)
    assert monitor.wait(timeout=10) == SUCCESS
    xl.unlink()
    assert pair.agent("monitor", interval_s=10, timeout_s=1, environment=programs).status == INSTALLED


HEADER = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
LINE = "{:<40}  {:4}  1024     1     {}      20.3\n"


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        ([(0, "r-----"), (7, "-b----")], GENERIC),
        # xenstored has started anew, and Debian's init script has given Domain-0 its name back
        ([("Domain-0", 0, "r-----"), (7, "-b----")], GENERIC),
        ([("Domain-0", 0, "r-----"), ("web02", 6, "-b----"), (7, "r-----")], GENERIC),
        ([(0, "r-----")], NOT_RUNNING),
        # being built, and dying: that is how they look
        ([(0, "r-----"), (7, "--p---"), (8, "--ps-d")], NOT_RUNNING),
    ],
)
def test_of_a_list_without_names_nobody_knows_who_is_missing(pair, domains, expected):
    text = HEADER + "".join(LINE.format(*("(null)", *each)[-3:]) for each in domains)
    pair.world.fault("list", how="fail", status=0, stdout=text)
    assert pair.agent("monitor", timeout_s=1 if expected == GENERIC else 10).status == expected


def test_a_module_that_an_upgrade_is_just_replacing_is_waited_for(pair, tmp_path):
    (tmp_path / "new").mkdir()
    agent = install(tmp_path / "new")
    module = tmp_path / "new/snow_ha_plugin/xlcfg.py"
    away = module.rename(tmp_path / "xlcfg.py")
    monitor = pair.begin("monitor", agent=agent)
    with pytest.raises(subprocess.TimeoutExpired):
        monitor.wait(timeout=1)
    away.rename(module)
    assert monitor.wait(timeout=10) == NOT_RUNNING


def test_without_its_module_the_agent_says_so(pair, tmp_path):
    alone = shutil.copy(AGENT, tmp_path)
    outcome = pair.agent("monitor", timeout_s=1, agent=alone)
    assert outcome.status == GENERIC
    assert "the agent cannot be loaded" in outcome.reason


@pytest.mark.parametrize(
    "text",
    ["name = 'oth'\nname += \"er\"\n", "memory = 1; name = 'other'", "vnuma = [ [ 'pnode=0' ], ]\nname = 'other'\n"],
)
def test_the_name_is_the_one_that_xl_reads(pair, text):
    pair.file.write_text(text)
    pair.world.place("snow01", "other")
    assert pair.agent("monitor").status == SUCCESS


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


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[XenPair]:
    """Of a name of its own: what a watch counts is on the machine, for each name."""
    pair = XenPair(tmp_path, f"watched{os.getpid()}")
    pair.write_domain_file(vif=["ip=127.0.0.1, mac=00:16:3e:00:00:01, bridge=lo"])
    pair.world.place("snow01", pair.name)
    yield pair
    Path(f"/run/snow-ha/{pair.name}.watch").unlink(missing_ok=True)


def test_a_watched_port_that_is_closed_twice_in_a_row_fails_the_monitor(watched):
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = {"interval_s": 10, "watch": f"tcp:{server.getsockname()[1]}", "watch_grace": "0"}
        assert watched.agent("monitor", **asked).status == SUCCESS
    assert watched.agent("monitor", **asked).status == SUCCESS
    outcome = watched.agent("monitor", **asked)
    assert outcome.status == GENERIC
    assert "failed its watch twice: 127.0.0.1 port" in outcome.reason
    del asked["watch"]
    assert watched.agent("monitor", **asked).status == SUCCESS


def test_a_watch_by_a_program_is_given_the_name(watched):
    script = watched.write_program("look", f"#!/bin/sh\n[ $1 = {watched.name} ] || exit 1\ntest ! -e $0.off\n")
    asked = {"interval_s": 10, "watch": f"script:{script}", "watch_grace": "0"}
    assert watched.agent("monitor", **asked).status == SUCCESS
    Path(f"{script}.off").touch()
    assert [watched.agent("monitor", **asked).status for _ in range(2)] == [SUCCESS, GENERIC]
    assert watched.agent("monitor", watch=f"script:{script}").status == SUCCESS, "a probe asks no guest"
    assert watched.agent("monitor", **{**asked, "watch_grace": "60"}).status == SUCCESS


def answer_pings(pair: XenPair, text: str, ip: str = "10.9.0.7") -> None:
    """Give the domain's file an address, and the server a `ping`, which is told in `text` what to do with $5."""
    pair.write_domain_file(vif=[f"ip={ip}, mac=00:16:3e:00:00:01, bridge=lo"])
    pair.write_program("ping", f'#!/bin/sh\necho "$5" >> {pair.path}/asked\n{text}\n')


def asked(pair: XenPair) -> list[str]:
    found = pair.path / "asked"
    return found.read_text().split() if found.exists() else []


def test_a_deep_monitor_wants_an_answer_from_the_guest(pair):
    pair.world.place("snow01", "web01")
    answer_pings(pair, "exit 0")
    assert pair.agent("monitor", environment=DEEP).status == SUCCESS
    answer_pings(pair, "echo 100% packet loss; exit 1")
    outcome = pair.agent("monitor", timeout_s=2, environment=DEEP)
    assert outcome.status == GENERIC
    assert "does not answer" in outcome.reason
    assert set(asked(pair)) == {"10.9.0.7"}
    assert pair.agent("monitor").status == SUCCESS


def test_a_deep_monitor_asks_a_silent_guest_again(pair):
    pair.world.place("snow01", "web01")
    answer_pings(pair, f"[ $(wc -l < {pair.path}/asked) -ge 3 ]")
    assert pair.agent("monitor", environment=DEEP).status == SUCCESS


@pytest.mark.parametrize(
    ("ip", "addresses"),
    [
        ("10.9.0.7 10.9.0.8", ["10.9.0.7", "10.9.0.8"]),
        ("10.9.0.7/24  fd00::7/64", ["10.9.0.7", "fd00::7"]),
        ("10.9.0.7/32", ["10.9.0.7"]),
        ("10.9.0.0/24 10.9.1.255/24 10.9.2.7", ["10.9.2.7"]),
        ("dhcp 10.9.0.7", ["10.9.0.7"]),
        ("dhcp", []),
        ("0.0.0.0/0", []),
        ("fe80::7 224.0.0.1", []),
        ("web01.cluster", []),
        ("-f", []),
        ("", []),
    ],
)
def test_a_deep_monitor_asks_what_can_answer(pair, ip, addresses):
    pair.world.place("snow01", "web01")
    answer_pings(pair, "exit 1" if len(addresses) < 2 else f'[ "$5" = {addresses[-1]} ]', ip)
    outcome = pair.agent("monitor", timeout_s=2, environment=DEEP)
    assert outcome.status == (GENERIC if len(addresses) == 1 else SUCCESS)
    assert list(dict.fromkeys(asked(pair))) == addresses


def test_a_server_without_ping_has_nothing_against_a_guest(pair):
    pair.world.place("snow01", "web01")
    answer_pings(pair, "exit 1")
    (pair.programs / "ping").unlink()
    path = environment_without("ping", pair.path)["PATH"]
    outcome = pair.agent("monitor", environment={**DEEP, "PATH": f"{pair.programs}:{path}"})
    assert outcome.status == SUCCESS
    assert outcome.output.count("ping is not installed") == 1


def test_a_server_without_a_way_to_a_guest_has_nothing_against_it(pair):
    pair.world.place("snow01", "web01")
    answer_pings(pair, "echo connect: Network is unreachable >&2; exit 2", "10.9.0.7 10.8.0.7")
    outcome = pair.agent("monitor", environment=DEEP)
    assert outcome.status == SUCCESS
    assert "Network is unreachable" in outcome.output
    answer_pings(pair, '[ "$5" = 10.8.0.7 ] || exit 2; exit 1', "10.9.0.7 10.8.0.7")
    assert pair.agent("monitor", timeout_s=2, environment=DEEP).status == GENERIC


def test_a_guest_without_an_address_cannot_be_asked(pair):
    pair.world.place("snow01", "web01")
    answer_pings(pair, "exit 1")
    pair.write_domain_file()
    assert pair.agent("monitor", environment=DEEP).status == SUCCESS
    assert asked(pair) == []
