"""What must hold between servers: each prerequisite alone, on the one server and on the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import pairs
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import Machines

XL = """
case $1 in
    info) printf '%s\n' 'xen_version : {}' 'total_memory : 1024' 'nr_cpus : 2' ;;
    list) printf '%s\n' 'Name ID Mem VCPUs State Time(s)' 'Domain-0 0 512 2 r----- 1.0' ;;
esac
"""

# Each program on each server, as on a site that has all of it.
PROGRAMS = {
    "date": "echo 1000",
    "cut": '[ -n "$3" ] && echo 12 || exec /usr/bin/cut "$@"',
    "xl": XL.format("4.17.7"),
    "dpkg-query": "echo is corosync 3.1.7-1; echo is pacemaker 2.1.5-1",
    "findmnt": "echo nfs4",
    "getent": "echo 10.1.0.${2#snow0} STREAM $2",
    "ssh": "exit 0",
    "uname": "echo $SERVER",
}

Differ = Callable[..., list[Finding]]


@pytest.fixture
def differ(machines: Machines, site: Site) -> Differ:
    """What is found where a program says something else on a server."""

    def find(server: str = "", **otherwise: str) -> list[Finding]:
        for program, script in PROGRAMS.items():
            other = otherwise.get(program.replace("-", "_"), "")
            machines.stand_in(
                program, f"[ $SERVER = '{server}' ] && {{ {other}\nexit; }}\n{script}" if other else script
            )
        machines.look_anew()
        return pairs.check(site)

    return find


def test_where_all_is_the_same_nothing_is_found(differ: Differ, machines: Machines) -> None:
    assert differ() == []
    said = [line.split(" ssh ") for line in machines.log() if " ssh " in line]
    assert [(server, words.split()[-2]) for server, words in said] == [("snow02", "snow01")], "this one has come there"
    asked = [server for server, argv in machines.calls if "clock" in argv[2]]
    assert asked == ["snow01", "snow02"], "each is asked once"


@pytest.mark.parametrize(("server", "other"), [("snow01", "snow02"), ("snow02", "snow01")])
@pytest.mark.parametrize(
    ("program", "script", "code", "told", "subjects"),
    [
        (
            "date",
            "echo 1006",
            "clocks-differ",
            "the clock of {server} is 6 s ahead of that of {other}",
            ["{other} {server}"],
        ),
        ("xl", XL.format("4.20.1"), "releases-differ", "Xen is ", ["Xen"]),
        ("dpkg_query", "echo is pacemaker 3.0.0-1", "releases-differ", "pacemaker is ", ["pacemaker"]),
        ("dpkg_query", "echo is corosync 3.1.9-1", "releases-differ", "corosync is ", ["corosync"]),
        ("cut", '[ -n "$3" ] && echo 13 || exec /usr/bin/cut "$@"', "releases-differ", "Debian is ", ["Debian"]),
        ("findmnt", "exit 1", "home-differs", "/home is mounted on the others, and not on {server}", ["{server}"]),
        ("getent", "echo 127.0.1.1", "names-differ", "127.0.1.1 on {server}", ["snow01", "snow02"]),
        ("getent", "exit 2", "names-differ", "nothing on {server}", ["snow01", "snow02"]),
        ("getent", "echo 10.9.9.9", "names-differ", "10.9.9.9 on {server}", ["snow01", "snow02"]),
    ],
)
def test_what_differs_between_two_servers_is_found_on_either_side(
    differ: Differ, server: str, other: str, program: str, script: str, code: str, told: str, subjects: list[str]
) -> None:
    found = differ(server, **{program: script})
    assert [finding.subject for finding in found] == [each.format(server=server, other=other) for each in subjects]
    assert {finding.id for finding in found} == {code}
    for finding in found:
        assert told.format(server=server, other=other) in finding.message
        assert finding.remedy


def test_a_server_that_this_one_does_not_let_in(differ: Differ) -> None:
    (finding,) = differ("snow02", ssh="exit 255")
    assert (finding.id, finding.subject) == ("ssh-closed", "snow02")
    assert "on snow02 `ssh snow01 true` does not work for root" in finding.message
    assert (finding.severity, finding.exit_code) == (Severity.ERROR, UnavailableError.exit_code)


def test_clocks_that_were_read_one_after_the_other_are_the_same(differ: Differ) -> None:
    assert differ("snow02", date="echo 1005") == []


def test_a_name_that_is_local_everywhere_is_told_too(differ: Differ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROGRAMS, "getent", "echo 127.0.1.1 STREAM $2")
    assert [finding.subject for finding in differ()] == ["snow01", "snow02"]


def test_without_home_anywhere_and_without_packages_nothing_is_blamed(
    differ: Differ, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("findmnt", "dpkg-query", "xl"):
        monkeypatch.setitem(PROGRAMS, program, "exit 1")
    assert differ() == []


def test_a_server_that_does_not_answer_is_not_told_once_more_by_the_others(differ: Differ, machines: Machines) -> None:
    machines.silent["snow02"] = UnavailableError("snow02 cannot be reached")
    assert differ("snow01", ssh="exit 255") == []
    assert not any(" ssh " in line for line in machines.log())
    names = {argv[4:] for _, argv in machines.calls if "clock" in argv[2]}
    assert names == {("snow01",)}, "nobody asks for its address"
