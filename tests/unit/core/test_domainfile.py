from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from snow_ha_plugin.core import domainfile
from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import Disk, Domain
from tests.captures import capture

XEN_TOOLS = capture("xen-tools-standin-proxy01.cfg").decode()


def paths(domain: Domain) -> list[str]:
    return [disk.path for disk in domain.disks]


def size(*lines: str) -> tuple[int, int]:
    domain = domainfile.domain_from("\n".join(("name = 'a'", *lines)), "a", "a.cfg")
    return domain.memory_mib, domain.vcpus


def test_a_file_of_xen_tools_is_read_whole() -> None:
    domain = domainfile.domain_from(XEN_TOOLS, "proxy01", "/d/proxy01.cfg")
    assert (domain.name, domain.config_path, domain.memory_mib, domain.vcpus) == ("proxy01", "/d/proxy01.cfg", 1024, 1)
    assert paths(domain) == ["/sNow/domains/proxy01/disk.img", "/sNow/domains/proxy01/swap.img"]
    assert domain.boot == ("/sNow/boot/vmlinuz", "/sNow/boot/initrd.img")


def test_what_xl_would_not_read_is_refused_with_its_line() -> None:
    with pytest.raises(DataError, match=r"web\.cfg: line 2: .*; mend the domain file") as caught:
        domainfile.domain_from("name = 'web'\nmemory = 1.5\n", "web", "web.cfg")
    assert caught.value.exit_code == 65


@given(st.text())
@example("memory = '" + "9" * 5000 + "'")
@example("name = 'a'\nmemory = '-1'")
@example("name = 'a'\nvcpus = '0x" + "f" * 5000 + "'")
def test_any_text_is_a_domain_or_a_clear_error(text: str) -> None:
    try:
        domainfile.domain_from(text, "a", "a.cfg")
    except DataError as error:
        assert str(error).startswith("a.cfg: ")
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], (128, 1)),
        (["memory = 512", "vcpus = 2"], (512, 2)),
        (["memory = '512'", "vcpus = '2'"], (512, 2)),
        (["memory = '0x200'"], (512, 1)),
        (["memory = 01000"], (512, 1)),
        (["memory = ' +512'"], (512, 1)),
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
        "memory = 'much'", "memory = ''", "memory = '-5'", "memory = 08", "memory = 12ab", "memory = '1_000'",
        "memory = ' 12 '", "memory = '1e3'", "memory = 2147483648", "memory = ['512']", "vcpus = 'two'", "maxmem = '²'",
        "memory = '5" + "0" * 5000 + "'",
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
        ("name = 5", "names the domain '5'"),
        ("name = 'a'; name = 'b'", "names the domain 'b'"),
        ("name = ['a']", "names the domain"),
    ],
)
def test_the_file_must_name_its_own_domain(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        domainfile.domain_from(text, "a", "a.cfg")


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
        ("phy:snow_vg/a-disk,xvda2,w", "/dev/snow_vg/a-disk"),
    ],
)
def test_both_forms_of_a_disk_line_tell_its_image(disk: str, target: str) -> None:
    domain = domainfile.domain_from(f"name = 'a'\ndisk = [ '{disk}' ]", "a", "a.cfg")
    assert paths(domain) == [target]


def test_the_images_of_a_file_that_adds_them_are_all_there() -> None:
    text = "name = 'a'\ndisk = [ '/a.img,raw,xvda' ]\ndisk += [ 'phy:vg/swap,xvdb', 'drbd:a,xvdc' ]\n"
    file, volume, resource = domainfile.domain_from(text, "a", "a.cfg").disks
    assert (file.path, volume.path) == ("/a.img", "/dev/vg/swap")
    assert resource == Disk("xvdc", "a", "", drbd="a")


@pytest.mark.parametrize("line", ["script=block-drbd,vdev=xvda,target=a", "script=/etc/xen/scripts/block-drbd,a,,xvda"])
def test_a_drbd_resource_is_one_by_its_script(line: str) -> None:
    (disk,) = domainfile.domain_from(f"name = 'a'\ndisk = [ '{line}' ]", "a", "a.cfg").disks
    assert disk.drbd == "a"


def test_a_disk_that_qemu_may_write_directly_is_one_whose_line_says_so() -> None:
    lines = (
        "'script=block-snow,file:/a.img,xvda,w', 'direct-io-safe,file:/b.img,xvdb,w', 'file:/c.img,xvdc,w',"
        " 'direct-io-safe,backendtype=qdisk,vdev=xvdd,target=/d.img', 'direct-io-safe,qcow2:/e.img,xvde,w'"
    )
    disks = domainfile.domain_from(f"name = 'a'\ndisk = [ {lines} ]", "a", "a.cfg").disks
    assert [(disk.path, disk.is_direct, disk.wants_aio, disk.is_raw) for disk in disks] == [
        ("/a.img", True, False, True),
        # xl makes a loop device of it all the same.
        ("/b.img", False, False, True),
        ("/c.img", False, False, True),
        ("/d.img", True, True, True),
        ("/e.img", True, True, False),
    ]


def test_a_disk_that_is_only_read_is_told() -> None:
    text = "name = 'a'\ndisk = [ '/a.img,,xvda,r', '/b.img,,xvdb,rw', 'vdev=xvdc,access=ro,target=/c', '/d,,xvdd' ]"
    disks = domainfile.domain_from(text, "a", "a.cfg").disks
    assert [disk.is_read_only for disk in disks] == [True, False, True, False]


def test_an_empty_drive_is_no_image() -> None:
    assert domainfile.domain_from("name = 'a'\ndisk = [ ',empty,hdc:cdrom,r' ]", "a", "a.cfg").disks == ()


def test_a_kernel_that_xl_finds_by_itself_is_not_looked_for() -> None:
    text = "name = 'a'\nkernel = 'pvgrub.gz'\nramdisk = '/boot/initrd'"
    assert domainfile.domain_from(text, "a", "a.cfg").boot == ("/boot/initrd",)


def test_a_disk_that_xl_would_not_take_is_refused() -> None:
    with pytest.raises(DataError, match=r"a\.cfg: the disk '/a\.img,zip,xvda': 'zip' is no format"):
        domainfile.domain_from("name = 'a'\ndisk = [ '/a.img,zip,xvda' ]", "a", "a.cfg")


@pytest.mark.parametrize(
    ("line", "uuid"),
    [
        ("", ""),
        ("uuid = '9A5B1F6E-1C2D-4E3F-8A9B-0C1D2E3F4A5B'", "9a5b1f6e-1c2d-4e3f-8a9b-0c1d2e3f4a5b"),
        ("uuid = []", ""),
    ],
)
def test_a_domain_file_may_tell_the_uuid(line: str, uuid: str) -> None:
    assert domainfile.domain_from(f"name = 'a'\n{line}", "a", "a.cfg").uuid == uuid


@pytest.mark.parametrize("disk", ["", "disk = []", "disk = 5", "disk = [ [], '/a.img,raw,xvda' ]"])
def test_a_domain_may_have_no_disk(disk: str) -> None:
    assert domainfile.domain_from(f"name = 'a'\n{disk}", "a", "a.cfg").disks == ()


@pytest.mark.parametrize("name", ["a", "web01", "web-01", "web_01.cluster", "A1"])
def test_host_names_are_names_of_domains(name: str) -> None:
    assert domainfile.DOMAIN_NAME.match(name)


@pytest.mark.parametrize(
    "name",
    ["", "1a", "-a", "a-", "a b", "a;b", "$(a)", "a'", 'a"', "a\n", "../a", "a/b", "a--incoming", ".a", "ä", "a\x00"],
)
def test_what_a_shell_or_a_path_could_misread_is_not(name: str) -> None:
    assert not domainfile.DOMAIN_NAME.match(name)


@pytest.mark.parametrize(
    ("vif", "bridges"),
    [
        ("'ip=10.0.0.1 ,mac=00:16:3e:00:00:01,bridge=xsnow0'", ("xsnow0",)),
        ("'bridge=xsnow0', 'mac=00:16:3e:00:00:02', 'bridge=xpub0 '", ("xsnow0", "xpub0")),
        ("'bridge=ovsbr0.10:20,script=vif-openvswitch'", ()),
        ("", ()),
    ],
)
def test_a_domain_is_on_the_bridges_of_its_interfaces(vif: str, bridges: tuple[str, ...]) -> None:
    assert domainfile.domain_from(f"name = 'a'\nvif = [ {vif} ]", "a", "a.cfg").bridges == bridges


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), True),
        (("type = 'pv'",), True),
        (("builder = 'generic'",), True),
        (("type = 'pvh'",), False),
        (("type = 'hvm'",), False),
        (("builder = 'hvm'",), False),
        (("pvh = 1",), False),
    ],
)
def test_a_guest_is_para_virtualised_unless_its_file_says_otherwise(lines: tuple[str, ...], expected: bool) -> None:
    assert domainfile.domain_from("\n".join(("name = 'a'", *lines)), "a", "a.cfg").is_pv is expected


def described(*lines: str) -> Domain:
    return domainfile.domain_from("\n".join(("name = 'a'", *lines)), "a", "/d/a.cfg")


def refusal(*lines: str) -> str:
    with pytest.raises(DataError) as caught:
        described(*lines)
    return str(caught.value)


def test_a_domain_is_all_that_its_file_says_of_it() -> None:
    found = described(
        "memory = 512", "maxmem = 1024", "vcpus = 2", "uuid = ' 9A5B '", "kernel = '/k'", "ramdisk = '/r'",
        "disk = [ 'phy:vg/a,xvda,r', '/b.img,raw,xvdb' ]", "vif = [ 'bridge=br0,ip=10.9.0.7' ]", "type = 'pvh'",
        'cpuid = [ "7,0:ebx=x", "1:ecx=0" ]',
    )  # fmt: skip
    volume, file = found.disks
    assert found == Domain(
        "a", "/d/a.cfg", 1024, 2, (volume, file), uuid="9a5b", boot=("/k", "/r"), bridges=("br0",), is_pv=False,
        addresses=("10.9.0.7",), cpuid=("7,0:ebx=x", "1:ecx=0"),
    )  # fmt: skip
    assert volume == Disk("xvda", "vg/a", "/dev/vg/a", is_raw=True, is_read_only=True)
    assert file == Disk("xvdb", "/b.img", "/b.img", is_raw=True)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0), ("2147483647", 2**31 - 1), ("010", 8), ("'0X1f'", 31), ("'+7'", 7), ("'-0'", 0), ("'\t7'", 7),
        ("'0'", 0), ("'00000000000000000017'", None), ("'0x00000000000000000'", None), ("2147483648", None),
        ("'-1'", None), ("'0x'", None), ("'7 '", None), ("'+ 7'", None), ("'٣'", None),
    ],
)  # fmt: skip
def test_a_number_is_read_as_xl_reads_it(value: str, number: int | None) -> None:
    """strtol(3), and no more than Pacemaker can count."""
    if number is None:
        assert "is not a whole number from 0 to 2147483647" in refusal(f"vcpus = {value}")
    else:
        assert described(f"vcpus = {value}").vcpus == number


def test_what_is_wrong_is_shown_in_short_with_what_to_do() -> None:
    assert refusal(f"memory = '{'5' * 90}'").startswith(f"/d/a.cfg: memory = '{'5' * 20}' is not")
    assert refusal(f"disk = [ '/{'a' * 200},zip,xvda' ]").startswith(f"/d/a.cfg: the disk '/{'a' * 79}': ")
    for lines in (("memory = 'x'",), ("disk = [ '/a,zip,xvda' ]",), ("= 5",)):
        assert "mend the domain file" in refusal(*lines)
    with pytest.raises(DataError, match="add the line: name = 'a'"):
        domainfile.domain_from("memory = 5", "a", "a.cfg")
    with pytest.raises(DataError, match="the file is that of 'a'; make the two the same"):
        domainfile.domain_from("name = 'b'", "a", "a.cfg")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("builder = 'linux'",), True),
        (("type = 'pv'", "builder = 'generic'", "pvh = 0"), True),
        (("type = 'pv'", "builder = 'hvm'"), False),
        (("type = 'hvm'", "builder = 'generic'"), False),
        (("type = 'pv'", "pvh = 1"), False),
    ],
)
def test_each_of_the_three_settings_can_make_it_another_guest(lines: tuple[str, ...], expected: bool) -> None:
    assert described(*lines).is_pv is expected


@pytest.mark.parametrize(
    ("line", "vdev", "drbd"),
    [
        ("script=block-drbd,vdev=xvda,target=a", "xvda", "a"),
        ("script=block-iscsi,vdev=xvda,target=a", "xvda", ""),
        ("script=/opt/block-drbd-own,vdev=xvdb,target=a", "xvdb", ""),
    ],
)
def test_what_another_script_makes_of_a_target_is_no_drbd_resource(line: str, vdev: str, drbd: str) -> None:
    (disk,) = described(f"disk = [ '{line}' ]").disks
    assert (disk.vdev, disk.target, disk.path, disk.drbd) == (vdev, "a", "", drbd)


@pytest.mark.parametrize("vif", ["'bridge='", "'mac=00:16:3e:00:00:01'", "'bridge=br0,script='"])
def test_an_interface_without_a_bridge_of_xl_s_own_is_on_none(vif: str) -> None:
    assert described(f"vif = [ {vif} ]").bridges == ()


def test_a_name_that_is_one_of_ours_is_none_of_a_domain() -> None:
    """Ids in the CIB that begin so are ours (core.cib.ids)."""
    assert not domainfile.DOMAIN_NAME.match("snow-ha-web01")
    assert domainfile.DOMAIN_NAME.match("snow-web01")
