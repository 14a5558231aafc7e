"""`images ...` on a site of two servers: this machine, and one that ssh, a stand-in, only pretends to reach."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from snow_ha_plugin.cli import images as images_verb
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import conversion
from snow_ha_plugin.operations.image_migration import copying
from snow_ha_plugin.operations.image_migration.plans import Plan
from snow_ha_plugin.system import imagefiles, lock
from snow_ha_plugin.system.imagefiles import Meter
from snow_ha_plugin.system.servers import Servers
from tests.unit.cli.conftest import Ended, Files
from tests.unit.system.test_kernel import image

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the verbs need root")

HERE = socket.gethostname().split(".")[0]
DATA = b"x" * 100_000 + bytes(900_000)

SSH = """#!/bin/sh
# The other server sees no volumes, and has no Python: so each question comes as a command, and not in a round.
while [ "$1" != -- ]; do shift; done
shift
case $* in python3*) exit 127 ;; esac
SERVER=snow02 exec sh -c "$(printf %s "$*" | sed 's,@/volumes,/not/here,g')"
"""
XL = """#!/bin/sh
[ "$1" != info ] || { echo 'total_memory : 4096'; echo 'nr_cpus : 4'; exit; }
[ "$2" != -l ] || { [ "$SERVER" = snow02 ] || cat '@/long'; exit; }
echo 'Name ID Mem VCPUs State Time(s)'
echo 'Domain-0 0 2048 2 r----- 1.0'
[ "$SERVER" = snow02 ] || cat '@/guests'
"""


@dataclass(frozen=True)
class Images:
    files: Files
    root: Path

    def run(self, *words: str) -> Ended:
        return self.files.run("images", *words)

    @property
    def file(self) -> Path:
        return self.root / "snow-tools/etc/domains/web01.cfg"


@pytest.fixture
def images(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Images:
    root = tmp_path / "sNow"
    etc, volumes = root / "snow-tools/etc", root / "volumes"
    for directory in (etc / "domains", volumes, root / "bin", root / "boot"):
        directory.mkdir(parents=True)
    (volumes / "web01-disk").write_bytes(DATA)
    for name, text in (("ssh", SSH), ("xl", XL)):
        (root / "bin" / name).write_text(text.replace("@", str(root)))
        (root / "bin" / name).chmod(0o755)
    # /sNow is a mount as far as the guide looks.
    (root / "bin/findmnt").write_text("#!/bin/sh\necho nfs4\n")
    (root / "bin/findmnt").chmod(0o755)
    (root / "guests").write_text("")
    (etc / "snow.conf").write_text(f"SNOW_NODES=( {HERE} snow02 )\nIMG_DST='lvm=snow_vg'\n")
    (etc / "snow.conf").chmod(0o600)
    rows = [f"{name} snow eth0 10.1.0.{n} xsnow0" for n, name in enumerate((HERE, "snow02"), start=1)]
    (etc / "domains.conf").write_text("\n".join([*rows, "web01 web eth0 10.1.0.9 xsnow0", ""]))
    (etc / "domains/web01.cfg").write_text(f"name = 'web01'\ndisk = [ 'phy:{volumes}/web01-disk,xvda,w' ]\n")
    monkeypatch.setenv("SNOW_ROOT", str(root))
    monkeypatch.setenv("PATH", f"{root}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(imagefiles, "LOCK", tmp_path / "run/images.lock")
    monkeypatch.setattr(lock, "PATH", str(tmp_path / "run/at-work"))
    return Images(Files(tmp_path, capsys, monkeypatch), root)


def test_status_is_a_table_and_what_is_wrong(images: Images) -> None:
    ended = images.run("status")
    head, row, finding, destination = ended.out.splitlines()
    assert head.split() == ["Domain", "Disk", "What", "Size", "Used", "Shared", "Fit", "Image"]
    assert row.split() == [
        "web01", "xvda", "file", "1.0", "MiB", "1.0", "MiB", "no", "no", f"{images.root}/volumes/web01-disk",
    ]  # fmt: skip
    assert finding.startswith("[E] the image of web01, ")
    assert f"is a file of {HERE} only; copy it to where all have it: snow-ha images migrate web01" in finding
    assert destination.endswith(f"snow.conf: IMG_DST='dir={images.root}'")
    assert ended.status == 78
    (found,) = images.run("status", "--json").json["images"]
    assert (found["servers"], found["size_bytes"], found["fit"]) == ([HERE], len(DATA), False)


def test_migrating_shows_what_it_would_do_and_does_it(images: Images) -> None:
    before = images.file.read_text()
    source, target = f"{images.root}/volumes/web01-disk", f"{images.root}/domains/web01/web01-disk"
    told = f"copy {source} to {target}, and have web01 use that\n"
    dry = images.run("migrate", "--dry-run")
    assert (dry.status, dry.out.splitlines(keepends=True)[0]) == (0, f"[I] would {told}")
    assert not Path(target).exists()
    ended = images.run("migrate")
    assert ended.status == 0
    assert "[*] Copying images ... OK" in ended.out
    assert f"[*] {told}" in ended.out
    assert Path(target).read_bytes() == DATA
    assert images.run("status").status == 0
    assert images.run("migrate").out == "[I] nothing to do: all servers share the images that they could\n"
    assert images.run("clean").out == "[I] nothing to do: no copy of a volume of this server is in use\n"
    assert images.run("rollback", "web01").status == 0
    assert images.file.read_text() == before


def test_another_place_can_be_chosen(images: Images) -> None:
    ended = images.run("migrate", "web01", "--to", str(images.root / "elsewhere"), "--json")
    assert ended.json["changes"][0]["target"] == f"{images.root}/volumes/web01-disk"
    assert (images.root / "elsewhere/web01/web01-disk").read_bytes() == DATA


@pytest.mark.parametrize("place", ["a b", "it's", 'say "so"', "back\\slash", "com,ma"])
def test_a_place_that_xl_could_misread_is_refused(images: Images, place: str) -> None:
    before = images.file.read_text()
    ended = images.run("migrate", "--to", str(images.root / place))
    assert (ended.status, ended.out) == (64, "")
    assert ended.err.count("\n") == 1
    assert images.file.read_text() == before
    assert not (images.root / place).exists()


def test_a_domain_that_runs_is_refused_and_the_others_are_migrated(images: Images) -> None:
    (images.root / "guests").write_text("web01 1 512 1 -b---- 1.0\n")
    text = images.file.read_text()
    images.file.with_name("web02.cfg").write_text(text.replace("'web01'", "'web02'"))
    with (images.root / "snow-tools/etc/domains.conf").open("a") as table:
        table.write("web02 web eth0 10.1.0.10 xsnow0\n")
    ended = images.run("migrate")
    assert ended.status == 107
    assert ended.err.startswith(
        f"[E] web01 runs on {HERE}; its image changes meanwhile; shut it down (snow shutdown web01)"
    )
    assert "have web02 use that" in ended.out
    assert "Copying images ... FAIL" in ended.out
    assert images.file.read_text() == text


def add_second(images: Images) -> None:
    text = images.file.read_text()
    images.file.with_name("web02.cfg").write_text(text.replace("web01", "web02"))
    (images.root / "volumes/web02-disk").write_bytes(DATA)
    with (images.root / "snow-tools/etc/domains.conf").open("a") as table:
        table.write("web02 web eth0 10.1.0.10 xsnow0\n")


@pytest.mark.parametrize("words", [("images", "migrate"), ("enable", "--without-fencing", "--yes")])
@pytest.mark.parametrize("first", [True, False])
def test_interrupted_it_tells_of_what_was_done_and_of_nothing_else(
    images: Images, monkeypatch: pytest.MonkeyPatch, first: bool, words: tuple[str, ...]
) -> None:
    add_second(images)
    real = copying.migrate

    def migrate(servers: Servers, todo: Plan, meter: Meter, space: copying.Space) -> list[Change]:
        if not first or todo.domain.name == "web02":
            raise KeyboardInterrupt
        return real(servers, todo, meter, space)

    monkeypatch.setattr(copying, "migrate", migrate)
    ended = images.files.run(*words)
    assert ended.status == 130
    assert ("[*] copy " in ended.out, "have web01 use that\n" in ended.out) == (first, first)
    assert "have web02 use that" not in ended.out
    assert "nothing to do" not in ended.out
    assert ("interrupted; the rest: not begun" in ended.err) == (words[0] == "images")


def test_an_error_beside_an_interruption_is_told(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    add_second(images)

    def migrate(servers: Servers, todo: Plan, meter: Meter, space: copying.Space) -> list[Change]:
        if todo.domain.name == "web01":
            raise UnavailableError("web01 has no room")
        raise KeyboardInterrupt

    monkeypatch.setattr(copying, "migrate", migrate)
    ended = images.run("migrate")
    assert "[E] web01 has no room\n" in ended.err
    assert "would" not in ended.out and "copy " not in ended.out


def test_rollback_of_what_was_not_migrated_is_one_line(images: Images) -> None:
    ended = images.run("rollback", "web01")
    assert (ended.status, ended.out) == (66, "")
    assert ended.err.startswith("[E] the images of web01 were not migrated; there is no ")


def test_a_domain_that_is_not_there_is_one_line(images: Images) -> None:
    assert images.run("migrate", "web99").status == 105


def enable(images: Images, *words: str) -> Ended:
    """Nothing of a cluster is there: it ends with that, after the images."""
    ended = images.files.run("enable", "--without-fencing", *words)
    assert ended.status
    return ended


def test_enable_lists_the_images_and_tells_what_copies_them(images: Images) -> None:
    before = images.file.read_text()
    ended = enable(images)
    source, target = f"{images.root}/volumes/web01-disk", f"{images.root}/domains/web01/web01-disk"
    assert f"\n  web01: {source}, 1.0 MiB, to {target}\n" in ended.out
    assert f"[I] to copy 1 images, 1.0 MiB, to {images.root}/domains: snow-ha images migrate, or" in ended.out
    assert "copy it to where all have it: snow-ha images migrate web01" in ended.err
    assert enable(images, "--yes", "--dry-run").out == ended.out
    assert images.file.read_text() == before


def test_enable_copies_the_images_once_that_is_agreed_to(images: Images) -> None:
    ended = enable(images, "--yes")
    assert "[*] Copying images ... OK" in ended.out
    assert Path(f"{images.root}/domains/web01/web01-disk").read_bytes() == DATA
    assert "the image of web01" not in ended.err
    assert "the image of web01" not in enable(images).err


def test_enable_copies_nothing_of_a_domain_that_runs(images: Images) -> None:
    before = images.file.read_text()
    (images.root / "guests").write_text("web01 1 512 1 -b---- 1.0\n")
    ended = enable(images, "--yes")
    assert f"  not now: web01 runs on {HERE}; its image changes meanwhile; shut it down" in ended.out
    assert "Copying" not in ended.out
    assert images.file.read_text() == before


def test_what_cannot_be_converted_is_one_line(images: Images) -> None:
    ended = images.run("convert", "web01")
    assert (ended.status, ended.out) == (78, "")
    assert ended.err == (
        f"[E] {images.file} cannot become that of a PVH guest; it names no kernel; mend that, or leave it as it is\n"
    )
    assert images.run("convert", "web01", "--try", "--back").status == 64
    assert images.run("convert", "web01", "--back").status == 66


def test_a_domain_is_converted_and_goes_back(images: Images) -> None:
    (images.root / "boot/vmlinuz").write_bytes(image("6.1.0-18-amd64 (x)"))
    before = images.file.read_text() + f"kernel = '{images.root}/boot/vmlinuz'\n"
    images.file.write_text(before)
    assert images.run("convert", "web01", "--dry-run").out.startswith("[I] would have web01 start as a PVH guest")
    assert images.file.read_text() == before
    assert images.run("convert", "web01").out == '[*] have web01 start as a PVH guest (type = "pvh")\n'
    assert images.run("convert", "web01").out == "[I] nothing to do: web01 is a PVH guest already\n"
    assert images.run("convert", "web01", "--back", "--json").json["changes"][0]["target"] == "web01"
    assert images.file.read_text() == before


def test_a_file_that_was_changed_under_a_running_domain_is_told(images: Images) -> None:
    images.file.write_text(images.file.read_text() + 'type = "pvh"\n')
    (images.root / "guests").write_text("web01 1 512 1 -b---- 1.0\n")
    (images.root / "long").write_text('[{"domid": 1, "config": {"c_info": {"type": "pv", "name": "web01"}}}]')
    assert images.run("convert", "web01").out == (
        "[I] nothing to do: the file of web01 is that of a PVH guest already; it runs para-virtualised on"
        f" {HERE} until its next start: snow shutdown web01, snow boot web01, snow ha sync\n"
    )
    found = images.run("status", "--json").json["findings"]
    assert [each["subject"] for each in found if each["id"] == "runs-otherwise"] == ["web01"]
    (images.root / "long").write_text('[{"domid": 1, "config": {"c_info": {"type": "pvh", "name": "web01"}}}]')
    assert images.run("convert", "web01").out == "[I] nothing to do: web01 is a PVH guest already\n"
    assert "runs-otherwise" not in images.run("status", "--json").out


def test_progress_has_bytes_rate_and_the_time_left() -> None:
    shown: list[str] = []
    meter = Meter()
    meter.total = 3 * 2**30
    images_verb._show(meter, shown.append, 1.0)
    meter.passed(2**30)
    images_verb._show(meter, shown.append, 4.0)
    meter.passed(3 * 2**30)
    images_verb._show(meter, shown.append, 12.0)
    assert shown == [
        "read, copied and read again 0.0 MiB of 3.0 GiB, 0.0 MiB/s",
        "read, copied and read again 1.0 GiB of 3.0 GiB, 256.0 MiB/s, 8 s left",
        "read, copied and read again 3.0 GiB of 3.0 GiB, 256.0 MiB/s, 0 s left",
    ]


def test_a_domain_whose_root_is_on_nfs_is_fine(images: Images) -> None:
    conf = images.root / "snow-tools/etc/snow.conf"
    conf.write_text(f"SNOW_NODES=( {HERE} snow02 )\nIMG_DST='nfs=nfs01:/srv/domains'\n")
    images.file.write_text("name = 'web01'\nextra = 'root=/dev/nfs nfsroot=10.1.0.8:/srv/web01'\n")
    ended = images.run("status", "--json")
    assert (ended.status, ended.json) == (0, {"images": [], "findings": []})
    assert images.run("migrate").out == "[I] nothing to do: all servers share the images that they could\n"


@pytest.mark.parametrize(
    "text",
    [
        "# the one of web01\r\nname = 'web01'\ndisk = [ 'phy:{0},xvda,w' ] #\r\n# end\r\n",
        'name="web01";disk=["phy:{0},xvda,w"]',
        "name = 'web01'\ndisk = [\n  # the system\n  'phy:{0},xvda,w',\n\n ] # of web01\nvif = [ 'bridge=x' ]\n",
        "disk = [ 'phy:/not/this,a,w' ]\nname = 'web01'\ndisk = []\ndisk += [ 'vdev=xvda, access=rw, target={0}' ]",
        "name = 'web01'\ndisk = [ 'phy:{0},xvda,w' ]\non_crash = 'disk = [ \\'phy:a,b,c\\' ]'\n",
    ],
)
def test_whatever_a_domain_file_looks_like_all_but_its_disk_stays_as_it_is(images: Images, text: str) -> None:
    source, target = f"{images.root}/volumes/web01-disk", f"{images.root}/domains/web01/web01-disk"
    before = text.format(source).encode()
    images.file.write_bytes(before)
    assert images.run("migrate").status == 0
    after = images.file.read_bytes()
    old, new = before.split(source.encode()), after.split(target.encode())
    # Up to the quote of the disk's line, and from its end on.
    line = next(quote for quote in (b"'", b'"') if old[0].rpartition(b"\n")[2].count(quote) % 2)
    assert new[0].rpartition(line)[0] == old[0].rpartition(line)[0]
    assert new[1].partition(line)[2] == old[1].partition(line)[2]
    assert images.run("rollback", "web01").status == 0
    assert images.file.read_bytes() == before


def test_a_file_that_xl_refuses_for_its_line_ends_is_told_and_left(images: Images) -> None:
    before = b"name = 'web01'\r\ndisk = [ 'phy:/volumes/web01-disk,xvda,w' ]\r\n"
    images.file.write_bytes(before)
    for words in ((), ("web01",)):
        ended = images.run("migrate", *words)
        assert ended.status == 65
        assert f"[E] {images.file}: line 1" in ended.err
    assert images.file.read_bytes() == before


def test_a_file_that_needs_nothing_may_be_news_to_the_cluster(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    images.file.write_text(images.file.read_text() + 'type = "pvh"\n')
    live = Change("live", "web01", "let web01 migrate live")
    monkeypatch.setattr(conversion, "tell_cluster", lambda servers, domain, rate: [live])
    assert "would let" not in images.run("convert", "web01", "--dry-run").out
    assert images.run("convert", "web01").out == "[*] let web01 migrate live\n"


def test_a_file_on_nfs_that_xl_reads_through_the_cache_is_told(images: Images) -> None:
    (images.root / "bin/stat").write_text(
        '#!/bin/sh\ncase $* in *--file-system*) echo 1 nfs ;; *) exec /usr/bin/stat "$@" ;; esac\n'
    )
    (images.root / "bin/stat").chmod(0o755)
    (images.root / "web01.img").write_bytes(DATA)
    for line, told in (
        (f"file:{images.root}/web01.img,xvda,w", True),
        (f"direct-io-safe,{images.root}/web01.img,,a,w", True),
        (f"script=block-snow,file:{images.root}/web01.img,xvda,w", False),
    ):
        images.file.write_text(f"name = 'web01'\ndisk = [ '{line}' ]\n")
        ended = images.run("status", "--json")
        assert ended.status == 0
        assert [each["id"] for each in ended.json["findings"]] == (["image-buffered"] if told else [])


def test_a_disk_that_no_qemu_can_open_is_not_fit(images: Images) -> None:
    (images.root / "web01.img").write_bytes(DATA)
    (images.root / "bin/ldd").write_text("#!/bin/sh\necho libc.so.6\n")
    (images.root / "bin/ldd").chmod(0o755)
    line = f"direct-io-safe,backendtype=qdisk,vdev=xvda,target={images.root}/web01.img"
    images.file.write_text(f"name = 'web01'\ndisk = [ '{line}' ]\n")
    ended = images.run("status", "--json")
    assert [each["id"] for each in ended.json["findings"]] == ["image-not-served"]
    assert (ended.status, ended.json["images"][0]["fit"]) == (78, False)
