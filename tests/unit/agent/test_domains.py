from __future__ import annotations

import pytest

from snow_ha_plugin.agent.domains import (
    INCOMING,
    MIGRATED_AWAY,
    NAMELESS,
    OWN,
    Instance,
    instances_in,
    is_plain,
    listed,
)
from snow_ha_plugin.agent.operation import GENERIC, UnknownError
from tests.captures import DATA
from tests.unit.agent.xl_lists import DOM0, FLAGS, HEADER, instance, line


def test_a_line_is_read_as_a_whole() -> None:
    (found,) = instances_in(HEADER + DOM0 + line("web01", 7, "r-----", 3.5, 2048), "web01")
    assert (found.form, found.domid, found.memory_mib, found.flags, found.cpu_s) == (OWN, 7, 2048, "r-----", 3.5)


def test_every_form_of_the_domain_counts_and_nothing_else() -> None:
    names = ("web01", "web01--incoming", "web01--migratedaway", "web", "web011", "web01-incoming", "web02", "(null)")
    text = HEADER + DOM0 + "".join(line(name, domid) for domid, name in enumerate(names, 1))
    found = instances_in(text, "web01")
    assert [(each.form, each.domid) for each in found] == [(OWN, 1), (INCOMING, 2), (MIGRATED_AWAY, 3)]


def test_a_nameless_domain_counts_by_an_id_that_is_known() -> None:
    text = HEADER + DOM0 + line("(null)", 7, "--ps-d") + line("(null)", 8, "--ps-d")
    (found,) = instances_in(text, "web01", {7})
    assert (found.form, found.domid, found.state) == (NAMELESS, 7, "dying")


def test_names_may_have_blanks() -> None:
    assert instances_in(HEADER + DOM0 + line("somebody's own domain", 7), "web01") == []


@pytest.mark.parametrize(
    ("flags", "cpu_s", "state"),
    [
        ("r-----", 0.0, "running"),
        ("-b----", 1.0, "running"),
        ("------", 1.0, "running"),
        ("--p---", 0.1, "paused"),
        ("--p---", 0.0, "never scheduled"),
        ("---s--", 1.0, "off"),
        ("---ss-", 1.0, "suspended"),
        ("---sr-", 1.0, "rebooting"),
        ("---sc-", 1.0, "crashed"),
        ("--psc-", 0.0, "crashed"),
        ("--psrd", 1.0, "dying"),
        ("---scd", 1.0, "dying"),
        ("--p--d", 0.0, "dying"),
    ],
)
def test_the_state_is_in_the_flags(flags: str, cpu_s: float, state: str) -> None:
    assert Instance(OWN, 1, 512, flags, cpu_s).state == state


@pytest.mark.parametrize("state", FLAGS)
@pytest.mark.parametrize("form", ["own", "incoming", "away"])
def test_the_domain_is_what_has_its_name_and_is_whole(form: str, state: str) -> None:
    assert instance(form, state).is_the_domain == (form == "own" and state in ("running", "paused"))


@pytest.mark.parametrize(
    ("flags", "cpu_s", "expected"),
    [
        ("--p---", 0.0, True),
        ("--p---", 0.1, False),
        ("--ps-d", 0.0, True),
        ("--ps-d", 0.1, False),
        ("r-----", 0, False),
    ],
)
def test_what_has_used_no_time_has_never_run(flags: str, cpu_s: float, expected: bool) -> None:
    assert Instance(INCOMING, 1, 512, flags, cpu_s).never_ran == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "something else than a list"),
        ("\n", "something else than a list"),
        (DOM0, "something else than a list"),
        (HEADER + DOM0 + line("web01")[:-1], "something else than a list"),
        (HEADER + DOM0 + "web01\n", "no domain: 'web01'"),
        (HEADER + DOM0 + line("web01").replace("    1 ", "    x ", 1), "no domain"),
        (HEADER + DOM0 + line("web01", flags="-b---"), "no domain"),
        (HEADER + DOM0 + line("web01", flags="-b--z-"), "no domain"),
        (HEADER + DOM0 + line("web01", flags="-b--x-"), "no domain"),
        (HEADER + DOM0 + line("web01").replace("512", "5x2"), "no number"),
        (HEADER + DOM0 + line("web01").replace("7.2", "7.x"), "no number"),
        (HEADER, "without Domain-0"),
        (HEADER + line("web01"), "without Domain-0"),
        (HEADER + DOM0.replace("Domain-0", "(null)  ") + line("(null)", 7), "has no name of domain 7, .* may be web01"),
        (HEADER + DOM0 + line("web02", 6) + line("(null)", 7, "r-----"), "has no name of domain 7"),
    ],
)
def test_a_text_that_is_no_whole_list_tells_nothing(text: str, why: str) -> None:
    with pytest.raises(UnknownError, match=why) as caught:
        instances_in(text, "web01")
    assert caught.value.status == GENERIC


def test_what_is_found_is_no_nameless_one() -> None:
    (found,) = instances_in(HEADER + DOM0 + line("web01", 6) + line("(null)", 7), "web01")
    assert (found.form, found.domid) == (OWN, 6)
    (found,) = instances_in(HEADER + DOM0 + line("(null)", 6) + line("(null)", 7), "web01", {6})
    assert (found.form, found.domid) == (NAMELESS, 6)


@pytest.mark.parametrize("flags", ["--p---", "--ps-d", "---sc-"])
def test_domains_may_be_nameless_for_a_while(flags: str) -> None:
    """Being built, and being taken down."""
    assert instances_in(HEADER + DOM0.replace("Domain-0", "(null)  ") + line("(null)", 7, flags), "web01") == []


def test_real_lists_can_be_read() -> None:
    lists = sorted(DATA.glob("xl-*-list-*.txt"))
    assert lists
    for path in lists:
        name = path.read_text().splitlines()[-1].split()[0].partition("--")[0]
        assert instances_in(path.read_text(), name)


def test_instances_are_listed_in_words() -> None:
    assert listed([instance("own", "running", 3), instance("incoming", "never scheduled", 4)]) == (
        "domain 3 (running), --incoming 4 (never scheduled)"
    )
    assert listed([]) == "nothing of it is here"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("web01", True), ("fe80::1", True), ("a_b.c+d-e", True),
        ("", False), ("-x", False), ("-", False), ("--to", False),
        ("a b", False), ("a;b", False), ("a'b", False), ("web01\n", False), ("ä", False),
    ],
)  # fmt: skip
def test_a_plain_word_is_nothing_but_a_name(word: str, expected: bool) -> None:
    assert is_plain(word) == expected
