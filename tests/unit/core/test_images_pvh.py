"""A domain file of a PVH guest: what changes, and that nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snow_ha_plugin.core import domainfile
from snow_ha_plugin.core.images import pvh
from snow_ha_plugin.errors import ConfigurationError, DataError
from tests.captures import capture

XEN_TOOLS = capture("xen-tools-standin-proxy01.cfg").decode()


def test_a_file_of_xen_tools_gets_a_type_and_a_console() -> None:
    new = pvh.converted(XEN_TOOLS, "proxy01.cfg")
    before, after = XEN_TOOLS.splitlines(), new.splitlines()
    added = [line for line in after if line not in before]
    assert 'type = "pvh"' in added
    assert len(added) == 2
    assert [line for line in after if line not in added] == [line for line in before if line in after]
    was, now = domainfile.parse(XEN_TOOLS, ""), domainfile.parse(new, "")
    assert {key: value for key, value in now.items() if key not in ("type", "extra")} == {
        key: value for key, value in was.items() if key != "extra"
    }
    assert str(now["extra"]).split()[-1] == pvh.CONSOLE


PLAIN = "kernel = '/k'\n"
TYPE, EXTRA = 'type = "pvh"\n', 'extra = "console=hvc0"\n'
CASES = [
    (PLAIN, TYPE + EXTRA + PLAIN),
    (f"type = 'pv' # so\n{PLAIN}extra = 'quiet'\n", f"type = \"pvh\" # so\n{PLAIN}extra = 'quiet console=hvc0'\n"),
    (f"builder = 'generic'\n{PLAIN}{EXTRA}", TYPE + PLAIN + EXTRA),
    (f"cmdline='ro'; {PLAIN}", f"cmdline='ro console=hvc0'; {TYPE}{PLAIN}"),
    (f"memory = 5\nname = 'a'; {PLAIN}", f"memory = 5\nname = 'a'; {TYPE}{EXTRA}{PLAIN}"),
    (
        f"vif = [ 'kernel=a', 'type' ]\ndisk = []\n{PLAIN}",
        f"vif = [ 'kernel=a', 'type' ]\ndisk = []\n{TYPE}{EXTRA}{PLAIN}",
    ),
    (f"{PLAIN}vif = [ [ 'a' ] ]\n{EXTRA}", f"{TYPE}{PLAIN}vif = [ [ 'a' ] ]\n{EXTRA}"),
    (f"# c\r\nextra = ''\n{PLAIN}# \r\n", f"# c\r\nextra = ' console=hvc0'\n{TYPE}{PLAIN}# \r\n"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_only_what_must_change_does(text: str, expected: str) -> None:
    new = pvh.converted(text, "a.cfg")
    assert new == expected
    assert pvh.converted(new, "a.cfg") == new


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("bootloader = 'pygrub'\n", "its kernel is in its image"),
        ("kernel = '/k'\nbootloader = '/usr/lib/xen/bin/pygrub'\n", "its kernel is in its image"),
        ("kernel = '/k'\npci = ['01:00.0']\n", "it has devices of its server"),
        ("kernel = '/k'\npvh = 0\n", "it says pvh"),
        ("type = 'hvm'\n", "it is no para-virtualised guest"),
        ("name = 'a'\n", "it names no kernel"),
        ("kernel = ['/k']\n", "it names no kernel"),
    ],
)
def test_what_cannot_be_a_pvh_guest_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=f"a.cfg cannot become that of a PVH guest; {why}"):
        pvh.converted(text, "a.cfg")


@pytest.mark.parametrize("text", ["kernel = '/k'\nextra = 5\n", "kernel = '/k'\nextra = 'a'\nextra += 'b'\n"])
def test_what_cannot_be_told_apart_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="cannot be told apart"):
        pvh.converted(text, "a.cfg")


values = st.text("ab =/'\"#;", max_size=8).map(lambda text: "'" + text.replace("'", "\\'") + "'")
lines = st.tuples(st.sampled_from(["name", "extra", "root", "memory", "type", "builder"]), values)


@given(st.lists(lines, max_size=5), st.integers(0, 5))
def test_whatever_the_rest_is_it_stays(rest: list[tuple[str, str]], at: int) -> None:
    fixed = {"type": "'pv'", "builder": "'generic'"}
    rows = [f"{key} = {fixed.get(key, value)}" for key, value in rest]
    text = "\n".join([*rows[:at], "kernel = '/k'", *rows[at:], ""])
    try:
        new = domainfile.parse(pvh.converted(text, "a.cfg"), "a.cfg")
    except DataError:
        return
    old = domainfile.parse(text, "a.cfg")
    own = ("type", "builder", "extra")
    assert new["type"] == "pvh" and "builder" not in new and pvh.CONSOLE in str(new["extra"]).split()
    assert {k: v for k, v in new.items() if k not in own} == {k: v for k, v in old.items() if k not in own}
