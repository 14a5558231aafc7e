from __future__ import annotations

import logging
import os
import socket
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import settings
from snow_ha_plugin.core.settings import Setting
from snow_ha_plugin.errors import (
    ConfigurationError,
    DataError,
    NoInputError,
    NoSuchObjectError,
    PermissionDeniedError,
    SnowHaError,
    UsageError,
)
from snow_ha_plugin.model import DomainFile, Network, Server, SnowConf
from snow_ha_plugin.system import snowtools

NODES = "SNOW_NODES=( snow01 snow02 )\n"
SECRETS = "IPMI_USER=admin\nIPMI_PASSWORD=geheim\n"
SNOW_CONF = f"""
# Main sNow! configuration
{NODES}
DOMAIN=example.org
NET_SNOW=( 'xsnow0' '10.1.0.254' '10.1.0.1' '10.1.0.0' '/16' '' )
NET_COMP=(xcomp0 ${{NET_SNOW[1]}} 10.2.0.1 10.2.0.0 255.255.0.0 "-c.${{DOMAIN%.*}}")
{SECRETS}
"""


def conf(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / "snow.conf"
    path.write_text(text)
    path.chmod(mode)
    return path


def read(directory: Path, text: str) -> SnowConf:
    return snowtools.read_conf(conf(directory, text))


def test_what_bash_makes_of_the_file_is_what_we_see(tmp_path: Path) -> None:
    assert read(tmp_path, SNOW_CONF) == SnowConf(
        servers=("snow01", "snow02"),
        net_snow=Network("xsnow0", "10.1.0.254", 16),
        net_comp=Network("xcomp0", "10.1.0.254", 16),
        migration_mib_s=80,
        bmc_suffix="-mgmt",
    )


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        (NODES, ("snow01", "snow02")),
        ("", ()),
        ("SNOW_NODES=()\n", ()),
        ("SNOW_NODES=snow01\n", ("snow01",)),
        ("SNOW_NODES=( a b a )\n", ("a", "b")),
        ('for n in 1 2; do SNOW_NODES+=( "snow0$n" ); done\n', ("snow01", "snow02")),
        ("SNOW_NODES=( snow{01..03} )\n", ("snow01", "snow02", "snow03")),
        ('SNOW_NODES=( "a b" "c\nd" )\n', ("a b", "c\nd")),
        ("export SNOW_NODES=x; declare -a SNOW_NODES=( y )\n", ("y",)),
    ],
)
def test_arrays_in_every_form_that_bash_has(tmp_path: Path, text: str, servers: tuple[str, ...]) -> None:
    assert read(tmp_path, text).servers == servers


@pytest.mark.parametrize(
    "line",
    [
        "array=( a b )", "readonly array=9", "readonly variable=9", "variable=( NET_SNOW IPMI_PASSWORD )",
        "set -- IPMI_PASSWORD", "shift", "set -u", "set -o posix", "IFS=,", "unset NET_COMP; set -u",
        "printf() { echo geheim; }", "echo geheim", "echo geheim >&2", "exec >/dev/null", "read line; cat",
        "trap 'echo geheim' EXIT", "return 0", "cd /", "PATH=/nonexistent", "LC_ALL=de_DE",
    ],
)  # fmt: skip
def test_whatever_else_the_file_does_the_servers_are_told(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, f"{NODES}{SECRETS}{line}\n").servers == ("snow01", "snow02")
    assert read(tmp_path, f"{line.replace('return 0', '')}\n{SECRETS}{NODES}").servers == ("snow01", "snow02")


@pytest.mark.parametrize("line", ["exit 0", "set -e; false", "kill -9 $$"])
def test_a_file_that_ends_bash_names_no_servers(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, f"{NODES}{line}\n").servers == ()


@pytest.mark.parametrize("line", ["IPMI_PASSWORD=( geheim'", "IPMI_PASSWORD=geheim)", "fi; echo geheim", "x=(\ngeheim"])
def test_a_syntax_error_is_told_by_its_line_and_no_word_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigurationError, match="syntax error; line ") as caught:
        read(tmp_path, NODES + line + "\n")
    assert "geheim" not in str(caught.value) + caplog.text
    assert "bash -n" in caught.value.remedy


def test_no_secret_leaves_bash(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        found = read(tmp_path, SNOW_CONF + "SECRET=geheim\necho $SECRET\n")
    assert "geheim" not in f"{found}{caplog.text}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("( br0 10.1.0.254 10.1.0.1 10.1.0.0 /24 )", Network("br0", "10.1.0.254", 24)),
        ("( br0 10.1.0.254 10.1.0.1 10.1.0.0 24 )", Network("br0", "10.1.0.254", 24)),
        ("( br0 10.1.0.254 10.1.0.1 10.1.0.0 255.255.255.192 )", Network("br0", "10.1.0.254", 26)),
        ("( br0 10.1.0.254 )", Network("br0", "10.1.0.254", 24)),
        ("( br0 10.1.0.254 '' '' '' '' )", Network("br0", "10.1.0.254", 24)),
        ("( br0 '' )", None),
        ("( br0 )", None),
        ("()", None),
    ],
)
def test_a_network_is_its_bridge_its_gateway_and_its_prefix(
    tmp_path: Path, fields: str, expected: Network | None
) -> None:
    assert read(tmp_path, f"NET_SNOW={fields}\n").net_snow == expected


@pytest.mark.parametrize(
    "fields", ["( br0 gateway )", "( br0 10.1.0.300 )", "( br0 10.1.0.1 '' '' /99 )", "( br0 1 2 3 x )"]
)
def test_a_network_that_makes_no_sense_is_told(tmp_path: Path, fields: str) -> None:
    with pytest.raises(ConfigurationError, match="NET_COMP makes no sense"):
        read(tmp_path, f"NET_COMP={fields}\n")


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "1.5", "''"])
def test_a_speed_that_is_no_number_is_told(tmp_path: Path, speed: str) -> None:
    with pytest.raises(ConfigurationError, match="SNOW_HA_MIGRATION_MIB_S"):
        read(tmp_path, f"SNOW_HA_MIGRATION_MIB_S={speed}\n")


@pytest.mark.parametrize("setting", settings.SETTINGS, ids=lambda setting: setting.name)
def test_a_wrong_setting_is_named_with_its_line_and_the_reason(tmp_path: Path, setting: Setting) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, f"{NODES}\n# {setting.name}=1\n  export {setting.name}='-?'\n")
    line = NODES.count("\n") + 3
    assert str(caught.value) == (f"{tmp_path}/snow.conf:{line}: {setting.name}='-?'; it is {setting.must}; mend it")


def test_what_nobody_reads_is_told_with_the_name_that_was_meant(tmp_path: Path) -> None:
    found = read(tmp_path, "SNOW_NODE=( a b )\nSNOW_HA_WATCHDOG=9\n#SNOW_HA_X=1\nSNOW_HA_Y[0]+=1\nSNOW_ROOT=/sNow\n")
    assert found.unknown == (
        (1, "SNOW_NODE", "SNOW_NODES"), (2, "SNOW_HA_WATCHDOG", "SNOW_HA_WATCHDOG_S"), (4, "SNOW_HA_Y", ""),
    )  # fmt: skip
    assert found.servers == ()


def test_without_settings_the_defaults_hold(tmp_path: Path) -> None:
    found = read(tmp_path, NODES)
    assert (found.migration_mib_s, found.fencing, found.watchdog_s, found.qdevice) == (80, "", 15, "")
    assert found.unknown == ()


def test_a_mistyped_domain_is_not_to_be_deployed(tmp_path: Path) -> None:
    (tmp_path / "web01.cfg").write_text("name = 'web01'\n")
    with pytest.raises(NoSuchObjectError, match="did you mean web01"):
        snowtools.read_domain(tmp_path, "wbe01")
    with pytest.raises(NoSuchObjectError, match="snow deploy mail"):
        snowtools.read_domain(tmp_path, "mail")


def test_a_speed_can_be_set(tmp_path: Path) -> None:
    assert read(tmp_path, "SNOW_HA_MIGRATION_MIB_S=1000\n").migration_mib_s == 1000


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", ()),
        ("SNOW_HA_ALERT_MAIL=", ()),
        ("SNOW_HA_ALERT_MAIL=root", ("root",)),
        ("SNOW_HA_ALERT_MAIL='root, ops+ha@example.org'", ("root", "ops+ha@example.org")),
        ("SNOW_HA_ALERT_MAIL=( root ops@example.org )", ("root", "ops@example.org")),
    ],
)
def test_notices_go_to_one_address_or_more(tmp_path: Path, text: str, addresses: tuple[str, ...]) -> None:
    assert read(tmp_path, NODES + text).alert_mail == addresses


@pytest.mark.parametrize("address", ["-oQ/tmp", "a@b@c", "root;reboot", "'a\nBcc: b'", "<root>"])
def test_what_is_no_address_is_told(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError, match="SNOW_HA_ALERT_MAIL"):
        read(tmp_path, f'{NODES}SNOW_HA_ALERT_MAIL="{address}"')


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_a_file_that_others_can_write_is_not_executed(tmp_path: Path, mode: int) -> None:
    path = conf(tmp_path, f"touch {tmp_path}/executed\n", mode)
    with pytest.raises(PermissionDeniedError, match="can be written by others"):
        snowtools.read_conf(path)
    assert not (tmp_path / "executed").exists()


def test_a_file_of_another_user_is_not_executed(tmp_path: Path) -> None:
    path = conf(tmp_path, f"touch {tmp_path}/executed\n")
    os.chown(path, 65534, -1)
    with pytest.raises(PermissionDeniedError, match="belongs to another user"):
        snowtools.read_conf(path)
    assert not (tmp_path / "executed").exists()


def test_a_link_to_a_file_that_others_can_write_is_not_executed(tmp_path: Path) -> None:
    target = conf(tmp_path, NODES, 0o622)
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(PermissionDeniedError, match=r"chmod 600 .*/snow\.conf"):
        snowtools.read_conf(link)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o644, 0o755])
def test_a_file_that_only_its_owner_can_write_is_fine(tmp_path: Path, mode: int) -> None:
    assert snowtools.read_conf(conf(tmp_path, NODES, mode)).servers == ("snow01", "snow02")


def test_no_file_is_told_apart_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="there is no "):
        snowtools.read_conf(tmp_path / "none")
    with pytest.raises(PermissionDeniedError, match="cannot be read"):
        snowtools.read_conf(tmp_path)


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
