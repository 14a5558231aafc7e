from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from snow_ha_plugin.core import domaincfg
from snow_ha_plugin.errors import DataError
from tests.captures import capture

XEN_TOOLS = capture("xen-tools-standin-proxy01.cfg").decode()

keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
strings = st.text(st.characters(blacklist_characters="\n", blacklist_categories=("Cs",)))
values = st.recursive(
    st.one_of(strings, st.integers(-(2**62), 2**62)), lambda children: st.lists(children, max_size=4), max_leaves=10
)


def written(value: domaincfg.Value, quote: str) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quote + value.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
    return "[ " + ",\n  ".join(written(item, quote) for item in value) + " ]"


def size(*lines: str) -> tuple[int, int]:
    domain = domaincfg.domain_from("\n".join(("name = 'a'", *lines)), "a", "a.cfg")
    return domain.memory_mib, domain.vcpus


def test_a_file_of_xen_tools_is_read_whole() -> None:
    domain = domaincfg.domain_from(XEN_TOOLS, "proxy01", "/d/proxy01.cfg")
    assert (domain.name, domain.config_path, domain.memory_mib, domain.vcpus) == ("proxy01", "/d/proxy01.cfg", 1024, 1)
    assert domain.disks == ("/sNow/domains/proxy01/disk.img", "/sNow/domains/proxy01/swap.img")


@given(
    st.dictionaries(keys, values, max_size=6), st.sampled_from("'\""), st.sampled_from(["\n", ";", " # c\n", "\r\n"])
)
def test_what_is_written_in_xls_grammar_reads_back(settings: dict[str, domaincfg.Value], quote: str, end: str) -> None:
    text = "".join(f"{key} = {written(value, quote)}{end}" for key, value in settings.items())
    assert domaincfg.parse(text) == settings


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", {}),
        ("# only a comment", {}),
        ("a=1;b='x';;\n\nc=[]", {"a": 1, "b": "x", "c": []}),
        ("a='it # is'  # not this", {"a": "it # is"}),
        ("a = [ 'x', # first\n\n 'y',\n]\n", {"a": ["x", "y"]}),
        ("a = [ [1, 'b'], 2 ]", {"a": [[1, "b"], 2]}),
        ("a = 0x10\nb = 010\nc = 0\nd = -3", {"a": 16, "b": 8, "c": 0, "d": -3}),
        ("a=1\na=2", {"a": 2}),
        ("a = \"say 'hi'\"", {"a": "say 'hi'"}),
        (r"a = 'it\'s'", {"a": "it's"}),
        ("a = \\\n 1", {"a": 1}),
        ("name='x'", {"name": "x"}),
    ],
)
def test_xls_grammar(text: str, settings: dict[str, domaincfg.Value]) -> None:
    assert domaincfg.parse(text) == settings


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a", 1),
        ("a=", 1),
        ("a=1\nb=", 2),
        ("a=1 b=2", 1),
        ("\n\na='x", 3),
        ("a = 'x\ny'", 1),
        ("a = [1", 1),
        ("a = [1\n,,2]", 2),
        ("= 1", 1),
        ("a == 1", 1),
        ("a = b", 1),
        ("a = 1.5", 1),
        ("a = 08", 1),
        ("a = 12MB", 1),
        ("a = '''x'''", 1),
        ("a = 1 + 1", 1),
        ("import os", 1),
        ("a = __import__('os').system('true')", 1),
        ("a = open('/etc/passwd').read()", 1),
        ("if True:\n  a = 1", 1),
        ("a = 9" + "9" * 5000, 1),
        ("a = 0x" + "f" * 5000, 1),
        ("a = " + "[" * 5000, 1),
        ("a = \x00", 1),
        ("a = 1\x0b", 1),
    ],
)
def test_what_xl_would_not_read_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(DataError) as caught:
        domaincfg.parse(text, "web.cfg")
    assert str(caught.value).startswith(f"web.cfg: line {line}: ")
    assert len(str(caught.value)) < 200


@given(st.text())
@example("memory = '" + "9" * 5000 + "'")
@example("memory = -1")
@example("name = 'a'\nvcpus = '0x" + "f" * 5000 + "'")
def test_any_text_is_a_domain_or_a_clear_error(text: str) -> None:
    try:
        domaincfg.domain_from(text, "a", "a.cfg")
    except DataError as error:
        assert str(error).startswith("a.cfg: ")
        assert "\n" not in str(error)


@given(st.lists(st.sampled_from(["a", "=", "[", "]", ",", "'x'", '"', "1", "\n", ";", "#", "\\", " ", "+="])))
def test_any_heap_of_tokens_is_settings_or_a_clear_error(tokens: list[str]) -> None:
    try:
        assert isinstance(domaincfg.parse("".join(tokens)), dict)
    except DataError as error:
        assert "line " in str(error)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], (128, 1)),
        (["memory = 512", "vcpus = 2"], (512, 2)),
        (["memory = '512'", "vcpus = '2'"], (512, 2)),
        (["memory = '0x200'"], (512, 1)),
        (["memory = 512", "maxmem = 2048"], (2048, 1)),
        (["memory = 512", "maxmem = 256"], (512, 1)),
        (["maxmem = 2048"], (2048, 1)),
    ],
)
def test_the_size_is_what_the_domain_may_come_to_need(lines: list[str], expected: tuple[int, int]) -> None:
    assert size(*lines) == expected


@pytest.mark.parametrize(
    "line",
    [
        "memory = 'much'", "memory = ''", "memory = -5", "memory = '1_000'", "memory = ' 12 '", "memory = '1e3'",
        "memory = 2147483648", "memory = ['512']", "vcpus = 'two'", "maxmem = '²'", "memory = '5" + "0" * 5000 + "'",
    ],
)  # fmt: skip
def test_a_size_that_is_no_whole_number_is_refused(line: str) -> None:
    with pytest.raises(DataError, match="is not a whole number") as caught:
        size(line)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("memory = 512", "has no 'name'"),
        ("name = 'other'", "names the domain 'other'"),
        ("name = 5", "names the domain 5"),
        ("name = 'a'; name = 'b'", "names the domain 'b'"),
        ("name = ['a']", "names the domain"),
    ],
)
def test_the_file_must_name_its_own_domain(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        domaincfg.domain_from(text, "a", "a.cfg")


@pytest.mark.parametrize(
    ("disk", "target"),
    [
        ("phy:/dev/snow_vg/a-disk,xvda2,w", "/dev/snow_vg/a-disk"),
        ("file:/sNow/domains/a/disk.img,xvda2,w", "/sNow/domains/a/disk.img"),
        ("tap:aio:/sNow/a.img,xvda,w", "/sNow/a.img"),
        ("/dev/vg/a,raw,xvda,rw", "/dev/vg/a"),
        ("qcow2:/sNow/a.qcow2,xvda,w", "/sNow/a.qcow2"),
        ("format=raw, vdev=xvda, access=rw, target=/dev/vg/a", "/dev/vg/a"),
        ("vdev=hdc, access=ro, devtype=cdrom, target=/sNow/a.iso", "/sNow/a.iso"),
    ],
)
def test_both_forms_of_a_disk_line_tell_its_image(disk: str, target: str) -> None:
    domain = domaincfg.domain_from(f"name = 'a'\ndisk = [ '{disk}' ]", "a", "a.cfg")
    assert domain.disks == (target,)


@pytest.mark.parametrize("disk", ["", "disk = []", "disk = 5", "disk = [ 5, [] ]"])
def test_a_domain_may_have_no_disk(disk: str) -> None:
    assert domaincfg.domain_from(f"name = 'a'\n{disk}", "a", "a.cfg").disks == ()


@pytest.mark.parametrize("name", ["a", "web01", "web-01", "web_01.cluster", "A1"])
def test_host_names_are_names_of_domains(name: str) -> None:
    assert domaincfg.DOMAIN_NAME.match(name)


@pytest.mark.parametrize(
    "name",
    ["", "1a", "-a", "a-", "a b", "a;b", "$(a)", "a'", 'a"', "a\n", "../a", "a/b", "a--incoming", ".a", "ä", "a\x00"],
)
def test_what_a_shell_or_a_path_could_misread_is_not(name: str) -> None:
    assert not domaincfg.DOMAIN_NAME.match(name)
