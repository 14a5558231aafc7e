"""What is read of a snow.conf, and which one is not read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from snow_ha_plugin.core import settings
from snow_ha_plugin.core.settings import Setting
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoInputError,
    NoSuchObjectError,
    PermissionDeniedError,
)
from snow_ha_plugin.model import Network, SnowConf
from snow_ha_plugin.system import snow_conf, snowtools

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
    return snow_conf.read(conf(directory, text))


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


@pytest.mark.parametrize("name", ["NET_SNOW", "NET_COMP"])
@pytest.mark.parametrize(
    "fields", ["( br0 gateway )", "( br0 10.1.0.300 )", "( br0 10.1.0.1 '' '' /99 )", "( br0 1 2 3 x )"]
)
def test_a_network_that_makes_no_sense_is_told(tmp_path: Path, name: str, fields: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} makes no sense"):
        read(tmp_path, f"{name}={fields}\n")


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
        snow_conf.read(path)
    assert not (tmp_path / "executed").exists()


def test_a_file_of_another_user_is_not_executed(tmp_path: Path) -> None:
    path = conf(tmp_path, f"touch {tmp_path}/executed\n")
    os.chown(path, 65534, -1)
    with pytest.raises(PermissionDeniedError, match="belongs to another user"):
        snow_conf.read(path)
    assert not (tmp_path / "executed").exists()


def test_a_link_to_a_file_that_others_can_write_is_not_executed(tmp_path: Path) -> None:
    target = conf(tmp_path, NODES, 0o622)
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(PermissionDeniedError, match=r"chmod 600 .*/snow\.conf"):
        snow_conf.read(link)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o644, 0o755])
def test_a_file_that_only_its_owner_can_write_is_fine(tmp_path: Path, mode: int) -> None:
    assert snow_conf.read(conf(tmp_path, NODES, mode)).servers == ("snow01", "snow02")


def test_no_file_is_told_apart_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="there is no "):
        snow_conf.read(tmp_path / "none")
    with pytest.raises(PermissionDeniedError, match="cannot be read"):
        snow_conf.read(tmp_path)
