from __future__ import annotations

import json

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import Guest
from snow_ha_plugin.system import xen
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import Servers
from tests.captures import capture
from tests.unit.conftest import Machines

INFO = capture("xl-standin-info.txt").decode()
LIST = capture("xl-standin-list-guide-domains.txt").decode()
HEAD, DOM0 = LIST.splitlines()[:2]


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


@pytest.mark.parametrize("info", ["", "nonsense", "total_memory : much\nnr_cpus : 8", "total_memory : 1024"])
def test_a_server_that_does_not_tell_its_size_is_an_error(info: str) -> None:
    with pytest.raises(UnavailableError, match="xl info on snow01"):
        xen.parse(info, LIST, "snow01")


def test_a_hypervisor_without_shadow_paging_is_told_by_its_capabilities() -> None:
    assert not xen.parse(INFO.replace(" shadow ", " "), LIST, "snow01").migrates_pv
    assert not xen.parse(INFO.replace("virt_caps", "other"), LIST, "snow01").migrates_pv


@pytest.mark.parametrize("look", [xen.look, xen.guests])
@pytest.mark.parametrize("answer", [(1, b""), (0, b""), (1, LIST.encode()), (0, INFO.encode())])
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
