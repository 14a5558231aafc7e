from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import processors
from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.model import Guest
from snow_ha_plugin.system import command, waiting, xen
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import SSH, Servers
from tests.captures import capture
from tests.unit.conftest import Machines

INFO = capture("xl-standin-info.txt").decode()
LIST = capture("xl-standin-list-guide-domains.txt").decode()
HEAD, DOM0 = LIST.splitlines()[:2]
CPUID = capture("xen-cpuid-4.17.7-haswell.txt").decode()
# What the script of a look prints.
WHOLE = "----\n".join([INFO, LIST, "[]\n", CPUID])


def rows(*lines: str) -> str:
    return "\n".join((HEAD, DOM0, *lines)) + "\n"


def test_a_server_with_its_guests() -> None:
    found = xen.parse(INFO, LIST, "snow01")
    assert (found.cpus, found.migrates_pv) == (8, True)
    assert [guest.name for guest in found.guests] == ["flexlm01", "monitor01", "nis02", "syslog01"]
    assert found.guests[1] == Guest("monitor01", 2, 4096, 2, "-b----")


def test_domain_0_keeps_what_it_is_given_and_else_what_it_needs_whatever_it_has_now() -> None:
    fixed = INFO.replace("placeholder", "dom0_mem=1024M,max:1024M")
    assert xen.parse(fixed, LIST, "snow01").memory_mib == 15360
    for has_now in (1024, 9000):
        grown = LIST.replace(DOM0, DOM0.replace(" 1024 ", f" {has_now:4} "))
        found = xen.parse(INFO, grown, "snow01")
        assert (found.memory_mib, found.dom0_is_fixed) == (16384 - xen.DOM0_MIB, False)


def test_both_halves_of_a_migration_are_seen() -> None:
    target = xen.parse_list(capture("xl-standin-list-migrating-in.txt").decode(), "snow02")
    source = xen.parse_list(capture("xl-standin-list-migrating-out.txt").decode(), "snow01")
    assert [guest for guest in target if guest.name.startswith("nis02")] == [
        Guest("nis02--incoming", 5, 31, 1, "--p---"),
    ]
    assert "nis02" in [guest.name for guest in source]


@pytest.mark.parametrize(
    ("row", "guest"),
    [
        ("web01                7   512     1     r-----      12.3", Guest("web01", 7, 512, 1, "r-----")),
        ("a name of words      7   512     1     ------       0.0", Guest("a name of words", 7, 512, 1, "------")),
        ("(null)              12     0     1     --p--d       0.1", Guest("(null)", 12, 0, 1, "--p--d")),
        ("x" * 60 + " 3 1 1 ---sr- 9999.9", Guest("x" * 60, 3, 1, 1, "---sr-")),
        ("web--migratedaway    7   512     1     ---ss-      12.3", Guest("web--migratedaway", 7, 512, 1, "---ss-")),
        ("web                  7   512     1     ----c-      12.3", Guest("web", 7, 512, 1, "----c-")),
    ],
)
def test_every_row_that_xl_prints(row: str, guest: Guest) -> None:
    assert xen.parse_list(rows(row), "snow01")[1] == guest


@pytest.mark.parametrize(
    "listing",
    [
        "",
        "\n",
        "libxl: error: no",
        HEAD,
        f"{HEAD}\n",
        rows("web01"),
        rows("web01  7 512"),
        rows("web01 a b c d e"),
        DOM0,
    ],
)
def test_an_answer_that_is_not_whole_is_an_error_and_never_an_empty_server(listing: str) -> None:
    with pytest.raises(UnavailableError, match="snow01"):
        xen.parse_list(listing, "snow01")


def test_a_server_may_have_no_guest_and_a_list_an_empty_line() -> None:
    assert [guest.domid for guest in xen.parse_list(rows(), "snow01")] == [0]
    assert [guest.domid for guest in xen.parse_list(rows("", " "), "snow01")] == [0]
    assert xen.parse(f"release\n{INFO}", LIST, "snow01").cpus == 8


@pytest.mark.parametrize("info", ["", "nonsense", "total_memory : much\nnr_cpus : 8", "total_memory : 1024"])
def test_a_server_that_does_not_tell_its_size_is_an_error(info: str) -> None:
    with pytest.raises(UnavailableError, match="xl info on snow01"):
        xen.parse(info, LIST, "snow01")


def test_a_hypervisor_without_shadow_paging_is_told_by_its_capabilities() -> None:
    assert not xen.parse(INFO.replace(" shadow ", " "), LIST, "snow01").migrates_pv
    assert not xen.parse(INFO.replace("virt_caps", "other"), LIST, "snow01").migrates_pv


@pytest.mark.parametrize("look", [xen.look, xen.guests])
@pytest.mark.parametrize("answer", [(1, b""), (0, b""), (1, LIST.encode()), (0, INFO.encode()), (1, WHOLE.encode())])
def test_a_server_where_xl_fails_is_not_empty(mocker: MockerFixture, look: object, answer: tuple[int, bytes]) -> None:
    servers = Servers(["snow01"])
    mocker.patch.object(servers, "run", return_value=Result(("xl",), *answer, b"xenstored is dead"))
    with pytest.raises(UnavailableError, match="snow01"):
        look(servers, "snow01")  # type: ignore[operator]


def test_what_each_guest_runs_as_is_what_the_long_list_says_of_its_number() -> None:
    details = [{"domid": 2, "config": {"c_info": {"type": "pvh", "name": "other"}}}, {"domid": 0, "config": {}}]
    assert [guest.type for guest in xen.parse(INFO, LIST, "snow01", json.dumps(details[:1])).guests] == [
        "",
        "pvh",
        "",
        "",
    ]
    for nonsense in ("", "[ ]", "[1]", "{}", json.dumps(details), "libxl: error"):
        assert {guest.type for guest in xen.parse(INFO, LIST, "snow01", nonsense).guests} == {""}


def test_a_long_list_that_fails_takes_nothing_else_with_it(machines: Machines) -> None:
    (machines.root / "info").write_text(INFO)
    (machines.root / "list").write_text(LIST)
    long, other = machines.root / "long", f"cat {machines.root}/$1"
    machines.stand_in("xl", f'[ "$2" != -l ] || exec cat {long}; {other}')
    assert {guest.type for guest in xen.look(machines, "snow01").guests} == {""}
    long.write_text('[{"domid": 2, "config": {"c_info": {"type": "pv"}}}]')
    machines.look_anew()
    assert xen.look(machines, "snow01").guests[1].type == "pv"


def test_the_servers_that_answer_are_looked_at(machines: Machines) -> None:
    (machines.root / "info").write_text(INFO)
    (machines.root / "list").write_text(LIST)
    machines.stand_in("xl", f"[ $SERVER = snow01 ] && cat {machines.root}/$1")
    assert list(xen.answering(machines)) == ["snow01"]


def test_a_server_that_is_smaller_than_what_domain_0_keeps_has_nothing_for_domains() -> None:
    small = INFO.replace(": 16384", f": {xen.DOM0_MIB - 1}")
    assert xen.parse(small, LIST, "snow01").memory_mib == 0
    exact = INFO.replace(": 16384", f": {xen.DOM0_MIB + 1}")
    assert xen.parse(exact, LIST, "snow01").memory_mib == 1


def test_the_version_is_that_by_which_migrations_are_possible_and_the_features_are_the_processors_own() -> None:
    found = xen.parse(INFO.replace("placeholder", "dom0_mem=1024M"), LIST, "snow01")
    told = dict(line.split(":", 1) for line in INFO.splitlines())
    assert found.version == "4.17"
    assert found.features == next(words.strip() for name, words in told.items() if name.startswith("hw_caps"))
    assert found.dom0_is_fixed
    without = "\n".join(line for line in INFO.splitlines() if line[:7] not in ("hw_caps", "xen_ver", "xen_com"))
    nothing = xen.parse(without, LIST, "snow01")
    assert (nothing.version, nothing.features, nothing.dom0_is_fixed) == ("", "", False)


# What is run on this server.


@pytest.fixture
def here() -> Servers:
    servers = Servers(["snow01", "snow02"])
    servers.here = "snow01"
    return servers


Act = Callable[[Servers], object]
ACTS: dict[str, Act] = {
    "reset": lambda servers: xen.reset(servers, "snow01", "web01", "/d/web01.cfg"),
    "reboot": lambda servers: xen.reboot(servers, "snow01", "web01"),
    "try_out": lambda servers: xen.try_out(servers, "snow01", "web01", "/d/web01.cfg"),
    "destroy": lambda servers: xen.destroy(servers, "snow01", "web01"),
}


@pytest.mark.parametrize(
    ("act", "words", "within_s"),
    [
        # A reboot, and a try, have the time in their script, and their program the time of xl on top.
        ("reset", ("web01", "/d/web01.cfg"), xen.RESET_TIMEOUT_S),
        ("reboot", ("web01", str(xen.REBOOT_WITHIN_S)), xen.REBOOT_WITHIN_S + xen.XL_TIMEOUT_S),
        ("try_out", ("web01", "/d/web01.cfg", str(xen.TRIED_WITHIN_S)), xen.TRIED_WITHIN_S + xen.RESET_TIMEOUT_S),
    ],
)
def test_each_script_has_its_words_and_time_enough(
    mocker: MockerFixture, here: Servers, act: str, words: tuple[str, ...], within_s: int
) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, b"", b""))
    ACTS[act](here)
    shell, option, _, name, *given = run.call_args.args[0]
    assert (shell, option, name, tuple(given)) == ("sh", "-c", "sh", words)
    assert run.call_args.kwargs["timeout_s"] == within_s


def test_what_is_destroyed_need_not_be_there(mocker: MockerFixture, here: Servers) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 1, b"", b"web01 is an invalid domain"))
    ACTS["destroy"](here)
    assert run.call_args.args == (["xl", "destroy", "web01"],)
    assert run.call_args.kwargs["timeout_s"] == xen.XL_TIMEOUT_S


NO_REACTION = 44


@pytest.mark.parametrize(
    ("act", "status", "kind", "told"),
    [
        ("reset", 1, UnavailableError, "sh failed on snow01; no memory"),
        ("reboot", NO_REACTION, TimedOutError, f"web01 has not rebooted within {xen.REBOOT_WITHIN_S} s"),
        ("reboot", 1, UnavailableError, "web01 cannot be rebooted on snow01; no memory"),
        ("try_out", NO_REACTION, UnavailableError, "web01 does not boot like that on snow01"),
        ("try_out", 1, UnavailableError, "web01 cannot be started on snow01; no memory"),
    ],
)
def test_a_guest_that_does_not_react_is_told_apart_from_an_xl_that_fails(
    mocker: MockerFixture, here: Servers, act: str, status: int, kind: type[Exception], told: str
) -> None:
    mocker.patch.object(command, "run", return_value=Result((), status, b"", b"no memory"))
    with pytest.raises(kind, match=told):
        ACTS[act](here)


def test_the_scripts_tell_that_nothing_reacts(machines: Machines) -> None:
    machines.stand_in("sleep", "")
    machines.stand_in("xl", "[ $1 != domid ] || echo 7")
    assert machines.run("snow01", ["sh", "-c", xen._REBOOT, "sh", "web01", "1"]).exit_code == NO_REACTION
    assert machines.run("snow01", ["sh", "-c", xen._TRY, "sh", "web01", "/d/web01.cfg", "0"]).exit_code == NO_REACTION
    assert machines.log()[-1] == "snow01 xl destroy web01"


def test_a_console_is_on_our_own_terminal(mocker: MockerFixture, here: Servers) -> None:
    terminal = mocker.patch.object(command, "on_terminal", return_value=3)
    assert xen.console(here, "snow01", "web01") == 3
    assert terminal.call_args.args == (["xl", "console", "web01"],)
    assert xen.console(here, "snow02", "web 01") == 3
    # -t: with a terminal there too (ssh(1)).
    assert terminal.call_args.args == ([*SSH, "-t", "snow02", "--", "xl console 'web 01'"],)


def test_the_guests_are_asked_for_anew_each_time(mocker: MockerFixture, here: Servers) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, LIST.encode(), b""))
    assert [xen.guests(here, "snow01") for _ in range(2)] == [xen.parse_list(LIST, "snow01")] * 2
    assert [call.args for call in run.call_args_list] == [(["xl", "list"],)] * 2
    assert run.call_args.kwargs["timeout_s"] == xen.XL_TIMEOUT_S
    xen.guests(here, "snow01", 5)
    assert run.call_args.kwargs["timeout_s"] == 5


def test_a_look_is_one_trip_that_is_made_once(mocker: MockerFixture, here: Servers) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, WHOLE.encode(), b""))
    found = xen.look(here, "snow01")
    assert xen.look(here, "snow01") == found
    assert found.processors == processors.parse(CPUID) != xen.parse(INFO, LIST, "snow01").processors
    assert found.guests == xen.parse(INFO, LIST, "snow01").guests
    assert run.call_count == 1
    assert run.call_args.args[0][:2] == ["sh", "-c"]
    assert run.call_args.kwargs["timeout_s"] == xen.XL_TIMEOUT_S


@pytest.mark.parametrize("in_time", [True, False])
def test_xl_may_need_a_while_after_a_boot(mocker: MockerFixture, here: Servers, in_time: bool) -> None:
    asked: list[float] = []

    def turns(within_s: float) -> Iterator[bool]:
        asked.append(within_s)
        yield True
        yield in_time
        yield False

    mocker.patch.object(waiting, "turns", turns)
    answers = [Result((), 1, b"", b"not yet"), Result((), 0 if in_time else 1, LIST.encode(), b"not yet")]
    run = mocker.patch.object(command, "run", side_effect=answers)
    if in_time:
        xen.wait_for_answer(here, "snow01")
    else:
        with pytest.raises(UnavailableError, match="xl does not answer on snow01; not yet"):
            xen.wait_for_answer(here, "snow01")
    assert (run.call_count, asked) == (2, [xen.ANSWERS_WITHIN_S])
