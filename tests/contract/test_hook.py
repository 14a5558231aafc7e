"""The contract of the hook with the host, and with the snow-ha that it calls.

Every test of a whole command runs under the stand-in for the host, and under the real one too where
SNOW_TOOLS names a checkout of it.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.contract.snow_host import SnowHost
from tests.lab.site import HOOK, HOOKS, STAND_IN

HOSTS = {"stand-in": STAND_IN}
if os.environ.get("SNOW_TOOLS"):
    HOSTS["real"] = Path(os.environ["SNOW_TOOLS"])

NEW_CREATED = "snow-ha event created new01 /sNow/snow-tools/etc/domains/new01.cfg"
NIS_CREATED = "snow-ha event created nis01 /sNow/snow-tools/etc/domains/nis01.cfg"
REMEDY = "snow ha sync"


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> SnowHost:
    return SnowHost(tmp_path, HOSTS[request.param])


# snow ha


def test_ha_passes_its_words_on_exactly(host: SnowHost) -> None:
    host.snow("ha", "enable", "--x", "a b", "", "*", "$(id)", "'")
    assert host.calls() == [["snow-ha", "enable", "--x", "a b", "", "*", "$(id)", "'"]]


def test_ha_ends_with_the_status_of_snow_ha(host: SnowHost) -> None:
    host.answers("snow-ha", 78)
    assert host.snow("ha", "check").status == 78


def test_ha_gives_snow_ha_the_terminal(host: SnowHost) -> None:
    outcome = host.snow("ha", "status")
    assert host.terminal_of_snow_ha() == ["0", "1", "2"]
    assert "out: status" in outcome.terminal
    assert "err: status" in outcome.terminal


def test_ha_leaves_the_keyboard_to_snow_ha(host: SnowHost) -> None:
    host.program(
        "snow-ha",
        "#!/usr/bin/python3\n"
        "import sys, time\n"
        "try:\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(30)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(42)\n",
    )
    outcome = host.snow("ha", "status", "--watch", typed="\x03", after="waiting")
    assert outcome.status == 42
    assert "SIGINT" not in outcome.terminal


def test_ha_leaves_the_line_in_the_record_of_actions_that_the_host_leaves(host: SnowHost) -> None:
    host.snow("ha", "move", "nis01", "snow02")
    host.snow("version")
    ours, theirs = host.actions()
    line = r"\w+ .*\d\d:\d\d:\d\d.* \d{4}  alice as root    "
    assert re.fullmatch(line + "ha move nis01 snow02", ours)
    assert re.fullmatch(line + "version", theirs)
    assert (host.site / "log/snow_actions.log").stat().st_mode & 0o777 == 0o600


def test_ha_makes_the_directory_of_the_record(host: SnowHost) -> None:
    (host.site / "log").rmdir()
    outcome = host.snow("ha", "status")
    assert outcome.status == 0
    assert host.actions()[0].endswith("ha status")


def test_ha_is_unknown_where_snow_ha_is_missing(host: SnowHost) -> None:
    host.without_snow_ha()
    outcome = host.snow("ha", "enable")
    assert outcome.status == 0
    assert "Usage: snow [function]" in outcome.terminal


# snow deploy


def test_a_deployed_domain_is_created_after_its_file_is_there(host: SnowHost) -> None:
    outcome = host.snow("deploy", "new01")
    assert host.steps() == ["xen-create-image", NEW_CREATED]
    assert host.has_domain_file("new01")
    assert "Deployment of new01 completed. OK" in outcome.terminal


def test_what_snow_ha_says_of_an_event_goes_to_the_terminal(host: SnowHost) -> None:
    outcome = host.snow("deploy", "new01")
    assert "out: event created new01" in outcome.terminal
    assert "err: event created new01" in outcome.terminal
    assert "event created" not in host.log()


def test_a_failed_deployment_creates_nothing(host: SnowHost) -> None:
    host.answers("xen-create-image", 1)
    outcome = host.snow("deploy", "new01")
    assert host.steps() == ["xen-create-image"]
    assert "[E]" in outcome.terminal


def test_deploying_an_existing_domain_without_force_fires_nothing(host: SnowHost) -> None:
    outcome = host.snow("deploy", "nis01")
    assert host.steps() == []
    assert "[E] The domain nis01 already exist" in outcome.terminal


def test_a_forced_deployment_is_announced_before_the_running_domain_is_destroyed(host: SnowHost) -> None:
    host.snow("deploy", "nis01", "force")
    assert host.steps() == [
        "snow-ha event ending nis01",
        "snow-ha event replacing nis01",
        "xl destroy nis01",
        "xen-delete-image",
        "xen-create-image",
        NIS_CREATED,
    ]


def test_a_forced_deployment_of_a_new_domain_replaces_nothing(host: SnowHost) -> None:
    host.snow("deploy", "new01", "force")
    assert host.steps() == ["xen-create-image", NEW_CREATED]


def test_a_refused_replacement_destroys_nothing(host: SnowHost) -> None:
    host.answers("snow-ha event replacing", 107)
    outcome = host.snow("deploy", "nis01", "force")
    assert host.steps() == ["snow-ha event ending nis01", "snow-ha event replacing nis01"]
    assert host.has_domain_file("nis01")
    assert host.has_image("nis01")
    assert "[E] snow-ha does not allow this for the domain nis01" in outcome.terminal


@pytest.mark.parametrize("line", ["deploy nis01 force", "remove domain nis01"])
def test_what_could_not_be_done_is_refused_before_the_host_asks_or_warns(host: SnowHost, line: str) -> None:
    host.answers("snow-ha event ending", 107)
    outcome = host.snow(*line.split(), typed="y\n")
    assert host.steps() == ["snow-ha event ending nis01"]
    assert "[W]" not in outcome.terminal
    assert "[E] snow-ha does not allow this for the domain nis01" in outcome.terminal


def test_deploying_something_that_is_no_domain_fires_nothing(host: SnowHost) -> None:
    host.snow("deploy", "n01", "default", "force")
    assert host.steps() == []


# snow remove domain


def test_an_event_can_show_but_not_ask(host: SnowHost) -> None:
    host.snow("remove", "domain", "nis01", typed="y\n")
    assert set(host.terminal_of_snow_ha()) == {"1", "2"}


@pytest.mark.parametrize("answer", ["y\n", "yes\n"])
def test_a_removal_is_announced_before_the_domain_is_destroyed(host: SnowHost, answer: str) -> None:
    outcome = host.snow("remove", "domain", "nis01", typed=answer)
    assert host.steps() == [
        "snow-ha event ending nis01",
        "snow-ha event removing nis01",
        "xl destroy nis01",
        "xen-delete-image",
    ]
    assert not host.has_domain_file("nis01")
    assert not host.has_image("nis01")
    assert outcome.status == 0


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_a_removal_that_was_not_confirmed_is_none(host: SnowHost, answer: str) -> None:
    host.snow("remove", "domain", "nis01", typed=answer)
    assert host.steps() == ["snow-ha event ending nis01"]
    assert host.has_domain_file("nis01")


def test_a_removal_that_was_not_answered_is_none(host: SnowHost) -> None:
    host.snow("remove", "domain", "nis01")
    assert host.steps() == ["snow-ha event ending nis01"]
    assert host.has_domain_file("nis01")


def test_removing_what_is_no_domain_fires_nothing(host: SnowHost) -> None:
    outcome = host.snow("remove", "domain", "nowhere01", typed="y\n")
    assert host.steps() == []
    assert "[E] There is no domain" in outcome.terminal


def test_a_refused_removal_destroys_nothing(host: SnowHost) -> None:
    host.answers("snow-ha event removing", 107)
    outcome = host.snow("remove", "domain", "nis01", typed="y\n")
    assert host.steps() == ["snow-ha event ending nis01", "snow-ha event removing nis01"]
    assert host.has_domain_file("nis01")
    assert host.has_image("nis01")
    assert "[E] snow-ha does not allow this for the domain nis01" in outcome.terminal
    assert outcome.status == 1


# snow add domain


def test_an_added_domain_is_deployed_and_created(host: SnowHost) -> None:
    outcome = host.snow("add", "domain", "new01")
    assert host.steps() == ["xen-create-image", NEW_CREATED]
    assert "Deployment of new01 completed. OK" in outcome.terminal
    assert outcome.status == 0


def test_adding_a_domain_takes_as_long_as_its_deployment(host: SnowHost) -> None:
    host.program("xen-create-image", '#!/bin/bash\nsleep 1\nexec /sNow/snow-tools/bin/xen-create-image "$@"\n')
    host.snow_without_terminal("add", "domain", "new01")
    assert host.steps() == [NEW_CREATED]


def test_adding_an_existing_domain_is_refused(host: SnowHost) -> None:
    outcome = host.snow("add", "domain", "nis01")
    assert host.steps() == []
    assert "[E] The domain nis01 exists already." in outcome.terminal
    assert "snow deploy nis01 force" in outcome.terminal
    assert outcome.status == 1


def test_adding_no_domain_is_refused(host: SnowHost) -> None:
    outcome = host.snow("add", "domain")
    assert host.steps() == []
    assert "[E] No domain to add." in outcome.terminal


def test_adding_a_domain_that_is_not_configured_is_refused(host: SnowHost) -> None:
    outcome = host.snow("add", "domain", "nowhere01")
    assert host.steps() == []
    assert "[E] The domain nowhere01 is" in outcome.terminal


@pytest.mark.parametrize("place", ["enterprise_extensions.sh", "hooks.d/10-site.sh"])
def test_an_add_domain_that_the_host_has_counts(host: SnowHost, place: str) -> None:
    (host.site / HOOKS.parent / place).write_text('add_domain_xen() { msg "added $1 in our way"; }\n')
    outcome = host.snow("add", "domain", "new01")
    assert "added new01 in our way" in outcome.terminal
    assert host.steps() == []


# snow boot


def test_a_boot_is_done_by_snow_ha(host: SnowHost) -> None:
    outcome = host.snow("boot", "nis01")
    assert host.steps() == ["snow-ha act --left 4 boot nis01"]
    assert "err: act --left 4 boot nis01" in outcome.terminal
    assert re.search(r"\[\*\] Booting .*nis01 +OK", outcome.terminal)


def test_a_boot_that_fails_is_seen_to_fail(host: SnowHost) -> None:
    host.answers("snow-ha", 69)
    outcome = host.snow("boot", "nis01")
    assert host.steps() == ["snow-ha act --left 4 boot nis01"]
    assert re.search(r"\[!\] Booting .*nis01 +FAIL", outcome.terminal)


def test_a_boot_that_is_left_to_the_host_goes_through_pacemaker_as_ever(host: SnowHost) -> None:
    host.leaves("nis01")
    host.snow("boot", "nis01")
    assert host.steps()[1:] == ["crm resource cleanup nis01", "crm resource start nis01"]


@pytest.mark.parametrize("verb", ["boot", "shutdown", "destroy", "poweroff", "reset"])
def test_the_last_row_of_a_table_without_a_final_newline_is_a_domain_too(host: SnowHost, verb: str) -> None:
    host.remove_from_domains_conf("new01")
    host.end_domains_conf_without_newline("proxy01")
    host.snow(verb, "proxy01", typed="y\n")
    assert host.steps() == [f"snow-ha act --left 4 {verb} proxy01"]


def test_booting_all_domains_is_one_word_to_snow_ha(host: SnowHost) -> None:
    host.remove_from_domains_conf("new01")
    host.leaves("proxy01")
    host.snow("boot", "domains")
    assert host.steps() == [
        "snow-ha act --left 4 boot nis01 proxy01",
        "crm resource cleanup proxy01",
        "crm resource start proxy01",
    ]


def test_a_domain_that_is_not_deployed_keeps_no_other_from_booting(host: SnowHost) -> None:
    outcome = host.snow("boot", "domains")
    assert host.steps() == ["snow-ha act --left 4 boot nis01 proxy01"]
    assert "[E] The domain new01 needs to be deployed first" in outcome.terminal


def test_booting_a_domain_that_is_not_deployed_fires_nothing(host: SnowHost) -> None:
    host.snow("boot", "new01")
    assert host.steps() == []


def test_booting_on_a_single_server_fires_nothing(host: SnowHost) -> None:
    host.set_snow_conf("SNOW_NODES=( snow01 )")
    host.snow("boot", "nis01")
    assert host.steps() == ["xl list nis01", "xl create /sNow/snow-tools/etc/domains/nis01.cfg"]


# when snow-ha fails, is missing, or is not concerned


@pytest.mark.parametrize(
    ("event", "domain", "line", "last_step"),
    [
        ("created", "new01", "deploy new01", NEW_CREATED),
        ("replacing", "nis01", "deploy nis01 force", NIS_CREATED),
        ("removing", "nis01", "remove domain nis01", "xen-delete-image"),
    ],
)
@pytest.mark.parametrize("status", [1, 69, 127])
def test_the_host_goes_on_with_a_warning_when_snow_ha_fails(
    host: SnowHost, event: str, domain: str, line: str, last_step: str, status: int
) -> None:
    host.answers(f"snow-ha event {event}", status)
    outcome = host.snow(*line.split(), typed="y\n")
    assert re.search(rf"\[W\] .* {domain}\. .*{REMEDY}", outcome.terminal)
    assert host.steps()[-1] == last_step
    assert outcome.status == 0


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize(
    "line",
    ["deploy nis01 force", "remove domain nis01", "boot nis01", "add domain new01", "destroy nis01", "reset domains"],
)
def test_without_snow_ha_the_host_does_what_it_does_without_the_hook(tmp_path: Path, host_name: str, line: str) -> None:
    seen = []
    for name in ("with-hook", "without-hook"):
        (tmp_path / name).mkdir()
        host = SnowHost(tmp_path / name, HOSTS[host_name], hook=name == "with-hook")
        host.without_snow_ha()
        outcome = host.snow(*line.split(), typed="y\n")
        messages = re.findall(r"\[[EWI*!]\] .*", outcome.terminal)
        seen.append((outcome.status, messages, host.steps(), host.has_domain_file("nis01")))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "help",
        "version",
        "add node n05",
        "remove image none",
        "shutdown n01",
        "poweroff n01",
        "destroy n01",
        "reset n01",
        "reboot n01",
        "boot n01",
        "console n01",
        "shutdown",
        "console",
    ],
)
def test_other_verbs_never_start_snow_ha(host: SnowHost, line: str) -> None:
    host.snow(*line.split())
    assert not [call for call in host.calls() if call[0] == "snow-ha"]


# the hook by itself


def run_bash(script: str, *arguments: str, path: str) -> str:
    run = subprocess.run(
        ["bash", "-c", script, "bash", *arguments],
        env={"PATH": path, "LC_ALL": "C"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert run.stderr == b""
    return run.stdout.decode()


PACKAGE_PRESENT = ["list nodes", "cmd n01", "add node", "remove image", ""]
PACKAGE_MISSING = [
    "ha enable",
    "deploy nis01",
    "shutdown nis01",
    "add domain",
    "boot nis01",
    "remove domain",
    *PACKAGE_PRESENT,
]


def snow_ha_in(directory: Path) -> str:
    (directory / "snow-ha").write_text('#!/bin/sh\necho "$@"\n')
    (directory / "snow-ha").chmod(0o755)
    return f"{directory}:/usr/bin:/bin"


@pytest.mark.parametrize("words", PACKAGE_PRESENT)
def test_a_foreign_verb_costs_nothing(tmp_path: Path, words: str) -> None:
    assert_costs_nothing(words, snow_ha_in(tmp_path))


@pytest.mark.parametrize("words", PACKAGE_MISSING)
def test_a_missing_package_costs_nothing(words: str) -> None:
    assert_costs_nothing(words, "/usr/bin:/bin")


def assert_costs_nothing(words: str, path: str) -> None:
    """No process, no output, nothing defined, and a median under 2 ms."""
    # Process ids count up by one in a pid namespace of our own: a process started in between leaves a gap.
    script = """
        opt1=${2%% *} opt2=${2#* } before= after= defined= i= start= end=
        defined=$(compgen -v; compgen -A function)
        : & before=$!
        source "$1" $2
        : & after=$!
        echo "processes $((after - before - 1))"
        [[ $(compgen -v; compgen -A function) == "$defined" ]] && echo "nothing defined"
        for ((i = 0; i < 201; i++)); do
            start=$EPOCHREALTIME
            source "$1" $2
            end=$EPOCHREALTIME
            echo "microseconds $((${end/./} - ${start/./}))"
        done
    """
    run = subprocess.run(
        ["unshare", "--pid", "--fork", "bash", "-c", script, "bash", HOOK, words],
        env={"PATH": path, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stderr == ""
    processes, defined, *times = run.stdout.splitlines()
    assert processes == "processes 0"
    assert defined == "nothing defined"
    microseconds = sorted(int(line.removeprefix("microseconds ")) for line in times)
    assert len(microseconds) == 201
    assert microseconds[100] < 2000


@pytest.mark.parametrize("words", ["deploy nis01", "add domain", "boot nis01", "remove domain", "reset nis01"])
def test_names_of_its_own_begin_with_snow_ha(tmp_path: Path, words: str) -> None:
    script = """
        opt1=${2%% *} opt2=${2#* } SNOW_PATH=/sNow
        deploy_domain_xen() { :; }; remove_domain_xen() { :; }; boot_domain() { :; }; nreset() { :; }
        before= after=
        before=$(compgen -v; compgen -A function)
        source "$1" $2
        after=$(compgen -v; compgen -A function)
        comm -13 <(sort <<<"$before") <(sort <<<"$after")
    """
    new = set(run_bash(script, str(HOOK), words, path=snow_ha_in(tmp_path)).split())
    # What the host lacks.
    new.remove("add_domain_xen")
    assert "snow_ha_event" in new
    assert {name for name in new if not name.startswith("snow_ha_")} == set()


def test_functions_of_the_host_keep_their_arguments_and_their_failures(tmp_path: Path) -> None:
    script = r"""
        opt1=deploy SNOW_PATH=/sNow
        for name in deploy_domain_xen remove_domain_xen boot_domain; do
            eval "$name() { printf '[%s]' $name \"\$@\"; return 3; }"
        done
        source "$1" deploy
        exec 3>&1
        for name in deploy_domain_xen remove_domain_xen boot_domain; do
            $name nis01 "a b" ""
            echo " status $?"
        done
        compgen -A function | grep -x -e xl -e crm || true
    """
    assert run_bash(script, str(HOOK), path=snow_ha_in(tmp_path)).splitlines() == [
        "[deploy_domain_xen][nis01][a b][] status 3",
        "[remove_domain_xen][nis01][a b][] status 3",
        "[boot_domain][nis01][a b][] status 3",
    ]


def test_scripts_that_only_source_the_functions_of_the_host_keep_their_own_words(tmp_path: Path) -> None:
    # The host's snow-env.sh does not set opt1.
    script = 'SNOW_PATH=/sNow; source "$1" ha; echo went on; declare -F'
    assert run_bash(script, str(HOOK), path=snow_ha_in(tmp_path)) == "went on\n"


def test_layout_2_0_is_understood(tmp_path: Path) -> None:
    # Not $SNOW_PATH or $SNOW_TOOL, and the domain files below $SNOW_SRV.
    (tmp_path / "log").mkdir()
    path = snow_ha_in(tmp_path)
    script = """
        set -o pipefail -o errtrace
        SNOW_ROOT=$2 SNOW_SRV=$2/srv SNOW_ETC=$2/etc SNOW_LOG=$2/log opt1=${3%% *} opt2=${3#* } opt3=
        deploy_domain_xen() { echo "host deploys $1"; }
        source "$1" $3
        exec 3>&1 >>$2/log/snow.log
        deploy_domain_xen nis01
    """
    assert run_bash(script, str(HOOK), str(tmp_path), "deploy nis01", path=path) == (
        f"\r\x1b[0Kevent created nis01 {tmp_path}/srv/domains/nis01.cfg\n"
    )
    assert (tmp_path / "log/snow.log").read_text() == "host deploys nis01\n"
    assert run_bash(script, str(HOOK), str(tmp_path), "ha status", path=path) == "status\n"
    script = """
        SNOW_ROOT=$2 SNOW_SRV=$2/srv SNOW_NODES=(snow01 snow02) opt1=list opt2=domains
        list_domains() { echo "host lists"; }
        source "$1" list domains
        exec 3>&1
        list_domains
    """
    assert run_bash(script, str(HOOK), str(tmp_path), path=path) == "list-domains\n"
    assert (tmp_path / "log/snow_actions.log").read_text().endswith("ha status\n")


def test_shellcheck_finds_nothing() -> None:
    run = subprocess.run(["shellcheck", HOOK], capture_output=True, text=True, check=False)
    assert run.stdout == ""
    assert run.returncode == 0
