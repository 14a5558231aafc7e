"""Masks for servers of two kinds: their words as Xen 4.17.7's xen-cpuid decodes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snow_ha_plugin.core import domainfile, processors
from snow_ha_plugin.model import Domain, Finding, Processors, Severity
from tests.captures import capture, domain

OLD, NEW = (
    processors.parse(capture(f"xen-cpuid-4.17.7-{name}.txt").decode()) for name in ("haswell", "sapphire-rapids")
)
# Both without what only one of them has a leaf for.
NEW_UNTIL_7 = replace(
    NEW, features={bit: name for bit, name in NEW.features.items() if bit[0].partition(":")[0] in OLD.leaves}
)


def found(*servers: Processors, domains: tuple[Domain, ...] = (domain(),)) -> list[Finding]:
    return list(processors.findings({f"snow{n:02}": each for n, each in enumerate(servers, start=1)}, domains))


def masked(finding: Finding) -> Domain:
    """A domain whose file has the line that a finding offers."""
    line = finding.remedy[finding.remedy.index("cpuid = ") :].partition("; ")[0]
    return domainfile.domain_from(f"name = 'web01'\n{line}\n", "web01", "web01.cfg")


def test_each_bit_has_the_name_that_xen_gives_it() -> None:
    assert OLD.features["0x00000001:ecx", 0] == "sse3"
    assert NEW.features["0x00000007,0:ebx", 16] == "avx512f"
    assert ("0x00000007,0:ebx", 16) not in OLD.features
    # Of either type of guest.
    assert OLD.features["0x00000007,0:ebx", 1] == "tsc-adj"
    assert OLD.leaves == {"0x00000001", "0x80000001", "0x0000000d,1", "0x00000007,0"}
    assert NEW.leaves == OLD.leaves | {"0x80000008", "0x00000007,1"}


def test_a_set_that_xen_does_not_have_hides_nothing_of_the_other() -> None:
    text = capture("xen-cpuid-4.17.7-haswell.txt").decode()
    alone = processors.parse("PV featureset not supported by Xen\n" + text[text.index("HVM Default") :])
    assert alone.leaves == OLD.leaves
    assert processors.parse("") == Processors()


def test_a_leaf_that_one_type_of_guest_lacks_has_no_mask() -> None:
    text = capture("xen-cpuid-4.17.7-haswell.txt").decode()
    words, bare = text.splitlines()[0].split()[2], ["00000000"] * 18
    bare[0] = words.split(":")[0]
    found = processors.parse(text.replace(words, ":".join(bare), 1))
    assert found.leaves == {"0x00000001"}


def test_processors_of_one_kind_are_fine() -> None:
    assert found(OLD, OLD) == found(NEW, NEW) == []


def test_the_line_that_is_offered_mends_what_it_says() -> None:
    (told,) = found(OLD, NEW_UNTIL_7)
    assert (told.id, told.subject) == ("processors-differ", "snow01 snow02")
    assert told.message.startswith("the processors of snow01 and snow02 differ (3dnowpf, adx, avx512-bitalg,")
    assert told.remedy.startswith("in the domain files of web01, which then are started anew: cpuid = [ ")
    assert found(OLD, NEW_UNTIL_7, domains=(masked(told),)) == []
    # Of a third server that lacks more it is not enough.
    poorer = replace(OLD, features={bit: name for bit, name in OLD.features.items() if name != "avx2"})
    (told,) = found(OLD, NEW_UNTIL_7, poorer, domains=(masked(told), domain("web02")))
    assert "in the domain files of web01 and web02," in told.remedy


def test_what_no_mask_can_hide_is_told_whatever_domains_have() -> None:
    """A domain with a mask of a leaf that a server lacks does not start there."""
    (told,) = found(OLD, NEW)
    assert "0x00000007,1" not in told.remedy
    assert "nothing hides avx-vnni, avx512-bf16 and wbnoinvd:" in told.remedy
    (told,) = found(OLD, NEW, domains=(masked(told),))
    assert told.remedy.startswith("nothing hides avx-vnni")


@pytest.mark.parametrize(
    ("bits", "shown"),
    [
        ([("0x00000001:ecx", 0)], f'"0x00000001:ecx={"x" * 31}0"'),
        (
            [("0x00000007,0:ebx", 31), ("0x00000007,0:ecx", 1), ("0x00000007,0:ecx", 0)],
            f'"0x00000007,0:ebx=0{"x" * 31},ecx={"x" * 30}00"',
        ),
        (
            [("0x00000001:edx", 3), ("0x0000000d,1:eax", 3)],
            f'"0x00000001:edx={"x" * 28}0xxx", "0x0000000d,1:eax={"x" * 28}0xxx"',
        ),
    ],
)
def test_a_mask_is_written_as_xl_reads_it(bits: list[processors.Bit], shown: str) -> None:
    assert processors.mask(bits) == shown


@pytest.mark.parametrize(
    "line",
    [f'cpuid = [ "7,0x0:ebx={"x" * 15}0{"x" * 16}" ]', f'cpuid = [ "7,0:ecx={"x" * 32},ebx={"k" * 15}0{"s" * 16}" ]'],
)
def test_a_mask_that_is_written_otherwise_counts(line: str) -> None:
    poorer = replace(NEW, features={bit: name for bit, name in NEW.features.items() if name != "avx512f"})
    of = domainfile.domain_from(f"name = 'web01'\n{line}\n", "web01", "web01.cfg")
    assert found(NEW, poorer, domains=(of,)) == []


@pytest.mark.parametrize("line", ["cpuid = 'host,avx512f=0'", "cpuid = [ 'avx512f:x' ]", "cpuid = [ '7,0:ebx=0' ]"])
def test_what_cannot_be_read_hides_nothing(line: str) -> None:
    of = domainfile.domain_from(f"name = 'web01'\n{line}\n", "web01", "web01.cfg")
    assert len(found(OLD, NEW_UNTIL_7, domains=(of,))) == 1


def bits(*numbers: int, leaf: str = "0x00000001", register: str = "ecx", **leaves: object) -> Processors:
    features = {(f"{leaf}:{register}", number): f"bit{number:02}" for number in numbers}
    return Processors(features, frozenset(leaves.get("leaves", {leaf})))  # type: ignore[call-overload]


def test_the_domains_that_may_lose_something_are_warned_of() -> None:
    (told,) = found(bits(0, 1), bits(0), domains=(domain("web01"), domain("web02")))
    assert told.severity == Severity.WARNING
    assert told.message.startswith("the processors of snow01 and snow02 differ (bit01):")
    assert told.remedy == (
        "in the domain files of web01 and web02, which then are started anew: "
        f'cpuid = [ "0x00000001:ecx={"x" * 30}0x" ]'
    )


def test_of_many_bits_and_domains_eight_are_named_and_the_others_counted() -> None:
    """Nine are named too: `and 1 more` is as long as a name."""
    for count, last in ((9, "bit07 and bit08"), (10, "bit07 and 2 more")):
        (told,) = found(bits(*range(count)), bits())
        assert last in told.message
        names = [f"web{number:02}" for number in range(count)]
        (told,) = found(bits(1), bits(), domains=tuple(map(domain, names)))
        assert last.replace("bit", "web") in told.remedy
        (told,) = found(bits(*range(count)), bits(leaves=frozenset()))
        assert f"nothing hides bit00, bit01, bit02, bit03, bit04, bit05, bit06, {last}:" in told.remedy


def test_a_register_of_which_a_server_has_no_leaf_is_hidden_by_nothing() -> None:
    (told,) = found(bits(3), bits(leaves=frozenset()), domains=())
    assert told.remedy.startswith("nothing hides bit03:")
    assert found(bits(3), bits(), domains=()) == [], "nobody uses it"


def test_names_are_those_of_the_bits_that_are_set_in_their_order() -> None:
    parsed = processors.parse(
        "PV Default    80000003:00000001\n"
        "  [00] CPUID 0x00000001.edx a b c\n"
        "  [01] 0x0000000d:1.eax d\n"
        "  [02] 0x00000007:0.ebx never\n"
        "HVM Default   80000003:00000001\n"
        "  [00] CPUID 0x00000001.edx a b c\n"
        "  [01] 0x0000000d:1.eax d\n"
        "PV Max        ffffffff\n"
        "  [00] CPUID 0x00000001.edx x y z\n"
    )
    assert parsed.features == {
        ("0x00000001:edx", 0): "a",
        ("0x00000001:edx", 1): "b",
        ("0x00000001:edx", 31): "c",
        ("0x0000000d,1:eax", 0): "d",
    }
    assert parsed.leaves == {"0x00000001", "0x0000000d,1"}


@pytest.mark.parametrize(
    ("line", "hides"),
    [
        ("1:ecx=0" + "x" * 31, {("0x00000001:ecx", 31)}),
        ("0x00000001:ecx=" + "x" * 31 + "0", {("0x00000001:ecx", 0)}),
        ("0xd,1:eax=" + "1" * 31 + "0", {("0x0000000d,1:eax", 0)}),
        ("1:ecx=" + "x" * 31 + "0,edx=0" + "k" * 31, {("0x00000001:ecx", 0), ("0x00000001:edx", 31)}),
        ("1:ecx=" + "x" * 32, set()),
        ("host:ecx=" + "0" * 32, set()),
        ("1:ecx=0", set()),
    ],
)
def test_a_line_of_cpuid_hides_the_bits_that_are_zero(line: str, hides: set[processors.Bit]) -> None:
    assert processors._hidden(["nonsense", line]) == hides
