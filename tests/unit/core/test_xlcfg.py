from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snow_ha_plugin import xlcfg
from tests.xlcfg_table import DISKS, REFUSED, REFUSED_DISKS, TAKEN, Refused, Taken

keys = st.from_regex(r"[a-z][a-z0-9._]{0,20}", fullmatch=True)
strings = st.text(st.characters(blacklist_characters="\n\0", blacklist_categories=["Cs"]))
values = st.recursive(strings, lambda children: st.lists(children, max_size=4), max_leaves=10)


def written(value: xlcfg.Value, quote: str) -> str:
    if isinstance(value, str):
        return quote + value.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
    return "[ " + ",\n  ".join(written(item, quote) for item in value) + " ]"


@pytest.mark.parametrize("case", TAKEN.values(), ids=TAKEN)
def test_what_xl_takes_is_read_as_xl_reads_it(case: Taken) -> None:
    assert xlcfg.settings(case.text) == case.settings


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_xl_refuses_is_refused_with_its_line(case: Refused) -> None:
    with pytest.raises(xlcfg.BadFile) as caught:
        xlcfg.settings(case.text)
    assert caught.value.line == case.line
    assert str(caught.value).startswith(f"line {case.line}: ")
    assert len(str(caught.value)) < 200


@given(
    st.dictionaries(keys, values, max_size=6), st.sampled_from("'\""), st.sampled_from(["\n", ";", " # c\n", "\n\n"])
)
def test_what_is_written_in_xls_grammar_reads_back(settings: xlcfg.Settings, quote: str, end: str) -> None:
    text = "".join(f"{key} = {written(value, quote)}{end}" for key, value in settings.items())
    assert xlcfg.settings(text) == settings


@given(
    st.lists(st.sampled_from(["a", "=", "[", "]", ",", "'x'", '"', "1", "\n", ";", "#", "\\", " ", "+=", "\r", "é"]))
)
def test_any_heap_of_tokens_is_settings_or_a_clear_error(tokens: list[str]) -> None:
    text = "".join(tokens)
    try:
        assert isinstance(xlcfg.settings(text), dict)
    except xlcfg.BadFile as error:
        assert 1 <= error.line <= text.count("\n") + 1


@pytest.mark.parametrize("text", ["a = 'x\0y'\n", "\0\0\n"])
def test_what_ends_xl_itself_is_refused(text: str) -> None:
    with pytest.raises(xlcfg.BadFile):
        xlcfg.settings(text)


def test_lists_may_be_nested_as_deep_as_can_be_told_of() -> None:
    assert repr(xlcfg.settings("a = " + "[" * 100 + "]" * 100)["a"]) == "[" * 100 + "]" * 100
    with pytest.raises(xlcfg.BadFile, match="line 2: the lists of 'a' are nested too deeply"):
        xlcfg.settings("\na = " + "[" * 101 + "]" * 101)


def test_a_file_is_read_byte_by_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.cfg"
    file.write_bytes(b"# caf\xe9\r\nx = 'caf\xe9'\n")
    assert xlcfg.read(str(file)) == "# caf\udce9\r\nx = 'caf\udce9'\n"


def test_of_a_list_xl_reads_the_strings_up_to_the_first_other_item() -> None:
    found = xlcfg.settings("a = [ 'x', 'y', [ 'z' ], 'w' ]\nb = 'x'\n")
    assert xlcfg.lines(found, "a") == ["x", "y"]
    assert xlcfg.lines(found, "b") == xlcfg.lines(found, "c") == []


def test_the_settings_of_an_interface_are_told_apart_by_commas() -> None:
    assert xlcfg.vif("mac=00:16:3e:00:00:01,  ip=10.0.0.1 10.0.0.2,bridge=br0,model") == {
        "mac": "00:16:3e:00:00:01", "ip": "10.0.0.1 10.0.0.2", "bridge": "br0",
    }  # fmt: skip
    assert xlcfg.vif("ip=10.0.0.1,ip=10.0.0.2")["ip"] == "10.0.0.2"
    assert xlcfg.vif("") == {}


@pytest.mark.parametrize(("line", "expected"), DISKS.items(), ids=DISKS)
def test_a_disk_is_what_xl_makes_of_its_line(line: str, expected: tuple[str, str, str, str]) -> None:
    disk = xlcfg.disk(line)
    assert (disk.target, disk.format or "raw", disk.vdev, disk.script) == expected


@pytest.mark.parametrize("line", REFUSED_DISKS)
def test_a_disk_that_xl_refuses_is_refused(line: str) -> None:
    with pytest.raises(xlcfg.BadLine) as caught:
        xlcfg.disk(line)
    assert str(caught.value)


def test_what_a_later_xl_may_know_of_disks_is_nobodys_mistake() -> None:
    assert xlcfg.disk("specification=virtio,grant_usage=1,untrusted,/a.img,raw,xvda,w").path == "/a.img"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("phy:/dev/vg0/a,xvda,w", "/dev/vg0/a"),
        ("phy:vg0/a,xvda,w", "/dev/vg0/a"),
        ("vdev=xvda,target=mapper/a", "/dev/mapper/a"),
        ("vdev=xvda,target=disk/by-path/ip-10.0.0.1:3260", "/dev/disk/by-path/ip-10.0.0.1:3260"),
        ("/dev/disk/by-path/pci-0000:00:1f.2-ata-1,raw,xvda,w", "/dev/disk/by-path/pci-0000:00:1f.2-ata-1"),
        ("qcow2:/a.img,xvda,w", "/a.img"),
        ("vdev=xvda,backendtype=qdisk,target=/a.img", "/a.img"),
        ("vdev=xvda,script=block-snow,target=/a.img", "/a.img"),
        ("script=block-snow,file:/a.img,xvda,w", "/a.img"),
        ("vdev=xvda,backend=Domain-0,target=/a.img", "/a.img"),
        ("vdev=xvda,backend=storage,target=/a.img", ""),
        ("vdev=xvda,backendtype=qdisk,target=rbd:pool/a", ""),
        ("vdev=xvda,backendtype=qdisk,target=nbd+unix:///a?socket=/s", ""),
        ("script=block-nbd,vdev=xvda,target=nbd://nas/a", ""),
        ("script=/opt/san,vdev=xvda,target=/lun/7", ""),
        ("drbd:web01,xvda,w", ""),
        (",hdc:cdrom,r", ""),
        ("vdev=hdc,cdrom", ""),
        ("/a.iso,raw,hdc:cdrom,r", "/a.iso"),
    ],
)
def test_a_disk_has_the_path_that_a_server_must_have_for_it(line: str, path: str) -> None:
    assert xlcfg.disk(line).path == path


def test_the_reader_imports_nothing_but_where_a_guest_is_asked() -> None:
    tree = ast.parse(Path(xlcfg.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    (asking,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "addresses")
    assert imports == [node for node in asking.body if isinstance(node, ast.Import)]
