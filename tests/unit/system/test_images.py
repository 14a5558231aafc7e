"""What servers see: the script runs for real, with stand-ins for the programs of hardware that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from snow_ha_plugin.core.images.kinds import AIO, Kind, Look
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import Disk, Domain
from snow_ha_plugin.system import images
from snow_ha_plugin.system.servers import LeftOut
from tests.unit.conftest import Machines


def with_disks(*paths: str, drbd: str = "") -> Domain:
    disks = [Disk("xvda", path, path) for path in paths] + ([Disk("xvdb", drbd, "", drbd)] if drbd else [])
    return Domain("web01", "/d/web01.cfg", 512, 1, tuple(disks), boot=("/sNow/boot/vmlinuz",))


def test_each_server_tells_of_all_images_in_one_go(machines: Machines) -> None:
    for server in machines.names:
        machines.file(server, "/sNow/boot/vmlinuz").write_text("kernel")
    machines.file("snow01", "/sNow/a b.img").write_bytes(b"x" * 5000)
    looks, silent = images.look(machines, [with_disks("/sNow/a b.img", "/dev/no_vg/web01")])
    assert silent == {}
    here, there = looks["snow01"], looks["snow02"]
    assert (here["/sNow/a b.img"].kind, here["/sNow/a b.img"].size) == (Kind.FILE, 5000)
    assert here["/sNow/a b.img"].readable
    assert there["/sNow/a b.img"] == here["/dev/no_vg/web01"] == Look(Kind.NOTHING)
    assert there["/sNow/boot/vmlinuz"].readable
    assert here["/sNow/boot/vmlinuz"].identity != there["/sNow/boot/vmlinuz"].identity
    assert [server for server, argv in machines.calls if images._LOOK in argv] == ["snow01", "snow02"]
    assert {server for server, argv in machines.calls if images._LOOK not in argv} == {"snow01"}


def test_a_link_is_what_it_leads_to(machines: Machines) -> None:
    for server in machines.names:
        machines.file(server, "/sNow/web01.img").symlink_to(machines.file("snow01", "/sNow/shared.img"))
    machines.file("snow01", "/sNow/shared.img").write_bytes(b"x")
    looks, _ = images.look(machines, [with_disks("/sNow/web01.img")])
    one, other = (looks[server]["/sNow/web01.img"] for server in machines.names)
    assert one.kind == Kind.FILE
    # The folder that it is named in is part of what tells it.
    assert one.identity.split()[1] == other.identity.split()[1]


DUMP = """cat <<END
# resource r0 on snow01: not ignored, not stacked
# defined at /etc/drbd.d/r0.res:1
resource r0 {{
    net {{
        protocol C;
        {two}
    }}
}}
END"""


@pytest.mark.parametrize(
    ("two", "migrates"), [("allow-two-primaries yes;", True), ("allow-two-primaries;", True), ("timeout 60;", False)]
)
def test_a_drbd_resource_tells_its_name_and_whether_it_migrates(machines: Machines, two: str, migrates: bool) -> None:
    machines.stand_in("drbdadm", DUMP.format(two=two))
    looks, _ = images.look(machines, [with_disks(drbd="r0")])
    assert looks["snow02"]["drbd:r0"] == Look(Kind.DRBD, 0, 0, True, "r0", migrates=migrates)
    assert "snow01 drbdadm dump r0" in machines.log()


def test_a_drbd_resource_that_a_server_lacks_is_missing_there(machines: Machines) -> None:
    machines.stand_in("drbdadm", "exit 10")
    looks, _ = images.look(machines, [with_disks(drbd="r0")])
    assert looks["snow01"]["drbd:r0"] == Look(Kind.NOTHING)


def test_a_server_that_does_not_answer_is_told_apart(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    real = machines.run

    def run(server, argv, **options):  # type: ignore[no-untyped-def]
        if server == "snow02":
            raise UnavailableError("snow02 cannot be reached")
        return real(server, argv, **options)

    monkeypatch.setattr(machines, "run", run)
    looks, silent = images.look(machines, [with_disks("/sNow/web01.img")])
    assert (list(looks), list(silent)) == (["snow01"], ["snow02"])


def test_of_a_server_that_was_left_out_nothing_more_is_said() -> None:
    images.refuse_silent({"snow01": LeftOut("snow01 is not asked any more")})
    with pytest.raises(UnavailableError, match="snow02 does not answer"):
        images.refuse_silent({"snow01": LeftOut("not asked"), "snow02": UnavailableError("snow02 does not answer")})


def test_nobody_is_asked_where_there_is_nothing_to_ask(machines: Machines) -> None:
    looks, _ = images.look(machines, [Domain("web01", "/d/web01.cfg", 512, 1)])
    assert looks == {"snow01": {}, "snow02": {}}
    assert machines.calls == []


def test_a_volumes_line_is_read_whole() -> None:
    tree = '{ "blockdevices": [ {"name":"vg-web01", "children": [ {"name":"sda", "wwn":"0x5 0"} ]} ]}'
    found = images.parse(f"device 1048576 yes LVM-1 - yes {tree}")
    assert found == Look(Kind.DEVICE, 1048576, 1048576, True, "0x5 0 LVM-1", is_written=True)
    unknown = images.parse("device 1048576 no - - no ")
    assert (unknown.identity, unknown.is_written) == ("", False)


@pytest.mark.parametrize(
    ("file_system", "place"), [("ext2/ext3", "f1"), ("nfs", ""), ("fuseblk", ""), ("UNKNOWN (0x7)", "")]
)
def test_only_a_file_of_a_servers_own_file_system_has_a_place(file_system: str, place: str) -> None:
    found = images.parse(f"file yes 7 - 9 4096 2 f1 {file_system}")
    assert (found.place, found.is_nfs) == (place, file_system == "nfs")


def test_the_script_is_one_that_bash_reads(tmp_path: Path, machines: Machines) -> None:
    assert machines.run("snow01", ["bash", "-n", "-c", images._LOOK]).ok


@pytest.mark.parametrize(
    ("uuid", "state", "listing", "writes"),
    [
        ("LVM-a", "L--w:1", "", True),
        ("LVM-a", "L--w   12", "", True),
        ("LVM-a", "L--w:0", "", False),
        ("LVM-a", "L--r:2", "", False),
        ("LVM-a", "", "", False),
        # Its partitions have it open on each server.
        ("mpath-35", "L--w:1", "", False),
        # Half a domain is on this server: it may have it open on the other one as well.
        ("LVM-a", "L--w:1", "web01--incoming  7 512 1 --p--- 0.0", False),
        ("LVM-a", "L--w:1", "web01--migratedaway  7 512 1 ---ss- 0.0", False),
    ],
)
def test_a_volume_that_is_open_is_one_that_is_written(
    machines: Machines, uuid: str, state: str, listing: str, writes: bool
) -> None:
    machines.stand_in("dmsetup", f"echo '{state}'")
    machines.stand_in("xl", f"echo '{listing}'")
    asked = machines.run("snow01", ["sh", "-c", images._WRITING + 'writing "$@"', "sh", "253:4", uuid])
    assert asked.ok == writes
    assert [line for line in machines.log() if "dmsetup" in line] == (
        ["snow01 dmsetup info --columns --noheadings --options attr,open -j 253 -m 4"] if uuid == "LVM-a" else []
    )


@pytest.mark.parametrize("linked", ["libaio.so.1 => /lib/libaio.so.1", "libc.so.6 => /lib/libc.so.6"])
def test_each_servers_qemu_is_asked_whether_it_can_write_directly(machines: Machines, linked: str) -> None:
    machines.stand_in("ldd", f"echo '{linked}'")
    disk = Disk("xvda", "/sNow/a.img", "/sNow/a.img", wants_aio=True)
    looks, _ = images.look(machines, [Domain("web01", "/d/web01.cfg", 512, 1, (disk,))])
    assert [seen[AIO].readable for seen in looks.values()] == ["libaio" in linked] * 2
    machines.look_anew()
    looks, _ = images.look(machines, [with_disks("/sNow/a.img")])
    assert AIO not in looks["snow01"]
