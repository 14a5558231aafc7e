from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import (
    ConfigurationError,
    DataError,
    NoInputError,
    NoSuchObjectError,
    SnowHaError,
    UsageError,
)
from snow_ha_plugin.model import DomainFile, Server
from snow_ha_plugin.system import snowtools

HOOK_IS_IN = snowtools.hook_is_in

DOMAINS_CONF = """
#hostname role nic0 ip0 bridge0 mac0 mask0 gw0 nic1 ...
snow01 snow eth0 10.1.0.1 xsnow0 none 255.255.0.0 10.1.0.254 eth1 10.9.0.1 x1 none 255.255.0.0 none
snow02   snow   eth0   10.1.0.2 xsnow0 none 255.255.0.0 10.1.0.254 none none none none none none
  # deploy02 deploy eth0 10.1.0.9
deploy01 deploy eth0 10.1.0.10 xsnow0 76:fd:31:9e:b2:a2 255.255.0.0 10.1.0.254 none
proxy01\tproxy,nis eth0 10.1.0.11
alone
"""


def domains_conf(directory: Path, text: str = DOMAINS_CONF) -> Path:
    path = directory / "domains.conf"
    path.write_text(text)
    return path


def test_the_rows_of_servers_are_no_domains(tmp_path: Path) -> None:
    assert snowtools.domain_names(domains_conf(tmp_path)) == ("deploy01", "proxy01", "alone")


def test_a_server_has_an_address_for_each_network_it_is_in(tmp_path: Path) -> None:
    assert snowtools.servers(["snow02", "snow01"], domains_conf(tmp_path)) == (
        Server("snow02", ("10.1.0.2",)),
        Server("snow01", ("10.1.0.1", "10.9.0.1")),
    )


@pytest.mark.parametrize(("name", "why"), [("localhost", "could not reach it"), ("no-such-host.invalid", "no address")])
def test_a_server_without_a_usable_address_is_told(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        snowtools.servers([name], domains_conf(tmp_path))


def test_a_domains_conf_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="there is no"):
        snowtools.domain_names(tmp_path / "none")
    with pytest.raises(NoInputError, match="cannot be read"):
        snowtools.domain_names(tmp_path)


def domain_file(directory: Path, name: str = "web01", text: str | None = None) -> Path:
    path = directory / f"{name}.cfg"
    path.write_text(f"name = '{name}'\nmemory = '512'\n" if text is None else text)
    return path


def test_a_domain_is_read_from_the_file_of_its_name(tmp_path: Path) -> None:
    path = domain_file(tmp_path)
    found = snowtools.read_domain(tmp_path, "web01")
    assert (found.name, found.memory_mib, found.config_path) == ("web01", 512, str(path))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("none", NoSuchObjectError),
        ("a b", UsageError),
        ("a'b", UsageError),
        ('a"b', UsageError),
        ("a;b", UsageError),
        ("$(id)", UsageError),
        ("../web01", UsageError),
        ("/etc/passwd", UsageError),
        ("", UsageError),
        ("a\nb", UsageError),
        ("a" * 300, NoInputError),
        ("adirectory", NoInputError),
        ("binary", DataError),
        ("broken", DataError),
    ],
)
def test_a_name_or_a_file_that_will_not_do_is_one_clear_line(
    tmp_path: Path, name: str, kind: type[SnowHaError]
) -> None:
    (tmp_path / "adirectory.cfg").mkdir()
    (tmp_path / "binary.cfg").write_bytes(b"\xff\xfe\x00")
    domain_file(tmp_path, "broken", "name = ")
    with pytest.raises(kind) as caught:
        snowtools.read_domain(tmp_path, name)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_domains_without_a_file_are_left_out_and_broken_ones_told(tmp_path: Path) -> None:
    domain_file(tmp_path)
    domain_file(tmp_path, "broken", "name = ")
    domains, errors = snowtools.read_domains(tmp_path, ["broken", "none", "web01"])
    assert [domain.name for domain in domains] == ["web01"]
    assert ["broken.cfg" in str(error) for error in errors] == [True]


def test_the_files_of_a_directory_are_its_domains(tmp_path: Path) -> None:
    for name in ("b", "a"):
        domain_file(tmp_path, name)
    (tmp_path / "notes.txt").touch()
    assert snowtools.names_in(tmp_path) == ("a", "b")
    with pytest.raises(NoInputError, match="--domains-dir"):
        snowtools.names_in(tmp_path / "none")


def test_the_layout_of_1_1_is_below_snow_root(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SNOW_")]:
        monkeypatch.delenv(name)
    found = snowtools.layout()
    assert (str(found.root), str(found.conf)) == ("/sNow", "/sNow/snow-tools/etc/snow.conf")
    assert str(found.domains_dir) == "/sNow/snow-tools/etc/domains"
    assert str(found.hooks_dir) == "/sNow/snow-tools/share/hooks.d"


def test_the_layout_of_2_0_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROOT", "ETC", "SRV", "LIB"):
        monkeypatch.setenv(f"SNOW_{name}", f"/{name.lower()}")
    found = snowtools.layout()
    assert (str(found.conf), str(found.domains_conf)) == ("/etc/snow.conf", "/etc/domains.conf")
    assert (str(found.domains_dir), str(found.hooks_dir)) == ("/srv/domains", "/lib/hooks.d")


def test_a_domain_file_is_the_one_behind_all_links_and_says_what_xl_reads(tmp_path: Path) -> None:
    file, link = tmp_path / "web01.cfg", tmp_path / "link"
    file.write_bytes(b"# caf\xe9\nname = 'web'\nname += '01'\nuuid = 'AB-12'\n")
    link.symlink_to("web01.cfg")
    assert snowtools.domain_file(str(link)) == DomainFile(str(file), "web01", "ab-12")


@pytest.mark.parametrize("text", [None, "name = web01\n", "name = 'web01\r\n"])
def test_a_domain_file_that_cannot_be_read_says_nothing(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "web01.cfg"
    if text is not None:
        file.write_text(text)
    assert snowtools.domain_file(str(file)) == DomainFile(str(file))


@pytest.mark.parametrize("text", ["memory = 512\n", "name = []\n"])
def test_a_domain_file_may_have_no_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "web01.cfg"
    file.write_text(text)
    assert snowtools.domain_file(str(file)) == DomainFile(str(file), "")


def test_a_domain_file_with_any_bytes_is_read(tmp_path: Path) -> None:
    (tmp_path / "web01.cfg").write_bytes(b"# caf\xe9\nname = 'web01'\ndisk = [ '/caf\xe9.img,raw,xvda' ]\n")
    (disk,) = snowtools.read_domain(tmp_path, "web01").disks
    assert os.fsencode(disk.path) == b"/caf\xe9.img"


def test_the_address_of_a_domain_is_that_of_its_first_interface(tmp_path: Path) -> None:
    path = tmp_path / "domains.conf"
    path.write_text("web01 web eth0 10.1.0.9 xsnow0\nweb02 web eth0 dhcp xsnow0\nweb03\n")
    assert [snowtools.address_of(path, name) for name in ("web01", "web02", "web03", "web04")] == [
        "10.1.0.9",
        "",
        "",
        "",
    ]


def test_a_name_without_an_address_is_told_in_words(tmp_path: Path, mocker: MockerFixture) -> None:
    (tmp_path / "domains.conf").write_text("")
    failed = socket.gaierror(-3, "Temporary failure in name resolution")
    mocker.patch.object(socket, "getaddrinfo", side_effect=failed)
    with pytest.raises(ConfigurationError) as caught:
        snowtools.servers(["snow03"], tmp_path / "domains.conf")
    assert str(caught.value).startswith("snow03 has no address; Temporary failure in name resolution; ")


def test_a_servers_name_is_looked_up_where_domains_conf_has_no_address(tmp_path: Path, mocker: MockerFixture) -> None:
    found = [(socket.AF_INET, None, 0, "", ("10.1.0.3", 0)), (socket.AF_INET, None, 0, "", ("10.9.0.3", 0))]
    asked = mocker.patch.object(socket, "getaddrinfo", return_value=found)
    path = domains_conf(tmp_path, "snow03 snow eth0\nsnow04 snow eth0 dhcp\nsnow05 web eth0 10.1.0.5\n")
    for name in ("snow03", "snow04", "snow05", "snow06"):
        assert snowtools.servers([name], path) == (Server(name, ("10.1.0.3",)),)
    # corosync's addresses are of IPv4 (sNow! has no other).
    assert asked.call_args.args == ("snow06", None, socket.AF_INET)


def test_an_address_in_the_last_column_of_a_row_counts(tmp_path: Path) -> None:
    one, two = "snow01 snow eth0 10.1.0.1", "snow02 snow eth0 10.1.0.2 a b c d eth1 10.9.0.2"
    path = domains_conf(tmp_path, f"{one}\n{two}\nweb01 web eth0 10.1.0.9\n")
    assert snowtools.servers(["snow01", "snow02"], path) == (
        Server("snow01", ("10.1.0.1",)),
        Server("snow02", ("10.1.0.2", "10.9.0.2")),
    )
    assert snowtools.address_of(path, "web01") == "10.1.0.9"


def test_the_roles_of_a_domain_are_parted_by_commas(tmp_path: Path) -> None:
    assert snowtools.roles(domains_conf(tmp_path)) == {"deploy01": ("deploy",), "proxy01": ("proxy", "nis")}


@pytest.mark.parametrize(
    ("identities", "found"),
    [
        (["deploy01"], ("deploy01",)),
        (["10.1.0.2"], ("snow02",)),
        (["10.9.0.1"], ("snow01",)),
        (["10.1.0.11", "alone"], ("proxy01", "alone")),
        # Neither a role nor a gateway is what somebody is known by.
        (["snow", "10.1.0.254", "deploy02", "none2"], ()),
    ],
)
def test_a_row_is_found_by_its_name_or_one_of_its_addresses(
    tmp_path: Path, identities: list[str], found: tuple[str, ...]
) -> None:
    assert snowtools.rows_of(domains_conf(tmp_path), identities) == found


def test_any_bytes_may_be_in_a_comment_of_domains_conf(tmp_path: Path) -> None:
    (tmp_path / "domains.conf").write_bytes(b"# caf\xe9\nweb01 web\n")
    assert snowtools.domain_names(tmp_path / "domains.conf") == ("web01",)


def test_a_name_that_is_nearly_one_is_told(tmp_path: Path) -> None:
    domain_file(tmp_path)
    for name, remedy in (("web02", "did you mean web01"), ("flexlm", "deploy it: snow deploy flexlm")):
        with pytest.raises(NoSuchObjectError, match=f"there is no domain {name}") as caught:
            snowtools.read_domain(tmp_path, name)
        assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("given", "domains_dir", "hooks_dir"),
    [
        ({"ETC": "/etc/snow"}, "/etc/snow/domains", "/sNow/lib/hooks.d"),
        ({"ETC": "/etc/snow", "ROOT": "/opt"}, "/etc/snow/domains", "/opt/lib/hooks.d"),
        ({"ETC": "/etc/snow", "SRV": "/srv"}, "/srv/domains", "/sNow/lib/hooks.d"),
        ({"ROOT": "/opt", "SRV": "/srv"}, "/opt/snow-tools/etc/domains", "/opt/snow-tools/share/hooks.d"),
    ],
)
def test_what_the_environment_does_not_say_is_below_what_it_says(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], domains_dir: str, hooks_dir: str
) -> None:
    for name in ("ROOT", "ETC", "SRV", "LIB"):
        monkeypatch.delenv(f"SNOW_{name}", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(f"SNOW_{name}", value)
    found = snowtools.layout()
    assert (str(found.domains_dir), str(found.hooks_dir)) == (domains_dir, hooks_dir)
    assert found.domains_conf == found.conf.parent / "domains.conf"


def test_snow_knows_of_us_where_the_hook_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOW_ETC", raising=False)
    monkeypatch.setenv("SNOW_ROOT", str(tmp_path))
    assert not HOOK_IS_IN()
    hooks = tmp_path / "snow-tools/share/hooks.d"
    hooks.mkdir(parents=True)
    # As the package has it.
    hook = next((Path(__file__).parents[3] / "hooks").glob("*.sh"))
    (hooks / hook.name).touch()
    assert HOOK_IS_IN()


def test_a_file_server_that_hangs_does_not_keep_us_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    back = threading.Event()
    monkeypatch.setattr(snowtools, "HOOK_WITHIN_S", 0.01)

    def layout() -> snowtools.Layout:
        back.wait(60)
        raise OSError

    monkeypatch.setattr(snowtools, "layout", layout)
    looking = set(threading.enumerate())
    assert not HOOK_IS_IN()
    (look,) = set(threading.enumerate()) - looking
    # Nor our end.
    assert look.daemon
    back.set()
    look.join(60)
