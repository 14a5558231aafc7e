"""The host's verbs for domains under the hook: those that snow-ha answers for never reach the host's own commands, and
everything else behaves to the byte as without the hook.

As in test_hook, under the stand-in for the host, and under the real one too where SNOW_TOOLS names a checkout of it.
"""

import re
from pathlib import Path

import pytest

from tests.contract.snow_host import SnowHost
from tests.contract.test_hook import HOSTS
from tests.lab.terminal import Outcome

VERBS = ("shutdown", "destroy", "poweroff", "reset", "reboot", "console")
# `snow reboot domains` and `snow console domains` are none of the host's.
FOR_ALL = ("shutdown", "destroy", "poweroff", "reset")
ALL = "nis01 proxy01 new01"


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> SnowHost:
    return SnowHost(tmp_path, HOSTS[request.param])


@pytest.mark.parametrize("verb", VERBS)
def test_a_domain_that_snow_ha_answers_for_is_not_the_hosts(host: SnowHost, verb: str) -> None:
    outcome = host.snow(verb, "nis01")
    assert host.steps() == [f"snow-ha act --left 4 {verb} nis01"]
    assert f"err: act --left 4 {verb} nis01" in outcome.terminal
    assert outcome.status == 0
    assert host.actions()[-1].endswith(f"{verb} nis01")


@pytest.mark.parametrize("verb", VERBS)
def test_what_fails_ends_the_verb_with_its_status_and_a_line_in_the_record(host: SnowHost, verb: str) -> None:
    host.answers("snow-ha", 106)
    outcome = host.snow(verb, "nis01")
    assert host.steps() == [f"snow-ha act --left 4 {verb} nis01"]
    assert outcome.status == 106
    assert [line.endswith(f"{verb} nis01") for line in host.actions()] == [True]


@pytest.mark.parametrize("verb", FOR_ALL)
def test_all_domains_are_one_word_to_snow_ha(host: SnowHost, verb: str) -> None:
    host.snow(verb, "domains")
    assert host.steps() == [f"snow-ha act --left 4 {verb} {ALL}"]


@pytest.mark.parametrize("verb", ["shutdown", "destroy"])
def test_what_fails_for_all_domains_is_seen_behind_the_hosts_spinner(host: SnowHost, verb: str) -> None:
    host.answers("snow-ha", 124)
    outcome = host.snow(verb, "domains")
    assert host.steps() == [f"snow-ha act --left 4 {verb} {ALL}"]
    assert "FAIL" in outcome.terminal


@pytest.mark.parametrize("verb", VERBS)
def test_only_the_console_has_the_keyboard(host: SnowHost, verb: str) -> None:
    host.snow(verb, "nis01")
    assert ("0" in host.terminal_of_snow_ha()) == (verb == "console")


def test_the_keys_of_a_console_reach_it_and_its_status_comes_back(host: SnowHost) -> None:
    host.program("snow-ha", '#!/bin/bash\necho . >&4\necho login:\nread -r line\necho "typed $line"\nexit 5\n')
    outcome = host.snow("console", "nis01", typed="root\n", after="login:")
    assert "typed root" in outcome.terminal
    assert outcome.status == 5


@pytest.mark.parametrize("verb", FOR_ALL)
def test_what_snow_ha_leaves_is_the_hosts(host: SnowHost, verb: str) -> None:
    host.leaves("proxy01")
    host.snow(verb, "domains")
    asked, *steps = host.steps()
    command = {"shutdown": "crm resource stop", "destroy": "xl destroy", "poweroff": "xl shutdown"}
    assert asked == f"snow-ha act --left 4 {verb} {ALL}"
    # ping is what sNow! asks a host with before it destroys it.
    assert [step for step in steps if not step.startswith("ping")] == [f"{command.get(verb, 'xl reboot -F')} proxy01"]


def test_a_snow_ha_that_is_broken_leaves_all_to_the_host_with_a_warning(host: SnowHost) -> None:
    host.program("snow-ha", "#!/bin/bash\necho Traceback >&2\nexit 1\n")
    outcome = host.snow("destroy", "nis01")
    assert host.steps()[-1] == "xl destroy nis01"
    assert "[W] High availability did not answer" in outcome.terminal


@pytest.mark.parametrize("words", [["list", "domains"], ["list", "domain"]])
def test_the_table_of_domains_is_snow_has(host: SnowHost, words: list[str]) -> None:
    outcome = host.snow(*words)
    assert host.steps() == ["snow-ha list-domains"]
    assert "Domain" not in outcome.terminal


def test_a_table_that_fails_is_the_hosts(host: SnowHost) -> None:
    host.answers("snow-ha", 69)
    outcome = host.snow("list", "domains")
    assert re.search("^Domain +HW status", outcome.terminal, re.MULTILINE)


LINES = [f"{verb} nis01" for verb in VERBS] + [f"{verb} n01" for verb in VERBS] + [f"{verb}" for verb in VERBS]
LINES += [
    "shutdown domains",
    "destroy domains",
    "poweroff domains",
    "boot nis01",
    "boot nowhere01",
    "console nis[01-02]",
]


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize("line", LINES)
def test_what_is_not_registered_and_every_node_behave_as_without_the_hook(
    tmp_path: Path, host_name: str, line: str
) -> None:
    """The commands that run, what stands on the terminal, the exit status and the record."""
    assert _behaviour(tmp_path, host_name, line, hook=True) == _behaviour(tmp_path, host_name, line, hook=False)


def _behaviour(directory: Path, host_name: str, line: str, *, hook: bool) -> tuple[int, str, list[str], int]:
    place = directory / ("with-hook" if hook else "without-hook")
    place.mkdir()
    host = SnowHost(place, HOSTS[host_name], hook=hook)
    host.leaves(*ALL.split())
    outcome: Outcome = host.snow(*line.split())
    steps = [step for step in host.steps() if not step.startswith("snow-ha act")]
    return outcome.status, _still(outcome.terminal), steps, len(host.actions())


def _still(terminal: str) -> str:
    """What the terminal shows but for the turns of a spinner, of which there are as many as there is time for."""
    return "\n".join(line for line in terminal.splitlines() if line and not re.match(r"\[[0-9|/\\-]\] ", line))
