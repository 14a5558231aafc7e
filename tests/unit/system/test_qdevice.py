from __future__ import annotations

import pytest

from snow_ha_plugin.system import qdevice

QUORUM = """Votequorum information
----------------------
Expected votes:   3
Highest expected: 3
Total votes:      {total}
Quorum:           2
Flags:            Quorate Qdevice

Membership information
----------------------
    Nodeid      Votes    Qdevice Name
         1          1   A,NV,NMW snow01
         2          1 {flags:>10} snow02 (local)
         0          1            Qdevice
"""
WITHOUT = """Membership information
----------------------
    Nodeid      Votes Name
         1          1 snow01 (local)
"""
# As certutil prints it, and as the file of qnetd has it.
PEM = "-----BEGIN CERTIFICATE-----\r\nMIIC\r\n-----END CERTIFICATE-----\r\n"


@pytest.mark.parametrize(
    ("flags", "total", "has_vote"),
    [("A,V,NMW", 3, True), ("A,NV,NMW", 2, False), ("NA,NV,NMW", 2, False), ("NR", 2, False)],
)
def test_the_vote_of_this_server(flags: str, total: int, has_vote: bool) -> None:
    text = f"active\0active\ninactive\0state\0Connected\0quorum\0{QUORUM.format(flags=flags, total=total)}\0"
    look = qdevice.parse_look("snow02", text)
    assert (look.flags, look.votes, look.votes_with_it) == (flags, total, has_vote)
    assert look.active == {"corosync"}
    assert look.state == "Connected"
    assert not look.is_set_up
    assert look.is_untouched


def test_a_cluster_without_a_device_has_no_such_vote() -> None:
    assert qdevice.flags(WITHOUT) == ""
    assert not qdevice.parse_look("snow01", f"quorum\0{WITHOUT}\0").votes_with_it


def test_what_enable_leaves_is_recognised() -> None:
    units = "".join(f"unit {path}\0{text.rstrip()}\0" for path, text in qdevice.UNITS.items())
    look = qdevice.parse_look("snow01", f"{units}ca\0{PEM}\0valid\0yes\0reaches\0yes\0")
    assert look.is_set_up
    assert look.reaches
    assert look.ca == PEM.replace("\r", "")
    assert not qdevice.parse_look("snow01", f"{units}ca\0{PEM}\0").is_set_up
