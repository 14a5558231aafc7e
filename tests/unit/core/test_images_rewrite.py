from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snow_ha_plugin import xlcfg
from snow_ha_plugin.core.images import rewrite
from snow_ha_plugin.errors import DataError, UsageError

VOLUME, FILE = "/dev/snow_vg/web01-disk", "/sNow/domains/web01/web01-disk"
LINE = "format=raw, vdev=xvda2, access=w, script=block-snow, target=" + FILE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"disk = ['phy:{VOLUME},xvda2,w']", f"disk = ['{LINE}']"),
        (f'disk=["{VOLUME},raw,xvda2,w" , ]; name="a"\n', f'disk=["{LINE}" , ]; name="a"\n'),
        (f"disk = [\n\t'phy:{VOLUME},xvda2,w', # system\n]\n", f"disk = [\n\t'{LINE}', # system\n]\n"),
        (f"disk = 'x'\ndisk = ['phy:{VOLUME},xvda2,w']\n", f"disk = 'x'\ndisk = ['{LINE}']\n"),
        (f"disk = ['old']\ndisk = ['phy:{VOLUME},xvda2,w']\n", f"disk = ['old']\ndisk = ['{LINE}']\n"),
        (f"disk = []\ndisk += ['phy:{VOLUME},xvda2,w']\n", f"disk = []\ndisk += ['{LINE}']\n"),
        (
            f"# disk of web01\r\n# caf\udce9\n\ndisk =[ 'phy:{VOLUME},xvda2,w' ]\nx = 'disk'\n",
            f"# disk of web01\r\n# caf\udce9\n\ndisk =[ '{LINE}' ]\nx = 'disk'\n",
        ),
    ],
)
def test_only_the_value_of_the_disk_changes(before: str, after: str) -> None:
    assert rewrite.with_images(before, "web01.cfg", {0: FILE}) == after


def test_some_disks_of_many_change() -> None:
    text = "disk = ['phy:vg/a,xvda,w', \"file:/b,xvdb,w\"]\ndisk += [\n 'phy:vg/c,xvdc,r' ]\n"
    new = rewrite.with_images(text, "web01.cfg", {0: "/x/a", 2: "/x/c"})
    assert new.splitlines()[0].endswith('target=/x/a\', "file:/b,xvdb,w"]')
    assert new.splitlines()[2].endswith("access=r, script=block-snow, target=/x/c' ]")


def test_a_list_that_is_read_up_to_its_middle_is_left_alone() -> None:
    text = f"disk = ['phy:{VOLUME},xvda2,w', ['x'], 'phy:vg/never,xvdb,w']"
    with pytest.raises(DataError, match="nothing was changed"):
        rewrite.with_images(text, "web01.cfg", {0: FILE})


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("phy:vg/a,xvda,w", ("format=raw", "vdev=xvda", "access=w")),
        ("format=qcow2,vdev=xvda,discard,target=/dev/vg/a", ("format=qcow2", "access=rw", "discard")),
        ("vg/a,,hdc:cdrom,r", ("devtype=cdrom", "access=r")),
        ("direct-io-safe,specification=virtio,vdev=xvda,target=vg/a", ("specification=virtio",)),
    ],
)
def test_what_a_disk_is_stays(line: str, kept: tuple[str, ...]) -> None:
    old, new = xlcfg.disk(line), xlcfg.disk(rewrite.disk_line(xlcfg.disk(line), FILE))
    assert set(kept) <= set(rewrite.disk_line(old, FILE).split(", "))
    # What only QEMU reads xl leaves to it.
    is_ours = old.format in ("", "raw") and not old.is_cdrom
    assert (new.path, new.script, new.is_direct) == (FILE, "block-snow" if is_ours else "", is_ours)
    assert (new.vdev, new.is_cdrom) == (old.vdev, old.is_cdrom)


@pytest.mark.parametrize("path", ["", "sNow/a", "/a b", "/a'b", '/a"', "/a\\", "/a,b", "/a\n", "/$a", "/ä"])
def test_a_path_that_xl_could_misread_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="cannot be the path of an image"):
        rewrite.disk_line(xlcfg.disk("phy:vg/a,xvda,w"), path)


@pytest.mark.parametrize(
    ("volume", "name"),
    [
        ("/dev/snow_vg/web01-disk", "web01-disk"),
        ("/dev/mapper/snow_vg-web01--disk", "web01-disk"),
        ("/dev/mapper/snow--vg-web01--swap", "web01-swap"),
        ("/dev/snow_vg/web012-disk", "web01-xvda"),
        ("/dev/sdb1", "web01-xvda"),
        ("/dev/snow_vg/web01-a b", "web01-xvda"),
    ],
)
def test_a_file_is_called_as_its_volume(volume: str, name: str) -> None:
    assert rewrite.file_name("web01", xlcfg.disk(f"vdev=xvda,target={volume}")) == name


COMMENTS = st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), max_size=8).map(
    "# {}\n".format
)
GAPS = st.lists(st.one_of(COMMENTS, st.sampled_from(["\n", "\t", " ", "# it is\r\n"])), max_size=3).map("".join)
VALUES = st.sampled_from(["1", "'x'", '"# no comment"', "[ 'a', [ 'b' ] ]", "'disk = [ \\'x\\' ]'", "[]", "'\\\\'"])
PLACE = st.sampled_from(["vg/a", "/dev/mapper/vg-web01--disk", "/srv/web01.img"])
DISKS = st.one_of(
    PLACE.map("phy:{},xvda,w".format),
    PLACE.map("format=raw, vdev=xvdb,  access=ro, target={}".format),
    PLACE.map("file:{},hdc:cdrom,r".format),
    PLACE.map("tap:aio:{},xvdc,w".format),
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A domain file, as odd as xl takes it."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        parts += [draw(GAPS), "\n", draw(st.sampled_from(["memory", "disks", "xdisk", "a.disk"])), " = ", draw(VALUES)]
        parts.append(draw(st.sampled_from(["\n", " # \r\n", ";", " ; \n"])))
    for sign in ("=", "+=")[: draw(st.integers(1, 2))]:
        parts += ["\n", draw(GAPS), f"\ndisk {sign} ["]
        for line in draw(st.lists(DISKS, max_size=3)):
            quote = draw(st.sampled_from("'\""))
            parts += [draw(GAPS), "\n", quote, line, quote, ",", draw(GAPS)]
        parts.append("\n]\n")
    return "".join([*parts, draw(GAPS), "\n"])


@given(files(), st.data())
def test_a_file_that_is_rewritten_reads_the_same_but_for_the_images(text: str, data: st.DataObject) -> None:
    before = xlcfg.settings(text)
    lines = xlcfg.lines(before, "disk")
    chosen = {
        at: f"/n/{at}" for at in data.draw(st.sets(st.sampled_from(range(len(lines)))) if lines else st.just(set()))
    }
    after_text = rewrite.with_images(text, "web01.cfg", chosen)
    after = xlcfg.settings(after_text)
    assert {**after, "disk": 0} == {**before, "disk": 0}
    for at, (old, new) in enumerate(zip(lines, xlcfg.lines(after, "disk"), strict=True)):
        was, now = xlcfg.disk(old), xlcfg.disk(new)
        assert now.path == chosen.get(at, was.path)
        assert (now.vdev, now.access or "rw", now.is_cdrom) == (was.vdev, was.access or "rw", was.is_cdrom)
    # Line by line: each that has no chosen disk is the same, byte for byte.
    old_lines, new_lines = text.split("\n"), after_text.split("\n")
    assert len(old_lines) == len(new_lines)
    assert sum(old != new for old, new in zip(old_lines, new_lines, strict=True)) == len(chosen)
