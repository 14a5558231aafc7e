"""What the agent reads in a domain file, in /proc and in `xl info`; what it makes of a program's end."""

from __future__ import annotations

import pytest

from snow_ha_plugin import xlcfg
from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.migration import has_room
from snow_ha_plugin.agent.orphans import is_creator, is_sender
from snow_ha_plugin.agent.process import Result, first_failure

FILE = """
kernel = '/boot/vmlinuz'
disk = [ 'phy:vg/web01,xvda,w', 'file:/images/web01.img,xvdb,w', 'rbd:pool/image,raw,xvdc' , 'nonsense' ]
vif = [ 'bridge=br0', 'bridge=br1:7,script=vif-openvswitch', 'bridge=br2,backend=net', 'ip=10.9.0.7' ]
"""


def test_what_a_server_must_have_is_what_is_a_path_on_it() -> None:
    assert domain_file.needs_of(xlcfg.settings(FILE)) == [
        "/boot/vmlinuz", "/dev/vg/web01", "/images/web01.img", "/sys/class/net/br0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ip", "addresses"),
    [
        ("10.9.0.7 10.9.0.8/24 fd00::7/64", ["10.9.0.7", "10.9.0.8", "fd00::7"]),
        ("10.9.0.6/31", ["10.9.0.6"]),
        ("10.9.0.0/24 10.9.0.255/24 dhcp -f 0.0.0.0 224.0.0.1 fe80::7", []),
    ],
)
def test_only_a_guest_s_own_addresses_are_asked(ip: str, addresses: list[str]) -> None:
    assert xlcfg.addresses({"vif": [f"ip={ip}"]}) == addresses


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["xl", "migrate", "-s", "ssh", "web01", "snow02"], True),
        (["/usr/sbin/xl", "migrate", "web01", "snow02"], True),
        (["python3", "-IS", "/bin/xl", "migrate", "web01", "snow02"], True),
        (["xl", "migrate", "web02", "snow02"], False),
        (["xl", "console", "web01"], False),
        (["vi", "migrate", "web01"], False),
        (["ssh", "snow02", "a", "b", "xl", "migrate-receive", "web01"], False),
        (["sudo", "-n", "strace", "xl", "migrate", "web01", "snow02"], True),
        (["ssh", "snow02", "a", "b", "xl", "migrate", "web01"], False),
        ([""], False),
    ],
)
def test_a_sender_is_known_by_its_command_line(words: list[str], expected: bool) -> None:
    assert is_sender(words, "web01") == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["xl", "create", "/sNow/web01.cfg"], True),
        (["/usr/sbin/xl", "create", "/sNow/web01.cfg", 'name="web01"'], True),
        (["xl", "create", "/sNow/web011.cfg"], False),
        (["xl", "list", "/sNow/web01.cfg"], False),
        (["vi", "create", "/sNow/web01.cfg"], False),
        ([""], False),
    ],
)
def test_a_creator_is_known_by_its_command_line(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: bool
) -> None:
    monkeypatch.setenv("OCF_RESKEY_xmfile", "/sNow/web01.cfg")
    assert is_creator(words) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ("free_memory            : 512\nxen_commandline        : dom0_mem=1024M\n", True),
        ("free_memory            : 511\nxen_commandline        : dom0_mem=1024M\n", False),
        ("free_memory            : 511\nxen_commandline        : placeholder\n", True),
        ("xen_commandline        : dom0_mem=1024M\n", True),
        ("", True),
    ],
)
def test_room_is_missing_only_where_that_is_certain(facts: str, expected: bool) -> None:
    assert has_room(facts, 512) == expected


WORDS = ["xl", "list"]


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (Result(WORDS, None, "", "anything"), "`xl list` did not end in time"),
        (Result(WORDS, 3, "", ""), "`xl list` exited with 3"),
        (Result(WORDS, -9, "out\n", ""), "`xl list` exited with -9 (out)"),
        (Result(WORDS, 1, "out\n", "one\n two \n"), "`xl list` exited with 1 (two)"),
    ],
)
def test_a_failure_is_told_by_the_program_s_last_line(result: Result, why: str) -> None:
    assert result.why == why


def test_the_first_failure_tells_more_than_what_the_deadline_cut_short() -> None:
    good, bad, late = (Result(WORDS, status, "", "") for status in (0, 1, None))
    assert first_failure("", good) == ""
    assert first_failure("before", good) == "before"
    assert first_failure("before", bad) == bad.why
    assert first_failure("before", late) == "before"
    assert first_failure("", late) == late.why
